# SPDX-License-Identifier: BSD-2-Clause
"""Memory over a long watch: `make soak`, by hand. PROCESSES (20000) short processes of NAMES (100) names make
CONNECTIONS (1000000) together; after each twentieth it prints what the tracer holds. Fails if the books
are not exact at the end, or if it grows after the first batch of gone processes was folded (docs/FLEET.md)."""

import os
import pathlib
import re
import socket
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests" / "live"))
from actors import tool_path  # noqa: E402
from pgcluster import free_port, wait_until  # noqa: E402
from test_metrics import Served, value  # noqa: E402

PROCESSES = int(os.environ.get("PROCESSES", 20000))
CONNECTIONS = int(os.environ.get("CONNECTIONS", 1000000))
NAMES = int(os.environ.get("NAMES", 100))
AT_ONCE, PORTS = 2, 16
# Processes until it is full: GONE_MOST of src/model/state.h, its batch of a tenth, and some to spare; with names that
# are new each time KINDS_MOST and its batch as well.
FOLDING = 13000 if NAMES < 10000 else 25000
GROWTH = 3000  # kB from there on: a batch more or less, and how full malloc's pages are


def memory(pid):
    with open(f"/proc/{pid}/status", encoding="ascii") as status:
        return int(re.search(r"VmRSS:\s+(\d+) kB", status.read())[1])


def is_free(port):
    """Has the server of the process before last gone?"""
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def batch(ports, folder, numbers, each):
    """These processes, AT_ONCE at a time, each with a server of its own on the next port."""
    running = [None] * AT_ONCE
    for number in numbers:
        slot = number % AT_ONCE
        if running[slot] and running[slot].wait():
            raise SystemExit(f"{running[slot].args} failed")
        port = ports[number % PORTS]
        wait_until(lambda: is_free(port), f"port {port} is free")
        running[slot] = subprocess.Popen([f"{folder}/job-{number % NAMES}", str(port), str(each), "-j", "1"],
                                         stdout=subprocess.DEVNULL)
    for process in filter(None, running):
        if process.wait():
            raise SystemExit(f"{process.args} failed")


def main():
    ports, each, step = list({free_port() for _ in range(4 * PORTS)})[:PORTS], CONNECTIONS // PROCESSES, PROCESSES // 20
    with tempfile.TemporaryDirectory() as folder, Served(",".join(map(str, ports)), "--metrics", 0) as served:
        for name in range(NAMES):
            os.symlink(tool_path("storm"), f"{folder}/job-{name}")
        pid, began, first = served.tracer.process.pid, time.monotonic(), None
        print(f"{'connections':>12} {'processes':>10} {'RSS kB':>8} {'ledgers':>8} {'series':>7} {'CPU s':>7} {'wall s':>7}")
        for number in range(0, PROCESSES, step):
            batch(ports, folder, range(number, number + step), each)
            wanted = (number + step) * each
            wait_until(lambda: value(served.samples(), "connections_opened_total") == wanted, f"{wanted} are counted", 60)
            samples, now = served.samples(), memory(pid)
            print(f"{wanted:12} {number + step:10} {now:8} {value(samples, 'map_entries', map='ledgers'):8.0f} "
                  f"{value(samples, 'series'):7.0f} {value(samples, 'cpu_seconds_total'):7.1f} "
                  f"{time.monotonic() - began:7.0f}", flush=True)
            if number + step >= FOLDING and first is None:
                first = now
        samples = served.samples()
        page = served.get()[0]
        print(f"page: {len(page)} bytes, {len(samples)} samples, of them "
              f"{sum('script' in dict(labels) for _, labels in samples)} in {value(samples, 'series'):.0f} series; "
              f"complete: {value(samples, 'complete'):.0f}")
        ended = sum(value(samples, f"connections_{how}_total") for how in
                    ("closed", "abandoned", "hung_up", "refused", "unknown"))
        assert ended == wanted, f"{ended} of {wanted} ended"
        assert PROCESSES >= FOLDING + 7000, "too few processes to tell"
        assert now - first < GROWTH, f"grown by {now - first} kB"


if __name__ == "__main__":
    main()
