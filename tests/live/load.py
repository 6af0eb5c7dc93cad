# SPDX-License-Identifier: BSD-2-Clause
"""Load that takes minutes: `make check-load`, by hand. The same with smaller numbers is in tests/live.

Each test prints what it did (pytest -s shows it). The programs that make the load count for
themselves; the report must say the same to the last connection, whatever details were lost.
"""

import json
import time
from contextlib import ExitStack

from actors import tool, tool_path
from tracer import Tracer, expect

LOCAL = "127.0.0.1"


def memory_of(pid):
    """Resident KiB: now, and at most so far."""
    with open(f"/proc/{pid}/status", encoding="ascii") as file:
        fields = dict(line.split(":", 1) for line in file)
    return int(fields["VmRSS"].split()[0]), int(fields["VmHWM"].split()[0])


def tell(report, truth, memory):
    print(json.dumps({**{key: truth[key] for key in ("opened", "closed", "seconds", "rate")
                         if key in truth},
                      "losses": report["losses"], "resident_kib": memory[0],
                      "peak_kib": memory[1]}))


def test_storm_of_a_minute(port):
    """As fast as two threads can, for a minute and more."""
    count = 1500000
    with Tracer(port) as tracer, tool("storm", port, count, "-j", 2, "-k", 100) as storm:
        truth = storm.said(600)
        storm.finish()
        memory = memory_of(tracer.process.pid)
        report = tracer.stop(complete=False)
    tell(report, truth, memory)
    assert truth["opened"] == count and truth["seconds"] > 55
    expect(report.process(storm.pid), opened=count, closed=count - 100, abandoned=100)
    assert report["complete"] is not any(
        report["losses"][key] for key in ("ring_full", "unreadable", "drift"))


def test_stopped_for_ten_seconds_in_a_storm(port):
    """The storm goes on before, meanwhile and after: hundreds of thousands that nobody reads of in time."""
    count = 600000
    with Tracer(port) as tracer, tool("storm", port, count, "-j", 2, "-k", 100) as storm:
        time.sleep(2)
        with tracer.held_up():
            time.sleep(10)
            assert storm.process.poll() is None
        truth = storm.said(600)
        storm.finish()
        memory = memory_of(tracer.process.pid)
        report = tracer.stop(complete=False)
    tell(report, truth, memory)
    assert truth["opened"] == count and truth["seconds"] > 12
    expect(report.process(storm.pid), opened=count, closed=count - 100, abandoned=100)
    assert report["losses"]["ring_full"] > 0 and report["complete"] is False


def test_fifty_thousand_open_at_once(port):
    """Half of them from before the tracer. Five processes: one may not have that many descriptors."""
    ports, each = [port + i for i in range(5)], 10000
    storm = [str(each), "-k", str(each), "-w"]
    with ExitStack() as stack:
        def start(number):
            return stack.enter_context(tool("storm", ports[number], *storm))
        early = [start(0), start(1)]
        for one in early:
            one.said(300)
        tracer = stack.enter_context(Tracer(",".join(map(str, ports))))
        late = [start(2), start(3), start(4)]
        for one in late:
            truth = one.said(300)
        with Tracer(",".join(map(str, ports)), "--once", armed=False) as once:
            assert once.report(complete=False).total("open") == 5 * each
        memory = memory_of(tracer.process.pid)
        for one in early + late:
            one.finish()
        report = tracer.stop(complete=False)
    tell(report, truth, memory)
    for one in early:
        expect(report.process(one.pid), adopted=each, abandoned=each)
    for one in late:
        expect(report.process(one.pid), opened=each, abandoned=each)


def test_twenty_thousand_short_lives(sink, port):
    """More processes than are tracked at once: ledgers of those that are gone make room."""
    with Tracer(port) as tracer, \
            tool("spawn", tool_path("leaker"), LOCAL, port, 20000) as spawner:
        truth = spawner.said(900)
        spawner.finish()
        memory = memory_of(tracer.process.pid)
        report = tracer.stop(complete=False)
    tell(report, truth, memory)
    assert truth["processes"] == 20000
    assert report.total("opened") == truth["opened"]
    assert report.total("closed") == truth["closed"]
    assert report.total("abandoned") == truth["abandoned"]
    assert report["losses"]["ledger_full"] == 0 and report["losses"]["unreadable"] == 0
