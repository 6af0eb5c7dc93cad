#!/bin/busybox sh
# SPDX-License-Identifier: BSD-2-Clause
# The first process of a guest: mounts what a system has, starts PostgreSQL, runs the live core, and
# turns the machine off. Everything it finds goes to the second serial line, each part behind a line
# "== NAME"; kernels.py reads that. The tools are those of the live tests.
/bin/busybox --install -s /bin
export PATH=/bin:/sbin HOME=/
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs dev /dev
mount -t cgroup2 cgroup /sys/fs/cgroup
mount -t tmpfs -o mode=1777 tmp /tmp
mkdir -p /dev/shm && mount -t tmpfs -o mode=1777 shm /dev/shm
ip link set lo up
exec > /dev/ttyS1 2>&1 < /dev/null

part() { echo "== $1"; }
off() { part end; sync; poweroff -f; }

# Until COMMAND succeeds, 120 s at most: software emulation is slow.
until_true() {
	tries=0
	until "$@" > /dev/null 2>&1; do
		tries=$((tries + 1))
		[ $tries -lt 1200 ] || { part "timeout: $*"; off; }
		usleep 100000
	done
}

armed() { grep -q "^pgleaktrace: watching" /tmp/notes; }
watch() { # watch OPTION…: a tracer in the background, armed
	: > /tmp/notes
	pgleaktrace -o json "$@" > /tmp/report 2> /tmp/notes &
	tracer=$!
	until_true armed
}
report() { # report NAME: Ctrl-C, and what it said
	kill -INT $tracer
	wait $tracer
	status=$?
	part "$1"
	cat /tmp/report
	part "$1 notes"
	cat /tmp/notes
	echo "exit $status"
}

part release
uname -r
part check
pgleaktrace --check
echo "exit $?"
pgleaktrace --once -o json > /tmp/once 2> /tmp/notes
status=$?
part once
cat /tmp/once
part "once notes"
cat /tmp/notes
echo "exit $status"
[ $status = 0 ] || { part verbose; pgleaktrace -v --once 2>&1 | grep -v "^; " | tail -40; off; }

watch -P 6000 --unix=off
storm 6000 3000 -j 2 > /tmp/truth
report storm
part "storm truth"
cat /tmp/truth

mkfifo /tmp/never
sink 127.0.0.1 6001 > /tmp/listening < /tmp/never &
exec 3> /tmp/never
until_true grep -q listening /tmp/listening
watch -P 6001 --unix=off
spawn /bin/leaker 127.0.0.1 6001 60 4 > /tmp/truth
report spawn
part "spawn truth"
cat /tmp/truth

# The clock is set: a day ahead in the middle, and back before the end.
watch -P 6001 --unix=off
leaker 127.0.0.1 6001 -n 2 -H > /tmp/truth < /tmp/never &
until_true grep -q pid /tmp/truth
date -s @$(($(date +%s) + 86400)) > /dev/null
leaker 127.0.0.1 6001 -n 3 -c 1 > /tmp/later
sleep 2
date -s @$(($(date +%s) - 86400)) > /dev/null
report clock

# Backends in a query, of clients from WHERE: by their titles, as a question would be a connection too.
busy() { # busy WHERE COUNT
	[ "$(cat /proc/[0-9]*/cmdline 2> /dev/null | tr '\0' '\n' |
		grep -c "^postgres: postgres postgres $1.* SELECT")" = "$2" ]
}
# The sum of a family, as the tracer has it: before 6.7 a unix socket is first seen by a look, and an
# orphan is one after a second.
sum() { # sum FAMILY COUNT
	[ "$(wget -qO- http://127.0.0.1:9187/metrics |
		awk -v family="pgleaktrace_$1{" 'index($0, family) == 1 { n += $NF } END { print n + 0 }')" = "$2" ]
}
sleeper() { # sleeper HOST: a session that is in a query
	psql -q -U postgres -h "$1" postgres -c "SELECT pg_sleep(3600)" > /dev/null 2>&1 &
}

chown -R postgres /data
su postgres -s /bin/sh -c "exec $(echo /usr/lib/postgresql/*/bin/postgres) -D /data" > /tmp/server 2>&1 &
until_true psql -q -U postgres -h /tmp postgres -c "SELECT 1"
sleeper 127.0.0.1
adopted=$!
until_true busy 127.0.0.1 1
watch --metrics 9187
part "postgres truth"
echo "adopted $adopted"
# Over TCP and over the unix socket: two end well, one is killed, one stays.
for where in 127.0.0.1 /tmp; do
	title=127.0.0.1 before=1 seen=3
	[ $where = 127.0.0.1 ] || { title="\\[local\\]" before=0 seen=4; }
	psql -q -U postgres -h $where postgres -c "SELECT 1" > /dev/null
	psql -q -U postgres -h $where postgres -c "SELECT 2" > /dev/null
	sleeper $where
	killed=$!
	sleeper $where
	stays=$!
	until_true busy "$title" $((before + 2))
	until_true sum connections_open $seen
	kill -9 $killed
	wait $killed
	echo "killed $killed"
	echo "stays $stays"
done
until_true sum server_slots_orphaned 4 # 2, told of both addresses of the server
report postgres
off
