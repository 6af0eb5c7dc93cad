# SPDX-License-Identifier: BSD-2-Clause
"""Recordings made up for a test: what no machine here could hold, written as events."""

import json

START = 1_000_000_000_000
SECOND = 1_000_000_000


class Recording:
    def __init__(self, path, **session):
        self.out = open(path, "w", encoding="utf-8")
        self.cookie = 0
        self.write("session", START, **{"wall": 1_795_487_709_000_000_000, "ports": [5432], "host": "db1",
                                        "kernel": "6.18.44", "version": "0.1.0", **session})

    def write(self, kind, time, **fields):
        self.out.write(json.dumps({"schema": "pgleaktrace/1", "type": kind, "time": time, **fields}) + "\n")

    def process(self, pid, argv, cwd="/srv/shop", user="app"):
        self.write("process", START, pid=pid, start=START + pid, exec=0, cgroup="0", parent=1, uid=1000,
                   netns=1, pidns=1, pid_in_ns=pid, argv=argv, argv_truncated=0, by_exec=0,
                   comm=argv[0][:15], cwd=cwd, exe="/usr/bin/node", user=user, ancestors=[])

    def ledger(self, pid):
        return {"pid": pid, "start": START + pid, "exec": 0, "server": "::ffff:127.0.0.1", "port": 5432,
                "family": 2, "netns": 1}

    def connection(self, pid, opened, ended=None, ending=0, manner=0):
        """One connection from `opened` to `ended`, in seconds; without end it stays open."""
        self.cookie += 1
        cookie = str(self.cookie)
        at = START + int(opened * SECOND)
        self.write("open", at, cookie=cookie, **self.ledger(pid), attempted_at=at, local="::ffff:127.0.0.1",
                   local_port=20000 + self.cookie % 40000, attribution=1, tid=pid, comm="node")
        if ended is not None:
            self.write("end", START + int(ended * SECOND), cookie=cookie, **self.ledger(pid), opened_at=at,
                       sent=100, received=200, ending=ending, manner=manner, error=0, exit_code=0,
                       closer_pid=pid, closer_start=START + pid, closer_exec=0, tid=pid, comm="node", held=0)

    def totals(self, pid, time, **counts):
        row = dict.fromkeys(("attempted", "opened", "failed", "adopted", "closed", "abandoned", "hung_up",
                             "refused", "unknown", "open", "held", "peak"), 0)
        row.update(counts)
        row["attempted"] = row["opened"]
        self.write("totals", START + int(time * SECOND), **self.ledger(pid), **row, gone=0)

    def close(self, time):
        self.write("stop", START + int(time * SECOND), reason=1)
        self.out.close()


def crowd(path, processes=315, each=32, scripts=21):
    """10,000 connections and more of 315 processes: two of three stay open, the rest is abandoned."""
    recording = Recording(path)
    for i in range(processes):
        pid = 1000 + i
        recording.process(pid, ["node", f"scripts/job-{i % scripts:02}.js", "--batch", str(i)])
        gone = 0
        for n in range(each):
            opened = 1 + (i * 7 % 300) + n * 0.2
            if n % 3 == 2:
                recording.connection(pid, opened, opened + 20, ending=2, manner=4)
                gone += 1
            else:
                recording.connection(pid, opened)
        recording.totals(pid, 400, opened=each, open=each - gone, abandoned=gone, peak=each)
    recording.close(400)
    return processes * each
