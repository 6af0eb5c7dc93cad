#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Finds what building and testing need and is not there; installs it with the system's package
# manager. Without argument: only if something is missing. apt is tested; the others are not.
set -eu

missing=
need() { # need TEST… -- what it is
	"$@" >/dev/null 2>&1 || missing="$missing $*;"
}
need command -v gcc
need command -v clang
need test -x /usr/sbin/bpftool -o -x /usr/local/sbin/bpftool -o -x /usr/bin/bpftool
for header in bpf/libbpf.h libelf.h zlib.h jansson.h uthash.h cmocka.h curses.h microhttpd.h cap-ng.h; do
	need test -e "/usr/include/$header"
done
need sh -c 'ls "$(clang -print-resource-dir)"/lib/linux/libclang_rt.fuzzer* # libFuzzer'
need command -v clang-format
need command -v cppcheck
need command -v ip
need command -v tmux
need command -v promtool
need command -v mandoc
need command -v zsh
need command -v fish
need command -v node
need command -v npm
need test -x /usr/sbin/pgbouncer -o -x /usr/bin/pgbouncer
need sh -c 'command -v chromium || command -v chromium-browser'
need command -v chromedriver
need test -x /usr/bin/python3
need /usr/bin/python3 -c 'import pytest, psycopg2, jsonschema, selenium, yaml'
need sh -c 'ls /usr/lib/postgresql/*/bin/postgres /usr/bin/postgres 2>/dev/null | grep -q .'

[ -z "$missing" ] && [ "${1:-}" != install ] && exit 0
[ "$(id -u)" = 0 ] || { echo "missing:$missing run \`sudo make deps\`" >&2; exit 1; }
echo "installing what is missing:$missing" >&2

if command -v apt-get >/dev/null; then
	export DEBIAN_FRONTEND=noninteractive
	apt-get update -q
	# A server of one's own is not wanted: only the programs.
	mkdir -p /etc/postgresql-common
	[ -e /etc/postgresql-common/createcluster.conf ] ||
		echo 'create_main_cluster = false' > /etc/postgresql-common/createcluster.conf
	set -- gcc make clang llvm bpftool libbpf-dev libelf-dev zlib1g-dev libjansson-dev uthash-dev \
		libncurses-dev tmux mandoc zsh fish \
		libcmocka-dev clang-format cppcheck iproute2 python3-pytest python3-psycopg2 \
		python3-jsonschema postgresql postgresql-contrib pgbouncer libmicrohttpd-dev libcap-ng-dev libcap2-bin prometheus \
		chromium chromium-driver python3-selenium python3-yaml fonts-dejavu-core
	command -v node >/dev/null && command -v npm >/dev/null || set -- "$@" nodejs npm
	apt-get install -y -q --no-install-recommends "$@"
	apt-get install -y -q --no-install-recommends \
		"libclang-rt-$(clang -dumpversion | cut -d. -f1)-dev"
elif command -v dnf >/dev/null; then # not tested
	dnf install -y gcc make clang llvm bpftool libbpf-devel elfutils-libelf-devel zlib-devel \
		jansson-devel uthash-devel ncurses-devel tmux mandoc zsh fish libmicrohttpd-devel libcap-ng-devel libcmocka-devel clang-tools-extra cppcheck iproute python3-pytest \
		python3-psycopg2 python3-jsonschema postgresql-server postgresql-contrib pgbouncer nodejs npm \
		chromium chromedriver python3-selenium python3-pyyaml dejavu-sans-fonts
elif command -v apk >/dev/null; then # not tested
	apk add gcc musl-dev argp-standalone make clang llvm bpftool libbpf-dev elfutils-dev zlib-dev \
		jansson-dev uthash-dev ncurses-dev tmux mandoc zsh fish libmicrohttpd-dev libcap-ng-dev cmocka-dev clang-extra-tools cppcheck iproute2 py3-pytest \
		py3-psycopg2 py3-jsonschema postgresql postgresql-contrib pgbouncer nodejs npm \
		chromium chromium-chromedriver py3-selenium py3-yaml font-dejavu
elif command -v pacman >/dev/null; then # not tested
	pacman -S --noconfirm --needed gcc make clang llvm bpf libbpf libelf zlib jansson uthash ncurses tmux mandoc zsh fish libmicrohttpd libcap-ng cmocka \
		cppcheck iproute2 python-pytest python-psycopg2 python-jsonschema postgresql pgbouncer nodejs npm \
		chromium python-selenium python-yaml ttf-dejavu
else
	echo "no package manager known here; needed:$missing" >&2
	exit 1
fi
