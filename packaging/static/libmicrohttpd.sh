#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# libmicrohttpd.a without TLS, for the static program: the distribution's wants gnutls, which has no static
# p11-kit. Built from the distribution's own source package, fetched and verified by apt.
# Usage: libmicrohttpd.sh OUT.a
set -eu
out=$(realpath -m "$1")
work=$out.build
rm -rf "$work"
mkdir -p "$work/lists/partial"
# "ADDRESS SUITE/COMPONENT": where the installed one can be had from.
from=$(apt-cache policy libmicrohttpd-dev | awk '/^ +[0-9]+ (http|file)/ {print $2, $3; exit}')
[ -n "$from" ] || { echo "$0: apt knows no libmicrohttpd-dev" >&2; exit 1; }
suite=${from#* }
echo "deb-src ${from% *} ${suite%/*} ${suite##*/}" > "$work/sources.list"
cd "$work"
set -- -qq -o Dir::State::Lists="$work/lists" -o Dir::Etc::SourceList="$work/sources.list" \
	-o Dir::Etc::SourceParts=/dev/null -o APT::Sandbox::User=root
apt-get "$@" update
apt-get "$@" source --download-only libmicrohttpd
tar xf libmicrohttpd_*.orig.tar.*
cd libmicrohttpd-*/
./configure --quiet --disable-shared --enable-static --disable-https --disable-doc --disable-examples --disable-curl \
	--disable-bauth --disable-dauth --disable-postprocessor CFLAGS='-O2 -g' >&2
make -s -C src/microhttpd libmicrohttpd.la >/dev/null
cp src/microhttpd/.libs/libmicrohttpd.a "$out"
rm -rf "$work"
