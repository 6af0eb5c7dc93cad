# SPDX-License-Identifier: BSD-2-Clause
"""The event log under a real tailer, rsyslog's imfile: each line comes through once, whole, in its order,
whatever is rotated or torn meanwhile."""

import contextlib
import json
import os
import shutil
import signal
import subprocess

import pytest

from actors import tool
from pgcluster import wait_until
from tracer import Tracer

LOCAL = "127.0.0.1"
CONFIG = """
global(workDirectory="{folder}" maxMessageSize="64m" parser.escapeControlCharactersOnReceive="off")
module(load="imfile")
input(type="imfile" file="{log}" tag="pgleaktrace" ruleset="arrived")
template(name="line" type="string" string="%msg%\\n")
ruleset(name="arrived") {{ action(type="omfile" file="{folder}/arrived" template="line") }}
"""


@contextlib.contextmanager
def tailing(log, folder):
    """A tailer of `log`; yields the file of what has arrived."""
    if not shutil.which("rsyslogd"):
        pytest.skip("rsyslogd is missing (Debian: apt install rsyslog)")
    folder.mkdir()
    (folder / "conf").write_text(CONFIG.format(folder=folder, log=log))
    with open(folder / "said", "wb") as said:
        tailer = subprocess.Popen(["rsyslogd", "-n", "-f", folder / "conf", "-i", folder / "pid"], stdout=said,
                                  stderr=said)
    try:
        wait_until((folder / "pid").exists, "the tailer runs")
        yield folder / "arrived"
    finally:
        tailer.terminate()
        tailer.wait(30)


def rotate(tracer, log, number):
    old = log.with_suffix(f".{number}")
    os.rename(log, old)
    tracer.process.send_signal(signal.SIGHUP)
    wait_until(log.exists, "the log is open again")
    return old


def text_of(*paths):
    return "".join(path.read_text() for path in paths)


def test_each_line_arrives_once_across_rotations(port, tmp_path):
    log, ports = tmp_path / "events.ndjson", [port, port + 1, port + 2]
    # Room for all of them: none may be lost before it is a line, however slow this machine or build is.
    with tailing(log, tmp_path / "tailer") as arrived, \
            Tracer(",".join(map(str, ports)), "--output-file", log, "--ring-size", "16M", output="ndjson") as tracer:
        old = []
        for number, storms in enumerate(ports):
            with tool("storm", storms, 7000, "-j", 1) as storm:
                wait_until(lambda: log.stat().st_size > 100000, "much is written, and more is coming")
                old.append(rotate(tracer, log, number))
                storm.said()
                assert storm.finish() == 0
        tracer.process.send_signal(signal.SIGTERM)
        assert tracer.wait() == 0
        written = text_of(*old, log)
        wait_until(lambda: arrived.exists() and len(arrived.read_text()) >= len(written), "all has arrived")
        assert arrived.read_text() == written
    events = [json.loads(line) for line in written.splitlines()]
    assert sum(e["type"] == "open" for e in events) == 21000 and events[-1]["type"] == "report"


def test_a_line_torn_by_a_crash_costs_no_other_line(port, tmp_path):
    log = tmp_path / "events.ndjson"
    with tailing(log, tmp_path / "tailer") as arrived:
        with Tracer(port, "--output-file", log, output="ndjson") as tracer:
            with tool("storm", port, 1000, "-j", 1):
                wait_until(lambda: log.stat().st_size > 10000, "it writes")
                tracer.process.kill()
                tracer.wait()
        with open(log, "a", encoding="utf-8") as file:
            file.write('{"half":')  # wherever it was killed: in the middle of a line
        torn = log.read_text().splitlines()[-1]
        with Tracer(port, "--output-file", log, output="ndjson") as tracer:
            tracer.process.send_signal(signal.SIGTERM)
            assert tracer.wait() == 0
        lines = log.read_text().splitlines()
        wait_until(lambda: arrived.exists() and len(arrived.read_text()) >= len(log.read_text()), "all has arrived")
        assert arrived.read_text() == log.read_text()
        assert [line for line in lines if not line.endswith("}")] == [torn]
        lines.remove(torn)  # it stands alone
        assert {json.loads(line)["type"] for line in lines} > {"open", "report", "session"}
