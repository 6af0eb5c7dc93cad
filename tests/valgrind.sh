#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# A live watch under valgrind, with connections that come, stay and go, recorded and replayed: no
# error, nothing definitely or indirectly lost. Usage: tests/valgrind.sh BUILD. Needs root.
set -eu
build=$1
command -v valgrind >/dev/null || { echo "valgrind is missing (Debian: apt install valgrind)"; exit 1; }
folder=$(mktemp -d)
port=$((20000 + $$ % 10000))
trap 'rm -rf "$folder"; kill $sink 2>/dev/null || true' EXIT
mkfifo "$folder/hold"
exec 9<>"$folder/hold" # the server waits for its end
"$build/tools/sink" 127.0.0.1 $port <"$folder/hold" >"$folder/sink" 9<&- &
sink=$!
until [ -s "$folder/sink" ]; do sleep 0.1; done

# libbpf and libelf keep what they allocate once; what we lose is ours.
watched() {
	valgrind --quiet --error-exitcode=99 --leak-check=full --errors-for-leak-kinds=definite,indirect \
		--show-leak-kinds=definite,indirect --suppressions="$(dirname "$0")/valgrind.supp" --child-silent-after-fork=yes "$build/pgleaktrace" "$@"
}
watched -P $port --unix=off -d 8 -v --record "$folder/r.ndjson" --metrics 0 >"$folder/report" 2>"$folder/notes" &
watch=$!
until grep -q 'watching' "$folder/notes"; do
	kill -0 $watch || { cat "$folder/notes"; exit 1; }
	sleep 0.2
done
for how in exit _exit kill; do
	"$build/tools/leaker" -n 5 -c 2 -e $how 127.0.0.1 $port </dev/null >/dev/null || true
done
wait $watch || { cat "$folder/notes"; exit 1; }
grep -q 'Complete: nothing lost' "$folder/report" || { cat "$folder/report"; exit 1; }
for form in text lines json ndjson html trace openmetrics; do
	watched --replay "$folder/r.ndjson" -v -o $form >"$folder/$form" 2>"$folder/notes" || { cat "$folder/notes"; exit 1; }
done
echo "valgrind: a watch, its recording and seven forms of it: no error, nothing lost"
