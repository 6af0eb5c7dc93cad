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
import ctypes
import json
import os
import pathlib
import platform
import re
import struct
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "live"))

from pgcluster import PgCluster, free_port, wait_until  # noqa: E402  the path comes first
from tracer import Tracer  # noqa: E402

SYS_BPF = {"x86_64": 321, "aarch64": 280, "riscv64": 280}[platform.machine()]
PROG_LOAD, LINK_CREATE, ENABLE_STATS = 5, 28, 32
CGROUP_SKB, EGRESS = 8, 1
HOOKS = ("hook_egress", "hook_ingress")


def bpf(command, attributes):
    """bpf(2); returns the descriptor."""
    libc = ctypes.CDLL(None, use_errno=True)
    buffer = ctypes.create_string_buffer(attributes, max(len(attributes), 128))
    fd = libc.syscall(SYS_BPF, command, buffer, len(buffer))
    if fd < 0:
        raise OSError(ctypes.get_errno(), f"bpf({command})")
    return fd


def cgroup2_root():
    with open("/proc/mounts", encoding="utf-8") as mounts:
        return next(line.split()[1] for line in mounts if line.split()[2] == "cgroup2")


class Nothing:
    """A program that does nothing, where the peek hangs: what it costs is the statistics."""

    def __enter__(self):
        code = struct.pack("<BBhi", 0xb7, 0, 0, 1) + struct.pack("<BBhi", 0x95, 0, 0, 0)
        self.code, self.licence = ctypes.create_string_buffer(code), ctypes.create_string_buffer(b"GPL")
        self.program = bpf(PROG_LOAD, struct.pack(
            "<IIQQIIQII16sII", CGROUP_SKB, 2, ctypes.addressof(self.code),
            ctypes.addressof(self.licence), 0, 0, 0, 0, 0, b"nothing", 0, EGRESS))
        root = os.open(cgroup2_root(), os.O_RDONLY)
        self.link = bpf(LINK_CREATE, struct.pack("<IIII", self.program, root, EGRESS, 0))
        os.close(root)
        return self

    def __exit__(self, *_):
        os.close(self.link)
        os.close(self.program)


def statistics(pid):
    """{name of a program of the process: (runs, ns)}."""
    ids = set()
    for fd in os.listdir(f"/proc/{pid}/fdinfo"):
        try:
            with open(f"/proc/{pid}/fdinfo/{fd}", encoding="ascii") as file:
                ids.update(map(int, re.findall(r"^prog_id:\s*(\d+)$", file.read(), re.M)))
        except FileNotFoundError:
            continue
    out = subprocess.run(["/usr/sbin/bpftool", "-j", "prog"], capture_output=True, check=True).stdout
    return {p.get("name", ""): (p.get("run_cnt", 0), p.get("run_time_ns", 0))
            for p in json.loads(out) if p["id"] in ids}


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
    statistics_on = bpf(ENABLE_STATS, struct.pack("<I", 0))
    with PgCluster() as cluster:
        rows = [
            measure(cluster, "another port is watched", free_port(), args.queries),
            measure(cluster, "watched, a session runs", cluster.port, args.queries),
            measure(cluster, "watched, sessions begin", cluster.port, args.sessions, connect=True),
            measure(cluster, "watched, --no-wire", cluster.port, args.queries, "--no-wire"),
        ]
    os.close(statistics_on)
    print(f"{'':28}{'packets':>9}{'ns/packet':>11}{'(gross)':>9}{'ns/transaction':>16}{'of its time':>13}")
    for row in rows:
        print(f"{row['what']:28}{row['runs']:9}{row['net_ns']:11.0f}{row['gross_ns']:9.0f}"
              f"{row['net_ns_per_transaction']:16.0f}{row['share']:13.2%}")
    if args.json:
        pathlib.Path(args.json).write_text(json.dumps({"wire": rows}, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
