#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Finds what is needed and not there, and installs it with the system's package manager.
#
#   tests/deps.sh [build|demo|check|bench] [install]
#
# Each group needs those before it. With `install` everything of the group is installed, else only
# if something is missing. apt is tested; dnf, apk and pacman are not.
set -eu

wanted=build force=
for argument; do
	case $argument in
	build | demo | check | bench) wanted=$argument ;;
	install) force=yes ;;
	*) echo "usage: tests/deps.sh [build|demo|check|bench] [install]" >&2; exit 64 ;;
	esac
done

header() { [ -e "/usr/include/$1" ]; }
command_() { command -v "$1" > /dev/null; }
sbin() { [ -x "/usr/sbin/$1" ] || [ -x "/usr/local/sbin/$1" ] || command_ "$1"; }
python() { /usr/bin/python3 -c "import $1" 2> /dev/null; }
fuzzer() { compgen -G "$(clang -print-resource-dir)/lib/linux/libclang_rt.fuzzer*" > /dev/null; }
server() { compgen -G "/usr/lib/postgresql/*/bin/postgres" > /dev/null || [ -x /usr/bin/postgres ]; }
contrib() { command_ pgbench || compgen -G "/usr/lib/postgresql/*/bin/pgbench" > /dev/null; }
font() { [ -n "$(find /usr/share/fonts -iname 'DejaVuSans.ttf' 2> /dev/null)" ]; }
# The running kernel's headers or any: bcc compiles against them.
headers() { [ "$(uname -m)" != x86_64 ] || compgen -G "/lib/modules/$(uname -r)/build" > /dev/null || compgen -G "/usr/src/linux-headers-*" > /dev/null; }
browser() { command_ chromium || command_ chromium-browser; }

# group | how it is told | apt | dnf | apk | pacman; "-": not packaged there, or part of another
needs() {
	cat <<-'END'
	build|command_ gcc|gcc|gcc|gcc musl-dev argp-standalone|gcc
	build|command_ make|make|make|make|make
	build|command_ clang|clang|clang|clang|clang
	build|command_ llvm-strip|llvm|llvm|llvm|llvm
	build|sbin bpftool|bpftool|bpftool|bpftool|bpf
	build|header bpf/libbpf.h|libbpf-dev|libbpf-devel|libbpf-dev|libbpf
	build|header libelf.h|libelf-dev|elfutils-libelf-devel|elfutils-dev|libelf
	build|header zlib.h|zlib1g-dev|zlib-devel|zlib-dev|zlib
	build|header jansson.h|libjansson-dev|jansson-devel|jansson-dev|jansson
	build|header uthash.h|uthash-dev|uthash-devel|uthash-dev|uthash
	build|header curses.h|libncurses-dev|ncurses-devel|ncurses-dev|ncurses
	build|header microhttpd.h|libmicrohttpd-dev|libmicrohttpd-devel|libmicrohttpd-dev|libmicrohttpd
	build|header cap-ng.h|libcap-ng-dev|libcap-ng-devel|libcap-ng-dev|libcap-ng
	demo|server|postgresql|postgresql-server|postgresql|postgresql
	demo|python psycopg2|python3-psycopg2|python3-psycopg2|py3-psycopg2|python-psycopg2
	demo|command_ node|nodejs|nodejs|nodejs|nodejs
	demo|command_ npm|npm|npm|npm|npm
	check|header cmocka.h|libcmocka-dev|libcmocka-devel|cmocka-dev|cmocka
	check|fuzzer|-|compiler-rt|compiler-rt|compiler-rt
	check|command_ clang-format|clang-format|clang-tools-extra|clang-extra-tools|-
	check|command_ cppcheck|cppcheck|cppcheck|cppcheck|cppcheck
	check|sbin ip|iproute2|iproute|iproute2|iproute2
	check|sbin iptables|iptables|iptables|iptables|iptables
	check|sbin capsh|libcap2-bin|libcap|libcap|libcap
	check|command_ tmux|tmux|tmux|tmux|tmux
	check|command_ mandoc|mandoc|mandoc|mandoc|mandoc
	check|command_ zsh|zsh|zsh|zsh|zsh
	check|command_ fish|fish|fish|fish|fish
	check|command_ systemd-nspawn|systemd-container|systemd-container|-|systemd
	check|command_ rsyslogd|rsyslog|rsyslog|rsyslog|-
	check|command_ promtool|prometheus|-|prometheus|prometheus
	check|sbin pgbouncer|pgbouncer|pgbouncer|pgbouncer|pgbouncer
	check|contrib|postgresql-contrib|postgresql-contrib|postgresql-contrib|postgresql
	check|python pytest|python3-pytest|python3-pytest|py3-pytest|python-pytest
	check|python jsonschema|python3-jsonschema|python3-jsonschema|py3-jsonschema|python-jsonschema
	check|python selenium|python3-selenium|python3-selenium|py3-selenium|python-selenium
	check|python yaml|python3-yaml|python3-pyyaml|py3-yaml|python-yaml
	check|browser|chromium|chromium|chromium|chromium
	check|command_ chromedriver|chromium-driver|chromedriver|chromium-chromedriver|-
	check|font|fonts-dejavu-core|dejavu-sans-fonts|font-dejavu|ttf-dejavu
	check|command_ qemu-system-x86_64|qemu-system-x86 ipxe-qemu seabios|qemu-system-x86|qemu-system-x86_64|qemu-system-x86
	check|command_ busybox|busybox-static|busybox|busybox-static|busybox
	bench|sbin tcplife|libbpf-tools|libbpf-tools|bcc-tools|libbpf-tools
	bench|sbin tcplife-bpfcc|bpfcc-tools|bcc-tools|bcc-tools|bcc-tools
	bench|command_ bpftrace|bpftrace|bpftrace|bpftrace|bpftrace
	bench|command_ lsof|lsof|lsof|lsof|lsof
	bench|headers|linux-headers-cloud-amd64|kernel-devel|linux-lts-dev|linux-headers
	bench|command_ netstat|net-tools|net-tools|net-tools|net-tools
	END
}

case "$(command -v apt-get dnf apk pacman | head -n 1)" in # its column above
*apt-get) column=3 ;;
*dnf) column=4 ;;
*apk) column=5 ;;
*pacman) column=6 ;;
*) column=0 ;;
esac

missing='' packages=() last=
while IFS='|' read -r -a row; do
	[ "$last" != "$wanted" ] || [ "${row[0]}" = "$wanted" ] || break # a group that is not wanted
	last=${row[0]}
	[ -n "$force" ] || ! ${row[1]} || continue
	missing+=" (${row[1]})"
	[ "$column" = 0 ] || read -r -a more <<< "${row[column - 1]}"
	[ "${more[*]:--}" = - ] || packages+=("${more[@]}")
done < <(needs)

[ -n "$missing" ] || exit 0
[ "$(id -u)" = 0 ] || { echo "missing:$missing; run \`sudo make deps\`" >&2; exit 1; }
[ "$column" != 0 ] || { echo "no package manager known here; needed:$missing" >&2; exit 1; }
echo "installing what is missing:$missing" >&2
case $column in
3)
	export DEBIAN_FRONTEND=noninteractive
	apt-get update -q
	# A server of one's own is not wanted, only the programs; afterwards the host is as it was.
	asked=/etc/postgresql-common/createcluster.conf
	if [ "$wanted" != build ] && [ ! -e $asked ]; then
		mkdir -p ${asked%/*}
		echo 'create_main_cluster = false' > $asked
		trap 'rm -f $asked' EXIT
	fi
	[ ${#packages[@]} = 0 ] || apt-get install -y -q --no-install-recommends "${packages[@]}"
	[ "$wanted" = build ] || [ "$wanted" = demo ] || fuzzer || # its name has clang's version
		apt-get install -y -q --no-install-recommends \
			"libclang-rt-$(clang -dumpversion | cut -d. -f1)-dev"
	;;
4) dnf install -y "${packages[@]}" ;;
5) apk add "${packages[@]}" ;;
6) pacman -S --noconfirm --needed "${packages[@]}" ;;
esac
