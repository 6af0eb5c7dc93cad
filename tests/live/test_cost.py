# SPDX-License-Identifier: BSD-2-Clause
"""What watching may cost. How much it does is measured by tests/bench/; here is what must hold on any
machine, in CPU of our own process, which others do not move."""

import time

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
