#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# make demo: a throwaway PostgreSQL with 30 slots, honest and leaking scripts, and the report that
# tells them apart. Usage: demo.sh PATH/TO/pgleaktrace. Leaves nothing behind, on Ctrl-C too.
set -eu

tracer=$(realpath "$1")
shop=$(realpath "$(dirname "$0")/shop")
modules=$(dirname "$tracer")/node/node_modules # only if the tests have installed them
folder=$(mktemp -d /tmp/pgleaktrace-demo.XXXXXX)
pids=()

bin=$(ls -d /usr/lib/postgresql/*/bin 2>/dev/null | sort -V | tail -1)
bin=${bin:-$(dirname "$(command -v postgres)")}
as_postgres() { setpriv --reuid=postgres --regid=postgres --clear-groups "$@"; }

clean_up() {
	trap - EXIT INT TERM
	for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null || true; done
	as_postgres "$bin/pg_ctl" -D "$folder/data" stop -m immediate >/dev/null 2>&1 || true
	wait 2>/dev/null || true
	rm -rf "$folder"
}
trap clean_up EXIT
trap 'clean_up; exit 130' INT TERM

port=$(/usr/bin/python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
say() { printf '\n== %s\n' "$*"; }

say "A throwaway PostgreSQL on port $port, max_connections = 30"
chmod 755 "$folder"
install -d -o postgres -g postgres "$folder/data"
(cd "$folder" && as_postgres "$bin/initdb" -D "$folder/data" -A trust -N >/dev/null)
(cd "$folder" && as_postgres "$bin/pg_ctl" -D "$folder/data" -w -l "$folder/data/log" -o \
	"-p $port -k $folder/data -c max_connections=30 -c listen_addresses=127.0.0.1 -c fsync=off" start >/dev/null)
export PGHOST=127.0.0.1 PGPORT=$port PGUSER=postgres PGDATABASE=postgres

cp -r "$shop" "$folder/shop"
cd "$folder/shop"
start() { "$@" >/dev/null 2>&1 </dev/null & pids+=($!); }

say "Scripts start: some close what they open, some do not"
"$tracer" -P "$port" -d 14 --older 3s > "$folder/report" 2> "$folder/notes" &
report=$!
pids+=("$report")
sleep 1
for job in 1 2 3 4 5; do
	start /usr/bin/python3 scripts/sync_users.py --job "$job"   # opens 3, never closes, sits there
	start /usr/bin/python3 scripts/nightly_report.py            # closes in a with block
	start /usr/bin/python3 scripts/import_orders.py             # leaves without closing
	start bash scripts/vacuum.sh                                # psql, clean
	if command -v node >/dev/null && [ -d "$modules/pg" ]; then
		start env NODE_PATH="$modules" node scripts/seed.js # never ends its pool
		start env NODE_PATH="$modules" node scripts/mailer.js # ends it in finally
	fi
	sleep 0.7
done

say "Meanwhile, somebody wants to work"
psql -Atc "select 'it works'" 2>&1 | head -2 || true

say "sudo pgleaktrace -P $port -d 14 --older 3s"
wait "$report"
cat "$folder/report"
say "Your own server: sudo build/pgleaktrace -d 30     (everything of this demo is gone again)"
