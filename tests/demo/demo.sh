#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
#
# demo.sh PGLEAKTRACE [RECORDING]: the incident in small, on this machine, in under a minute; with
# RECORDING, the tracer writes one there (tests/demo/pictures.py makes README's from it).
#
# A throwaway PostgreSQL on a private port, a handful of scripts of which some leak, and one run of
# the tracer to tell which. Everything is gone afterwards, on Ctrl-C too: each process is stopped by
# its own pid, and all files live in one temporary folder.
set -u

tracer=$(realpath "${1:?usage: demo.sh PATH/TO/pgleaktrace [RECORDING]}")
recording=${2:+$(realpath "$2")}
build=$(dirname "$tracer")
here=$(cd "$(dirname "$0")" && pwd)
seconds=12

patience=60   # seconds for the scripts to have their connections

pids=()       # the scripts
server=       # the postmaster
declare -A holds=() # pid → connections that a script holds before anybody looks
folder=

bold=$(test -t 1 && tput bold 2>/dev/null) plain=$(test -t 1 && tput sgr0 2>/dev/null)

step() {
	printf '\n%s== %s%s\n' "$bold" "$1" "$plain"
}

tell() {
	printf '   %-24s %s\n' "$@"
}

give_up() {
	printf 'demo: %s\n' "$1" >&2
	exit "${2:-1}"
}

clean_up() {
	trap '' INT TERM
	if [ ${#pids[@]} -gt 0 ]; then
		kill -KILL "${pids[@]}" 2>/dev/null
		wait "${pids[@]}" 2>/dev/null
	fi
	if [ -n "$server" ]; then
		kill -QUIT "$server" 2>/dev/null     # PostgreSQL's immediate shutdown
		wait "$server" 2>/dev/null
	fi
	[ -z "$folder" ] || rm -rf "$folder"
}

# Starts a script in the background, without our signals or our terminal: run PROGRAM ARG…
run() {
	"$@" </dev/null >>"$folder/scripts.log" 2>&1 &
	pids+=($!)
}

# -- the server -----------------------------------------------------------------------------------

server_folder() {
	local postgres
	postgres=$(find /usr/lib/postgresql/*/bin /usr/pgsql-*/bin -name postgres 2>/dev/null |
		sort -V | tail -1)
	postgres=${postgres:-$(command -v postgres)} ||
		give_up "no PostgreSQL server here (Debian: apt install postgresql)"
	dirname "$postgres"
}

port_free() {
	local port
	for _ in $(seq 100); do
		port=$((20000 + RANDOM % 12000))
		(exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null || { echo "$port"; return; }
	done
	give_up "no free port found"
}

as_postgres() {
	(cd "$folder" && exec setpriv --reuid=postgres --regid=postgres --clear-groups "$@")
}

server_start() {
	local bin log=$folder/server.log
	bin=$(server_folder) || exit 1
	chown postgres: "$folder"
	as_postgres "$bin/initdb" -D "$folder/data" -A trust -U postgres --no-sync >"$log" 2>&1 ||
		give_up "initdb failed: $(tail -1 "$log")"
	cd "$folder" || exit 1
	setpriv --reuid=postgres --regid=postgres --clear-groups "$bin/postgres" -D "$folder/data" \
		-c port="$PGPORT" -c listen_addresses=127.0.0.1 -c unix_socket_directories="$folder" \
		-c max_connections=40 -c fsync=off -c shared_buffers=16MB >>"$log" 2>&1 &
	server=$!
	cd "$folder/shop" || exit 1
	for _ in $(seq 100); do
		# The eighth line is the state; asking the socket would need a login.
		sed -n 8p "$folder/data/postmaster.pid" 2>/dev/null | grep -q ready && return
		kill -0 "$server" 2>/dev/null || give_up "PostgreSQL did not start: $(tail -1 "$log")"
		sleep 0.1
	done
	give_up "PostgreSQL was not ready after 10 s"
}

# -- the scripts ----------------------------------------------------------------------------------

node_ready() {
	command -v node >/dev/null && command -v npm >/dev/null || return 1
	"$here/../live/clients/install.sh" "$build" >"$folder/npm.log" 2>&1 &&
		ln -s "$build/node/node_modules" "$folder/shop/node_modules"
}

# The script just started holds so many from then on: hold NUMBER
hold() {
	holds[${pids[-1]}]=$1
}

# How many connections to the server a process has: connections_of PID
connections_of() {
	{ readlink "/proc/$1/fd/"*; cat /proc/net/tcp; } 2>/dev/null |
		awk -v port=":$(printf %04X "$PGPORT")" '
			/^socket:/ { has[substr($0, 9, length($0) - 9)] = 1 }
			$4 == "01" && $10 in has && substr($3, 9) == port { n++ }
			END { print n + 0 }'
}

# What is there before the tracer comes must be there when it comes, however slow the machine is.
early_wait() {
	local pid count end=$((SECONDS + patience))
	for pid in "${!holds[@]}"; do
		while count=$(connections_of "$pid"); [ "$count" -lt "${holds[$pid]}" ]; do
			kill -0 "$pid" 2>/dev/null ||
				give_up "a script ended early: $(tail -1 "$folder/scripts.log")"
			[ "$SECONDS" -lt "$end" ] || give_up "after $patience s pid $pid has $count of \
${holds[$pid]} connections ($(tr '\0' ' ' <"/proc/$pid/cmdline")): is this machine very busy?"
			sleep 0.2
		done
	done
}

early_start() {
	if [ -n "$node" ]; then
		for _ in 1 2 3; do run node scripts/sync-users.js; hold 4; done
		tell "3 x sync-users.js" "Prisma, never disconnects: 4 connections each"
	fi
	if [ -n "$python" ]; then
		run /usr/bin/python3 scripts/invoices.py
		tell "invoices.py" "psycopg2, closes what it opens"
	fi
	run sh scripts/backup.sh
	tell "backup.sh" "psql every 2 s"
	if [ -n "$perl" ]; then
		run perl scripts/cleanup.pl
		hold 1
		tell "cleanup.pl" "Perl DBI, one more every 3 s: in 12 s still no more than a pool"
	fi
	if [ -n "$php" ]; then
		run php scripts/newsletter.php
		hold 1
		tell "newsletter.php" "PHP, the same"
	fi
}

# What starts while the tracer is watching.
late_start() {
	if [ -n "$node" ]; then
		run node scripts/send-mails.js
		run node scripts/report.js
		tell "send-mails.js" "a new connection every second, none is ended"
		tell "report.js" "a pool, ended every time"
	fi
	if [ -n "$python" ]; then
		for _ in 1 2; do run /usr/bin/python3 scripts/import.py; done
		tell "2 x import.py" "3 connections each, then exits without closing"
	fi
	psql -XAtqc 'SELECT pg_sleep(600)' </dev/null >>"$folder/scripts.log" 2>&1 &
	sleeper=$!
	tell "psql" "killed inside a query: its backend works on"
	sleep 2
	kill -KILL "$sleeper" 2>/dev/null
	wait "$sleeper" 2>/dev/null
}

# -- the story ------------------------------------------------------------------------------------

[ "$(id -u)" = 0 ] || give_up "the tracer loads BPF programs: sudo make demo" 77
[ -x "$tracer" ] || give_up "$tracer is missing: run make first"
id postgres >/dev/null 2>&1 || give_up "there is no user postgres (Debian: apt install postgresql)"

trap clean_up EXIT
trap 'exit 130' INT TERM
folder=$(mktemp -d "${TMPDIR:-/tmp}/pgleaktrace-demo.XXXXXX")
mkdir "$folder/shop" && cp -R "$here/scripts" "$folder/shop/" || give_up "no room in $folder"
PGPORT=$(port_free) || exit 1
export PGPORT PGHOST=127.0.0.1 PGUSER=postgres PGDATABASE=postgres PGSSLMODE=disable
export DATABASE_URL="postgresql://postgres:secret@127.0.0.1:$PGPORT/postgres"

step "A throwaway PostgreSQL on port $PGPORT, 40 connections at most"
server_start

node='' python='' perl='' php=''
step "Looking for languages that can talk to it"
node_ready && node=yes
/usr/bin/python3 -c 'import psycopg2' 2>/dev/null && python=yes
perl -MDBD::Pg -e 1 2>/dev/null && perl=yes
php -r 'exit(function_exists("pg_connect") ? 0 : 1);' 2>/dev/null && php=yes
tell "psql" "yes"
tell "Node, node-postgres" "${node:-no}"
tell "Python, psycopg2" "${python:-no}"
tell "Perl, DBD::Pg" "${perl:-no}"
tell "PHP, pgsql" "${php:-no}"

step "Scripts that were there before anybody looked"
early_start
early_wait

step "Now somebody asks: sudo pgleaktrace -P $PGPORT -d $seconds"
echo "   … and meanwhile there come:"
"$tracer" -P "$PGPORT" -d "$seconds" --older 5s ${recording:+--record "$recording"} >"$folder/report.txt" 2>"$folder/notes.txt" &
watcher=$! end=$((SECONDS + patience))
pids+=("$watcher") # a Ctrl-C here is for the demo: the tracer is then stopped like the rest
until grep -qs '^pgleaktrace: watching ' "$folder/notes.txt"; do
	kill -0 "$watcher" 2>/dev/null || break # what it said comes below
	[ "$SECONDS" -lt "$end" ] || give_up "after $patience s the tracer does not watch yet"
	sleep 0.1
done
late_start
if ! wait "$watcher"; then
	cat "$folder/notes.txt" >&2
	give_up "the tracer failed"
fi

step "Its answer"
cat "$folder/report.txt"

step "That was all"
echo "   The server, the scripts and their files are gone. On your own server:"
echo "   sudo $1 -d 30"
