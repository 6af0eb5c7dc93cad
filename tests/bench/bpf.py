# SPDX-License-Identifier: BSD-2-Clause
"""bpf(2) as far as the benches need it: run-time statistics, and a program that does nothing."""

import ctypes
import json
import os
import platform
import re
import struct
import subprocess

SYS_BPF = {"x86_64": 321, "aarch64": 280, "riscv64": 280}[platform.machine()]
PROG_LOAD, RAW_TRACEPOINT_OPEN, LINK_CREATE, ENABLE_STATS = 5, 17, 28, 32
CGROUP_SKB, SOCK_OPS, RAW_TRACEPOINT = 8, 13, 17        # kinds of programs
EGRESS, AT_SOCK_OPS = 1, 3                                  # where they are hung


def bpf(command, attributes):
    """bpf(2); returns the descriptor."""
    libc = ctypes.CDLL(None, use_errno=True)
    buffer = ctypes.create_string_buffer(attributes, max(len(attributes), 128))
    fd = libc.syscall(SYS_BPF, command, buffer, len(buffer))
    if fd < 0:
        raise OSError(ctypes.get_errno(), f"bpf({command})")
    return fd


class Statistics:
    """While it stands the kernel counts runs and time of every program."""

    def __enter__(self):
        self.fd = bpf(ENABLE_STATS, struct.pack("<I", 0))
        return self

    def __exit__(self, *_):
        os.close(self.fd)


class NoStatistics:
    """While it stands nobody's sysctl makes every program slower than it is."""

    SWITCH = "/proc/sys/kernel/bpf_stats_enabled"

    def __enter__(self):
        with open(self.SWITCH, encoding="ascii") as file:
            self.before = file.read().strip()
        self.turn("0")
        return self

    def __exit__(self, *_):
        self.turn(self.before)

    def turn(self, value):
        with open(self.SWITCH, "w", encoding="ascii") as file:
            file.write(value)


def cgroup2_root():
    with open("/proc/mounts", encoding="utf-8") as mounts:
        return next(line.split()[1] for line in mounts if line.split()[2] == "cgroup2")


class Nothing:
    """A program that does nothing: with statistics, what it costs is the statistics.

    It hangs where the peek does, at the root of cgroup2, or where the sockets' callbacks do
    (sock_ops=True), or at a raw tracepoint.
    """

    def __init__(self, tracepoint=None, sock_ops=False):
        self.tracepoint = tracepoint
        self.kind, self.place = (RAW_TRACEPOINT, 0) if tracepoint else \
            (SOCK_OPS, AT_SOCK_OPS) if sock_ops else (CGROUP_SKB, EGRESS)

    def __enter__(self):
        code = struct.pack("<BBhi", 0xb7, 0, 0, 1) + struct.pack("<BBhi", 0x95, 0, 0, 0)
        self.texts = [ctypes.create_string_buffer(text) for text in
                      (code, b"GPL", (self.tracepoint or "").encode())]
        places = [ctypes.addressof(text) for text in self.texts]
        self.program = bpf(PROG_LOAD, struct.pack(
            "<IIQQIIQII16sII", self.kind, 2, places[0], places[1], 0, 0, 0, 0, 0, b"nothing", 0, self.place))
        if self.tracepoint:
            self.link = bpf(RAW_TRACEPOINT_OPEN, struct.pack("<QI", places[2], self.program))
            return self
        root = os.open(cgroup2_root(), os.O_RDONLY)
        self.link = bpf(LINK_CREATE, struct.pack("<IIII", self.program, root, self.place, 0))
        os.close(root)
        return self

    def __exit__(self, *_):
        os.close(self.link)
        os.close(self.program)

    def ns(self):
        """Per run, so far; 0.0: it did not run."""
        with open(f"/proc/self/fdinfo/{self.program}", encoding="ascii") as file:
            said = dict(line.split() for line in file if line.startswith(("run_cnt:", "run_time_ns:")))
        return int(said["run_time_ns:"]) / max(1, int(said["run_cnt:"]))


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
