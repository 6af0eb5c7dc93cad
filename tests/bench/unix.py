#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""What watching unix sockets costs, and what a syscalls tracepoint would: the figures of docs/UNIX.md.

    sudo tests/bench/unix.py [--json FILE]

Run-time statistics of the kernel, less what the statistics themselves take; and two loops of system
calls that have nothing to do with sockets, in turn with and without an empty program at sys_enter.
"""

import argparse
import json
import os
import pathlib
import statistics as numbers
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests" / "bench"), str(ROOT / "tests" / "live")]

import socket  # noqa: E402  the paths come first

from bpf import Nothing, Statistics, statistics  # noqa: E402
from pgcluster import PgCluster, free_port  # noqa: E402
from tracer import Tracer  # noqa: E402

HOOKS = ("hook_connect_unix", "hook_getsockname_unix", "hook_exit_unix", "hook_fork_unix")


def floor_of():
    """ns that the statistics take of each run, at a tracepoint."""
    with Nothing("sys_enter"):
        for _ in range(200000):
            os.getppid()
        runs, ns = statistics(os.getpid())["nothing"]
    return ns / runs


def run(watched, what, work):
    """Rows of the hooks that ran while `work()` did."""
    floor = floor_of()
    with Tracer(watched, unix=True) as tracer:
        before = statistics(tracer.process.pid)
        work()
        after = statistics(tracer.process.pid)
        tracer.process.kill()
    rows = []
    for hook in HOOKS:
        runs = after[hook][0] - before[hook][0]
        if runs >= 100:     # fewer were somebody else's
            gross = (after[hook][1] - before[hook][1]) / runs
            rows.append({"what": what, "hook": hook, "runs": runs, "ns": max(0.0, gross - floor)})
    return rows


def strangers_connect():
    """Unix sockets that are nobody's business, connected 20,000 times."""
    with tempfile.TemporaryDirectory() as folder, socket.socket(socket.AF_UNIX) as listener:
        listener.bind(folder + "/socket")
        listener.listen(16)
        for _ in range(20000):
            with socket.socket(socket.AF_UNIX) as client:
                client.connect(folder + "/socket")
                listener.accept()[0].close()


def strangers_live():
    """500 processes that come and go."""
    for _ in range(500):
        subprocess.run(["/bin/true"], check=True)


def sessions(cluster):
    script = cluster.folder + "/select.sql"
    pathlib.Path(script).write_text("SELECT 1;\n", encoding="ascii")
    subprocess.run(["pgbench", "-C", "-n", "-c", "1", "-t", "300", "-f", script], check=True,
                   env=cluster.env(cluster.socket_folder), capture_output=True)


def loop(call, times=300000):
    began = time.monotonic_ns()
    for _ in range(times):
        call()
    return (time.monotonic_ns() - began) / times


def tax(call, pairs=7):
    """ns that an empty program at sys_enter adds to a system call: median of interleaved pairs."""
    differences = []
    for _ in range(pairs):
        without = loop(call)
        with Nothing("sys_enter"):
            differences.append(loop(call) - without)
    return numbers.median(differences)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", metavar="FILE", help="write the rows there too")
    args = parser.parse_args()
    with Statistics(), PgCluster() as cluster:
        rows = [*run(free_port(), "a connect() elsewhere", strangers_connect),
                *run(free_port(), "a process elsewhere", strangers_live),
                *run(cluster.port, "a session through the unix socket", lambda: sessions(cluster))]
    taxes = [{"what": "getppid()", "ns": tax(os.getppid)},
             {"what": "read() of /dev/null", "ns": tax(lambda fd=os.open("/dev/null", os.O_RDONLY): os.read(fd, 1))}]
    for row in rows:
        print(f"{row['what']:36}{row['hook']:24}{row['runs']:8} runs{row['ns']:8.0f} ns each")
    for row in taxes:
        print(f"{'an empty program at sys_enter':36}{row['what']:24}{'':13}{row['ns']:8.0f} ns more, each call")
    if args.json:
        text = json.dumps({"unix": rows, "sys_enter": taxes}, indent=1) + "\n"
        pathlib.Path(args.json).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
