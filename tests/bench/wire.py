#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""What the wire peek costs per packet, by the kernel's own run-time statistics.

    sudo tests/bench/wire.py [--json FILE] [--queries N] [--sessions N]

pgbench runs against a private PostgreSQL over loopback while the tracer watches another port (what
every packet of the host pays), its port (sessions that run, and sessions that begin), and its port
with --no-wire. The statistics themselves take time in every run: a program that does nothing, loaded
beside, tells how much; it is subtracted. Loopback shows both ends: half of the packets are the
server's, which is on no watched port and pays like any other.
"""

import argparse
import json
import os
import pathlib
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests" / "bench"), str(ROOT / "tests" / "live")]

from bpf import Nothing, Statistics, statistics  # noqa: E402  the path comes first
from pgcluster import PgCluster, free_port  # noqa: E402
from tracer import Tracer  # noqa: E402

HOOKS = ("hook_egress", "hook_ingress")


def pgbench(cluster, *args):
    script = cluster.folder + "/select.sql"
    with open(script, "w", encoding="ascii") as file:
        file.write("SELECT 1;\n")
    subprocess.run(["pgbench", "-n", "-c", "1", *map(str, args), "-f", script], check=True,
                   env=cluster.env(), capture_output=True)


def measure(cluster, what, watched, count, *tracer_args, connect=False):
    """One row: the hooks' runs and ns while pgbench runs `count` transactions."""
    pgbench(cluster, "-t", 100)     # warm
    with Tracer(watched, *tracer_args) as tracer, Nothing():
        before = statistics(tracer.process.pid), statistics(os.getpid())["nothing"]
        began = time.monotonic()
        pgbench(cluster, "-t", count, *(["-C"] if connect else []))
        seconds = time.monotonic() - began
        after = statistics(tracer.process.pid), statistics(os.getpid())["nothing"]
        tracer.process.kill()
    runs = ns = 0
    for hook in HOOKS:
        runs += after[0].get(hook, (0, 0))[0] - before[0].get(hook, (0, 0))[0]
        ns += after[0].get(hook, (0, 0))[1] - before[0].get(hook, (0, 0))[1]
    floor = (after[1][1] - before[1][1]) / max(1, after[1][0] - before[1][0])
    net = max(0.0, ns - floor * runs)
    return {"what": what, "transactions": count, "runs": runs, "gross_ns": ns / runs if runs else 0.0,
            "statistics_ns": floor, "net_ns": net / runs if runs else 0.0,
            "net_ns_per_transaction": net / count,
            "share": net / (seconds * 1e9)}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", metavar="FILE", help="write the rows there too")
    parser.add_argument("--queries", type=int, default=20000, help="transactions in a session")
    parser.add_argument("--sessions", type=int, default=300, help="sessions of one transaction")
    args = parser.parse_args()
    with Statistics(), PgCluster() as cluster:
        rows = [
            measure(cluster, "another port is watched", free_port(), args.queries),
            measure(cluster, "watched, a session runs", cluster.port, args.queries),
            measure(cluster, "watched, sessions begin", cluster.port, args.sessions, connect=True),
            measure(cluster, "watched, --no-wire", cluster.port, args.queries, "--no-wire"),
        ]
    print(f"{'':28}{'packets':>9}{'ns/packet':>11}{'(gross)':>9}{'ns/transaction':>16}{'of its time':>13}")
    for row in rows:
        print(f"{row['what']:28}{row['runs']:9}{row['net_ns']:11.0f}{row['gross_ns']:9.0f}"
              f"{row['net_ns_per_transaction']:16.0f}{row['share']:13.2%}")
    if args.json:
        pathlib.Path(args.json).write_text(json.dumps({"wire": rows}, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
