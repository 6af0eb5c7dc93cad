# SPDX-License-Identifier: BSD-2-Clause
"""The live screen over the real thing: a real server, a script that leaks, a terminal and keys."""

import json
import re
import subprocess
import sys

import pytest

from actors import ROOT, python_script, tool
from pgcluster import PgCluster
from tracer import tracer_path

sys.path.append(str(ROOT / "tests" / "screen"))
from terminal import PATIENCE, Line, Terminal  # noqa: E402

LOCAL = "127.0.0.1"


@pytest.fixture
def small(postgres):
    with PgCluster(max_connections=20) as cluster:
        yield cluster


def test_a_leaking_script_is_seen_as_it_leaks(small, tmp_path):
    with Terminal("-P", small.port, "--unix=off", "--older", "1s", size=(120, 40), cwd=tmp_path) as terminal:
        terminal.until("No process has or made a connection")
        terminal.until("0/20 slots, 3 reserved")
        with python_script("leaky.py", "12", "hurry", env=small.env(app="screen")) as leaky:
            leaky.ready()
            terminal.until("12/20 slots, 3 reserved")
            terminal.until(lambda screen: re.search(r"^[+±] ▸ leaky.py +1 +12 ", screen, re.M))
            terminal.until(lambda screen: re.search(r"leaky.py +1 +12 +12 .*(idle|growing)", screen))
            terminal.press("Enter")
            terminal.until(str(leaky.pid))
            terminal.press("Down", "Right", "Down")
            row = terminal.until(lambda screen: re.search(
                rf"^ +\d+ .* 127.0.0.1:{small.port} +\d+ postgres +postgres +idle", screen, re.M))
            backend = int(re.search(rf"127.0.0.1:{small.port} +(\d+) postgres", row)[1])
            with open(f"/proc/{backend}/cmdline", encoding="ascii") as title:
                assert title.read().startswith("postgres: ")
            terminal.until(f"backend {backend}, user postgres, database postgres, application screen")
            terminal.press("p")             # what is looked at stays, the server's side too
            terminal.until("PAUSED")
            terminal.press("+")             # asks the model that was kept
            paused = terminal.until("IDLE>2s")
            assert "12/20 slots, 3 reserved" in paused and f"backend {backend}, user postgres" in paused
            terminal.press("-", "p")
            terminal.gone("PAUSED")
            leaky.finish()
        terminal.until("0/20 slots")
        terminal.until(lambda screen: re.search(r"leaky.py +1 +0 .* abandoned", screen))
        terminal.press("C-c")
        assert terminal.ended() == 0
        history = terminal.history()
        assert re.search(r"^ +1 +0 +0 +- +12 +0 +12 +0 +0 +12 +leaky.py$", history, re.M)
        assert "leak: abandoned: leaky.py" in history
        assert "12 of 12 connections were never closed" in " ".join(history.split())


def test_record_from_the_middle_and_play_it(sink, port, tmp_path):
    with Terminal("-P", port, "--unix=off", size=(120, 40), cwd=tmp_path) as terminal, \
            tool("leaker", "-n", 3, "-H", LOCAL, port) as early:
        early.said()
        terminal.until("3 open")
        terminal.press("R")
        name = re.search(r"recording to (\S+);", terminal.until("R stops it"))[1]
        terminal.until(f"REC {name}")
        with tool("leaker", "-n", 2, "-H", LOCAL, port) as late:
            late.said()
            terminal.until("5 open")
            terminal.press("R")
            terminal.until(f"recorded: {name}")
            terminal.gone("REC ")
            terminal.press("q")
            assert terminal.ended() == 0
    played = subprocess.run([tracer_path(), "--replay", tmp_path / name, "-o", "json"], check=True,
                            capture_output=True, text=True)
    report = json.loads(played.stdout)
    assert report["complete"] and sum(s["open"] for s in report["scripts"]) == 5


def test_a_full_disk_ends_the_recording_and_not_the_screen(sink, port, tmp_path):
    disk = tmp_path / "disk"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "none", disk], check=True)
    try:
        with Terminal("-P", port, "--unix=off", size=(120, 40), cwd=disk) as terminal:
            terminal.until("No process has")
            terminal.press("R")
            terminal.until("REC ")
            with tool("leaker", "-n", 400, "-c", 400, LOCAL, port) as leaker:
                leaker.said()
                leaker.finish()
            terminal.until("cut short: No space left on device")
            terminal.gone("REC ")
            terminal.press("R")
            terminal.until("no recording: No space left on device")
            terminal.press("q")
            assert terminal.ended() == 1, "not all that was asked for is there"
            told = terminal.history().replace("\n", "")  # lines are broken anywhere
            assert told.count("No space left on device; watching goes on") == 1
            assert "400 opened" in told
    finally:
        subprocess.run(["umount", disk], check=True)


def test_when_the_terminal_goes_the_recording_is_whole(sink, port, tmp_path):
    recording = tmp_path / "r.ndjson"
    with Line("-P", port, "--unix=off", "--record", recording) as line:
        line.until(b"No process has")
        with tool("leaker", "-n", 2, "-H", LOCAL, port) as leaker:
            leaker.said()
            line.until(b"leaker")
            line.cut()
            line.process.wait(PATIENCE)
    last = json.loads(recording.read_text().splitlines()[-1])
    assert last["type"] == "stop"
