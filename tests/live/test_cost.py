# SPDX-License-Identifier: BSD-2-Clause
"""What watching may cost. How much it does is measured by tests/bench/; here is what must hold on any
machine, in CPU of our own process, which others do not move."""

import os
import re
import time

import pytest

from actors import tool
from pgcluster import wait_until
from tracer import Tracer


def cpu_of(pid):
    """Seconds of CPU, to the nanosecond."""
    with open(f"/proc/{pid}/schedstat", encoding="ascii") as file:
        return int(file.read().split()[0]) / 1e9


def looks(tracer):
    return sum('"type":"snapshot"' in line and '"begins":1,' in line for line in tracer.text().splitlines())


def test_looking_takes_at_most_one_percent_of_a_core(port):
    """A look at 2,000 connections takes some 10 ms: ten in a second would be ten percent."""
    with tool("crowd", port, 2000, 100) as crowd:
        crowd.said()
        with Tracer(port, "-i", "100ms", output="ndjson") as tracer:
            wait_until(lambda: looks(tracer) >= 2, "the first look by the timer")
            used, since, before = cpu_of(tracer.process.pid), time.monotonic(), looks(tracer)
            wait_until(lambda: looks(tracer) >= before + 3, "three more", 120)      # sanitizers make a look dear
            share = (cpu_of(tracer.process.pid) - used) / (time.monotonic() - since)
            tracer.process.kill()
    assert share < 0.02, f"{100 * share:.1f} % of a core"


def ring_bytes(pid):
    """Of its ring buffer, as the kernel tells of the descriptor."""
    for fd in os.listdir(f"/proc/{pid}/fdinfo"):
        try:
            with open(f"/proc/{pid}/fdinfo/{fd}", encoding="ascii") as file:
                said = dict(re.findall(r"^(\w+):\s*(\d+)$", file.read(), re.M))
        except OSError:     # closed since
            continue
        if said.get("map_type") == "27":
            return int(said["max_entries"])
    return None


@pytest.mark.parametrize("args, output, megabytes", [
    (("-d", "1h"), "json", 0.5), (("-d", "1h"), "text", 0.5), ((), "text", 4), ((), "ndjson", 4),
    (("-d", "1h", "--record", "FILE"), "json", 4), (("--ring-size", "2M"), "ndjson", 2)])
def test_memory_for_events_where_each_is_written(port, tmp_path, args, output, megabytes):
    args = [str(tmp_path / "recording") if arg == "FILE" else arg for arg in args]
    with Tracer(port, *args, output=output) as tracer:
        assert ring_bytes(tracer.process.pid) == megabytes * 2**20
        tracer.process.kill()
