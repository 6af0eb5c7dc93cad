# SPDX-License-Identifier: BSD-2-Clause
"""A live run written down and played back: the same bytes, whatever happened in it."""

import json
import os
import shutil
import subprocess
import tempfile

import pytest

from actors import Actor, Sink, sockets_to, tool, tool_path
from pgcluster import free_port, wait_until
from tracer import Tracer, assert_events, expect, tracer_path

LOCAL = "127.0.0.1"


def replayed(recording, *args):
    """What the recording gives, without any privilege of the live run."""
    assert_events(recording)
    run = subprocess.run([tracer_path(), "--replay", str(recording), *args], capture_output=True,
                         text=True, timeout=60, check=False)
    assert run.returncode == 0, run.stderr
    return run.stdout


@pytest.fixture
def recording(tmp_path):
    return tmp_path / "recording.ndjson"


def test_every_way_to_end(sink, port, recording, tmp_path):
    """Adopted, closed, abandoned, killed, passed on, exec'd, closed by exec, in one run."""
    channel = str(tmp_path / "channel")
    with tool("leaker", "-n", 3, "-H", LOCAL, port) as early:
        early.said()
        with Tracer(port, "--record", recording) as tracer, \
                tool("holder", channel) as holder, \
                tool("leaker", "-n", 3, "-c", 1, "-e", "kill", LOCAL, port) as killed, \
                tool("leaker", "-n", 2, "-t", "-H", LOCAL, port) as held, \
                tool("mover", "exec-close", LOCAL, port) as changed:
            holder.said()
            with tool("mover", "send", LOCAL, port, channel) as sender:
                sender.said()
                holder.said()
                sender.finish()
                killed.said()
                killed.finish()
                held.said()
                gone = changed.said()["port"]
                wait_until(lambda: gone not in sockets_to(port), "close-on-exec closed it")
                early.kill()
                report = tracer.stop()
            live = tracer.text()
    expect(report.process(early.pid), adopted=3, abandoned=3)
    expect(report.process(killed.pid), opened=3, closed=1, abandoned=2)
    expect(report.process(held.pid), opened=2, open=2)
    expect(report.process(sender.pid), opened=1, open=1)
    assert replayed(recording, "-o", "json") == live


@pytest.mark.parametrize("how", ["-c", "-r"])
def test_hung_up_and_failed(port, recording, how):
    with Tracer(port, "--record", recording) as tracer:
        with tool("leaker", "-n", 2, LOCAL, port) as refused:
            refused.said()
            refused.finish()
        with Sink(port, LOCAL, how, "0"), tool("odd", "keep", LOCAL, port) as kept:
            kept.said()
            with tool("odd", "keep", LOCAL, port) as released:
                released.said()
                released.finish()
            report = tracer.stop()
        live = tracer.text()
    expect(report.process(refused.pid), failed=2)
    expect(report.process(kept.pid), opened=1, hung_up=1, fd_leak=1)
    expect(report.process(released.pid), opened=1, hung_up=1)
    assert replayed(recording, "-o", "json") == live


def last_books(recording):
    """What the kernel counted last, by process and server port."""
    with open(recording, encoding="utf-8") as file:
        lines = [json.loads(line) for line in file]
    return {(e["pid"], e["port"]): e for e in lines if e["type"] == "totals"}


def test_each_attempt_is_counted_once(sink, port, recording):
    """Two programs in the kernel hear of each connect(): the books of a process could never be
    closed if both counted it."""
    nobody = free_port()
    with Tracer(f"{port},{nobody}", "--record", recording) as tracer, \
            tool("leaker", "-n", 5, "-c", 2, LOCAL, port) as leaker, \
            tool("leaker", "-n", 3, LOCAL, nobody) as refused:
        for actor in (leaker, refused):
            actor.said()
            actor.finish()
        tracer.stop()
    books = last_books(recording)
    assert {key: (e["attempted"], e["opened"], e["failed"]) for key, e in books.items()} == \
        {(leaker.pid, port): (5, 5, 0), (refused.pid, nobody): (3, 0, 3)}


def test_losses_are_recorded_too(sink, port, recording):
    """Details lost in a small ring are lost in the replay as well, and it says so as well."""
    with Tracer(port, "--record", recording, "--ring-size", 4096) as tracer:
        with tracer.held_up(), tool("spawn", tool_path("leaker"), LOCAL, port, 300, 16) as spawner:
            truth = spawner.said(60)
            spawner.finish()
        report = tracer.stop(complete=False)
        live = tracer.text()
    assert report.total("opened") == truth["opened"]
    assert report.total("closed") == truth["closed"]
    assert report["losses"]["ring_full"] > 0 and report["complete"] is False
    assert replayed(recording, "-o", "json") == live


def test_real_sessions(cluster, recording):
    env = cluster.env(app="recorded")
    with Tracer(cluster.port, "--record", recording) as tracer, \
            Actor(["psql", "-XAtq"], env=env) as held:
        cluster.wait_open(1, app="recorded")
        with Actor(["psql", "-XAtq", "-c", "SELECT 1"], env=env) as clean:
            assert clean.finish() == 0
        cluster.wait_open(1, app="recorded")
        report = tracer.stop()
        live = tracer.text()
    expect(report.process(held.pid), opened=1, open=1)
    expect(report.process(clean.pid), opened=1, closed=1)
    assert replayed(recording, "-o", "json") == live


def test_other_questions_to_the_same_recording(sink, port, recording):
    """A recording holds the facts, not the report: another grouping adds up to the same counts."""
    with Tracer(port, "--record", recording) as tracer, \
            tool("leaker", "-n", 4, "-c", 1, "-H", LOCAL, port) as one, \
            tool("leaker", "-n", 2, "-H", LOCAL, port) as two:
        one.said()
        two.said()
        tracer.stop()
    by_process = json.loads(replayed(recording, "-o", "json", "-g", "process"))["process_groups"]
    assert sorted(row["open"] for row in by_process) == [2, 3]
    alone = json.loads(replayed(recording, "-o", "json", "-p", str(two.pid)))["scripts"]
    assert [(row["opened"], row["open"]) for row in alone] == [(2, 2)]


def test_a_recording_needs_no_root(sink, port, recording):
    with Tracer(port, "--record", recording) as tracer, \
            tool("leaker", "-n", 2, LOCAL, port) as leaker:
        leaker.said()
        leaker.finish()
        tracer.stop()
        live = tracer.text()
    with tempfile.TemporaryDirectory() as folder, open(recording, "rb") as source:
        os.chmod(folder, 0o755)     # the tree itself may be root's alone
        binary = shutil.copy(tracer_path(), folder)
        run = subprocess.run(
            ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--bounding-set=-all",
             "--inh-caps=-all", binary, "--replay", "-", "-o", "json"],
            stdin=source, capture_output=True, text=True, check=False, timeout=60)
    assert run.returncode == 0, run.stderr
    assert run.stdout == live
