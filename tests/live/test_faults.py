# SPDX-License-Identifier: BSD-2-Clause
"""What goes wrong around the tracer: it says so or needs not, never hangs, never shows a wrong
number, and leaves nothing in the kernel.
"""

import os
import re
import signal
import socket
import subprocess
from contextlib import ExitStack

from actors import python_script, tool
from pgcluster import wait_until
from test_cli import bpf_links, bpf_links_of, fdinfo_ids
from test_command import own_terminal
from tracer import Tracer, expect, tracer_path

LOCAL = "127.0.0.1"


def programs():
    out = subprocess.run(["/usr/sbin/bpftool", "prog"], capture_output=True, check=True).stdout
    return {int(program) for program in re.findall(rb"^(\d+):", out, re.M)}


def test_stopped_in_a_storm_the_totals_are_exact(port):
    """Stopped while 60,000 connections come and go: more than the ring holds of them."""
    with Tracer(port, "--ring-size", "256K") as tracer, \
            tool("storm", port, 60000, "-k", 20, "-w") as storm:
        with tracer.held_up():
            truth = storm.said(120)         # all but the last 20 are over
        storm.finish()
        tracer.process.send_signal(signal.SIGINT)
        report = tracer.report(complete=False)
    assert truth["opened"] == 60000
    expect(report.process(storm.pid), opened=60000, closed=59980, abandoned=20)
    assert report["losses"]["ring_full"] > 0 and report["complete"] is False


def test_starved_of_the_processor_the_totals_are_exact(port):
    """It has the least there is, while more than the machine has processors want all of it."""
    with ExitStack() as stack:
        tracer = stack.enter_context(Tracer(port, prefix=("nice", "-n", "19")))
        for _ in range((os.cpu_count() or 1) + 1):
            loop = subprocess.Popen(["nice", "-n", "-5", "sh", "-c", "while :; do :; done"])
            stack.callback(loop.wait)
            stack.callback(loop.kill)
        with tool("storm", port, 20000, "-k", 20) as storm:
            truth = storm.said(120)
            storm.finish()
        report = tracer.stop(complete=False)
    assert truth["opened"] == 20000
    expect(report.process(storm.pid), opened=20000, closed=19980, abandoned=20)


def untracked(report):
    row, = (s for s in report.scripts if s["script"] == "~untracked")
    return row


def test_a_full_table_counts_what_comes_beyond_together(sink, port):
    """And each connection ends where it began: also when there is room again for its process."""
    with Tracer(port, "--max-tracked", 2, output="ndjson") as tracer:
        with tool("leaker", "-n", 3, "-c", 1, "-H", LOCAL, port) as first, \
                tool("leaker", "-n", 3, "-c", 1, "-H", LOCAL, port) as second:
            first.said()
            second.said()
            early = [socket.create_connection((LOCAL, port)) for _ in range(2)]
            first.finish()
            second.finish()
        wait_until(lambda: tracer.text().count('"gone":1') == 2, "there is room again")
        late = socket.create_connection((LOCAL, port))
        for client in (*early, late):
            client.close()
        report = tracer.stop(complete=False)
    for leaker in (first, second):
        expect(report.process(leaker.pid), opened=3, closed=1, abandoned=2)
    expect(report.process(os.getpid()), opened=1, closed=1)
    expect(untracked(report), opened=2, closed=2)
    assert report["complete"] is False and report["losses"]["ledger_full"] == 2


def test_full_of_unix_connections_it_says_how_many_it_could_not_count(cluster):
    env = cluster.env(cluster.socket_folder)
    with Tracer(cluster.port, "--max-tracked", 1, unix=True) as tracer, \
            python_script("honest.py", 6, env=env) as six:
        six.ready()
        report = tracer.stop(complete=False)
        six.finish()
    expect(report.process(six.pid), opened=4, open=4)
    assert report["losses"]["sockets_full"] >= 2 and report["complete"] is False


def test_the_memory_of_a_tracked_process_is_as_the_help_says(port):
    """Kernel memory of all maps, with room for few and for many."""
    sizes = {}
    for most in (1024, 65536):
        with Tracer(port, "--max-tracked", most) as tracer:
            sizes[most] = sum(fdinfo_ids(tracer.process.pid, "memlock", every=True))
    each = (sizes[65536] - sizes[1024]) / (65536 - 1024)
    said = subprocess.run([tracer_path(), "--help"], capture_output=True, text=True, check=True).stdout
    said = int(re.search(r"(\d+)\s+bytes\s+of\s+kernel\s+memory\s+for\s+each", said)[1])
    assert said * 0.9 < each < said * 1.1, each


def test_killed_it_leaves_nothing_in_the_kernel(port):
    with Tracer(port) as tracer:
        links, programs_before = bpf_links_of(tracer.process.pid), fdinfo_ids(tracer.process.pid, "prog_id")
        assert links and programs_before and links <= bpf_links()
        tracer.process.kill()
        tracer.process.wait()
    wait_until(lambda: not links & bpf_links(), "every link is gone")
    wait_until(lambda: not programs_before & programs(), "every program is gone")
    pinned = [name for _, _, names in os.walk("/sys/fs/bpf") for name in names]
    assert not [name for name in pinned if "pgleaktrace" in name]


def test_two_tracers_at_once_are_both_right(sink, port):
    with tool("leaker", "-n", 2, "-H", LOCAL, port) as before:
        before.said()
        with Tracer(port) as first, Tracer(port) as second:
            with tool("leaker", "-n", 5, "-c", 2, LOCAL, port) as leaker:
                leaker.said()
                leaker.finish()
            reports = [first.stop(), second.stop()]
        before.finish()
    for report in reports:
        expect(report.process(before.pid), adopted=2, open=2)
        expect(report.process(leaker.pid), opened=5, closed=2, abandoned=3)


def test_a_full_disk_ends_the_recording_and_not_the_watch(sink, port, tmp_path):
    disk = tmp_path / "disk"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "none", disk], check=True)
    try:
        with Tracer(port, "--record", disk / "r.ndjson") as tracer:
            with tool("leaker", "-n", 400, "-c", 400, LOCAL, port) as leaker:
                leaker.said()
                leaker.finish()
            wait_until(lambda: "cut short" in tracer.notes(), "it says that the disk is full")
            with tool("leaker", "-n", 3, LOCAL, port) as later:
                later.said()
                later.finish()
            tracer.process.send_signal(signal.SIGINT)
            assert tracer.wait() == 1
            notes, text = tracer.notes(), tracer.text()
        again = subprocess.run([tracer_path(), "--replay", disk / "r.ndjson", "-o", "json"],
                               capture_output=True, text=True, check=True)
    finally:
        subprocess.run(["umount", disk], check=True)
    assert notes.count("No space left on device; watching goes on") == 1
    assert f'"pid":{later.pid}' in text and '"abandoned":3' in text
    assert '"truncated":true' in again.stdout


def test_a_reader_that_leaves_ends_the_watch(port, tmp_path):
    """`pgleaktrace | head`: nothing more needs to happen for it to notice."""
    recording = tmp_path / "r.ndjson"
    with subprocess.Popen([tracer_path(), "-P", str(port), "-o", "ndjson", "--record", recording],
                          stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as run:
        assert b'"session"' in run.stdout.readline()
        run.stdout.close()
        assert run.wait(20) == -signal.SIGPIPE
    assert '"type":"stop"' in recording.read_text().splitlines()[-1]


def test_a_terminal_that_goes_away_ends_it(port):
    ours, theirs = os.openpty()
    with subprocess.Popen([tracer_path(), "-P", str(port), "-q"], stdin=theirs, stdout=theirs,
                          stderr=theirs, preexec_fn=lambda: own_terminal(theirs)) as run:
        os.close(theirs)
        try:
            wait_until(lambda: bpf_links_of(run.pid), "it is attached")
            links = bpf_links_of(run.pid)
            os.close(ours)
            run.wait(20)
        finally:
            run.kill()
    wait_until(lambda: not links & bpf_links(), "every link is gone")


def test_a_report_that_cannot_be_written_is_a_failure(sink, port):
    with open("/dev/full", "w", encoding="ascii") as full:
        run = subprocess.run([tracer_path(), "-P", str(port), "--once"], stdout=full,
                             stderr=subprocess.PIPE, text=True, check=False)
    assert run.returncode == 1
    assert run.stderr == ("pgleaktrace: the report could not be written whole: "
                          "No space left on device\n")
