# SPDX-License-Identifier: BSD-2-Clause
"""Running for months under a service manager: ready, alive, files rotated, a file for a collector."""

import json
import os
import signal
import socket
import subprocess

from actors import tool
from pgcluster import wait_until
from test_metrics import parse, promtool, value
from tracer import Tracer, tracer_path

LOCAL = "127.0.0.1"


def lines(path):
    """The whole ones: the last may be half written."""
    return [json.loads(line) for line in path.read_text().split("\n")[:-1]]


def opened(path, pid):
    return [e for e in lines(path) if e["type"] == "open" and e["pid"] == pid]


def test_hangup_reopens_the_event_log_and_loses_no_line(sink, port, tmp_path):
    log, old = tmp_path / "events.ndjson", tmp_path / "events.ndjson.1"
    with Tracer(port, "--output-file", log, "-i", "100ms", output="ndjson") as tracer:
        with tool("leaker", "-n", 1, "-H", LOCAL, port) as first:
            first.said()
            wait_until(lambda: opened(log, first.pid), "the first is written")
            tracer.process.send_signal(signal.SIGHUP)  # nothing was moved: nothing happens
            os.rename(log, old)
            tracer.process.send_signal(signal.SIGHUP)
            wait_until(log.exists, "the log is open again")
        with tool("leaker", "-n", 1, "-H", LOCAL, port) as second:
            second.said()
            wait_until(lambda: opened(log, second.pid), "the second is written")
            tracer.process.send_signal(signal.SIGTERM)
            assert tracer.wait() == 0
        assert log.stat().st_mode & 0o777 == 0o600
        assert len(opened(old, first.pid)) == 1 and not opened(old, second.pid)
        assert len(opened(log, second.pid)) == 1 and not opened(log, first.pid)
        assert lines(log)[-1]["type"] == "report"
        before, after = ([e["number"] for e in lines(path) if e["type"] == "snapshot" and e.get("begins")]
                         for path in (old, log))
        assert before + after == list(range(1, len(before + after) + 1))


def test_a_recording_that_begins_in_the_middle_still_names_everybody(sink, port, tmp_path):
    recording, old = tmp_path / "r.ndjson", tmp_path / "r.ndjson.1"
    with tool("leaker", "-n", 3, "-c", 1, "-H", LOCAL, port) as leaker:
        leaker.said()
        with Tracer(port, "--record", recording, "-i", "100ms") as tracer:
            os.rename(recording, old)
            tracer.process.send_signal(signal.SIGHUP)
            wait_until(recording.exists, "the recording is open again")
            report = tracer.stop()
    replayed = json.loads(subprocess.run([tracer_path(), "--replay", recording, "-o", "json"], check=True,
                                         capture_output=True).stdout)
    assert [s["script"] for s in replayed["scripts"]] == report.names() == ["leaker"]
    assert replayed["scripts"][0]["open"] == 2 and not replayed["truncated"]
    assert subprocess.run([tracer_path(), "--replay", old], check=True, capture_output=True).stdout


def test_nohup_outlives_the_terminal(port):
    def looks():
        return tracer.text().count('"type":"snapshot"')
    with Tracer(port, "-i", "100ms", output="ndjson",
                prefix=["sh", "-c", 'trap "" HUP; exec "$@"', "sh"]) as tracer:
        tracer.process.send_signal(signal.SIGHUP)
        before = looks()
        wait_until(lambda: looks() > before + 4, "it looks on")
        tracer.stop()


def test_hangup_with_nothing_to_reopen_ends_with_the_report(port):
    with Tracer(port) as tracer:
        tracer.process.send_signal(signal.SIGHUP)
        tracer.report()


def test_a_service_manager_hears_ready_alive_and_stopping(port, tmp_path, monkeypatch):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "notify"))
        manager.settimeout(30)
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        monkeypatch.setenv("WATCHDOG_USEC", "200000")
        with Tracer(port) as tracer:
            assert manager.recv(100) == b"READY=1"
            assert manager.recv(100) == b"WATCHDOG=1"
            tracer.stop()
        said = manager.recv(100)
        while said == b"WATCHDOG=1":
            said = manager.recv(100)
        assert said == b"STOPPING=1"


def test_a_notify_socket_that_is_not_there_is_told_and_no_hindrance(port, monkeypatch):
    monkeypatch.setenv("NOTIFY_SOCKET", "/nowhere/notify")
    with Tracer(port) as tracer:
        tracer.stop()
        assert "NOTIFY_SOCKET /nowhere/notify" in tracer.notes()


def test_the_file_for_a_collector_is_replaced_whole(sink, port, tmp_path):
    secret = tmp_path / "secret"
    secret.write_text("mine")
    prom = tmp_path / "pgleaktrace.prom"
    prom.symlink_to(secret)
    with tool("leaker", "-n", 2, "-H", LOCAL, port) as leaker:
        leaker.said()
        with Tracer(port, "--output-file", prom, output="openmetrics") as tracer:
            wait_until(lambda: not prom.is_symlink(), "it is written without waiting for the end")
            first = prom.stat()
            assert first.st_mode & 0o777 == 0o644
            check = promtool(prom.read_text())
            assert check.returncode == 0 and not check.stderr, check.stderr
            assert value(parse(prom.read_text()), "connections_open", script="leaker") == 2
            tracer.process.send_signal(signal.SIGTERM)
            assert tracer.wait() == 0 and tracer.text() == ""
    assert prom.stat().st_ino != first.st_ino
    assert secret.read_text() == "mine"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["pgleaktrace.prom", "secret"]


def test_a_collector_s_file_that_can_t_be_written_once_is_written_next_time(port, tmp_path):
    folder, away = tmp_path / "collected", tmp_path / "away"
    folder.mkdir()
    with Tracer(port, "--output-file", folder / "x.prom", output="openmetrics") as tracer:
        folder.rename(away)
        wait_until(lambda: "No such file" in tracer.notes(), "the next one is tried", timeout=40)
        away.rename(folder)
        (folder / "x.prom").unlink()
        tracer.process.send_signal(signal.SIGTERM)
        assert tracer.wait() == 0 and (folder / "x.prom").exists()


def test_a_collector_s_file_that_can_t_be_written_is_told(port, tmp_path):
    run = subprocess.run([tracer_path(), "-P", str(port), "-d", "1", "-o", "openmetrics", "--output-file",
                          tmp_path / "no" / "x.prom"], capture_output=True, text=True, check=False)
    assert run.returncode == 1 and "No such file" in run.stderr
