# SPDX-License-Identifier: BSD-2-Clause
"""What is said about each connection beside its counts: how it ended and by whom, which thread opened
it, how we know, why an attempt failed. The counts themselves are proven in test_cases.py.
"""

import errno
import json
import os
import re
import signal
import subprocess

import pytest

from actors import Sink, sockets_to, tool
from pgcluster import wait_until
from tracer import Tracer, expect, tracer_path

LOCAL = "127.0.0.1"
MANNER_GIVEN_UP, MANNER_ERROR = 8, 9    # enum manner of include/pgleaktrace/event.h


def only_connection(report):
    rows = report.connections()
    assert len(rows) == 1, rows
    return rows[0]


def ending_of(row):
    """Everything that tells how it ended; what is absent is None."""
    return {key: row.get(key) for key in ("ending", "manner", "signal", "exit_status", "errno")}


def ended(ending, manner, **more):
    return {"ending": ending, "manner": manner, "signal": None, "exit_status": None, "errno": None,
            **more}


# -- ended by the client --------------------------------------------------------------------------


@pytest.mark.parametrize("what,manner", [("half", "close"), ("reset", "reset by client")])
def test_closed_by_its_opener(sink, port, what, manner):
    with Tracer(port) as tracer, tool("odd", what, LOCAL, port) as odd:
        odd.said()
        row = only_connection(tracer.stop())
    assert ending_of(row) == ended("closed", manner)
    assert row["closer"] == {"pid": odd.pid, "thread_name": "odd"}
    assert row["state"] == "closed" and row["holders"] == []


@pytest.mark.parametrize("end,how", [
    ("exit", {"exit_status": 0}),
    ("_exit", {"exit_status": 0}),
    ("kill", {"signal": signal.SIGKILL}),
])
def test_abandoned_says_how_the_process_ended(sink, port, end, how):
    with Tracer(port) as tracer, tool("leaker", "-e", end, LOCAL, port) as leaker:
        leaker.said()
        leaker.finish()
        report = tracer.stop()
    row = only_connection(report)
    assert ending_of(row) == ended("abandoned", "exit", **how)
    assert row["closer"]["pid"] == leaker.pid
    process = report.process(leaker.pid)["process"]
    assert process["gone"] is True
    assert {key: process[key] for key in how} == how


def test_closed_by_exec(sink, port):
    with Tracer(port) as tracer, tool("mover", "exec-close", LOCAL, port) as mover:
        mover.said()
        wait_until(lambda: not sockets_to(port), "close-on-exec closed it", every=0.001)
        row = only_connection(tracer.stop())
    assert ending_of(row) == ended("closed", "exec")
    assert row["closer"]["pid"] == mover.pid


# -- ended by the server --------------------------------------------------------------------------


@pytest.mark.parametrize("how,manner,error", [
    ("-c", "server closed", None),
    ("-r", "reset", errno.ECONNRESET),
])
def test_hung_up_says_how(port, how, manner, error):
    with Sink(port, LOCAL, how, "0"), Tracer(port) as tracer, \
            tool("odd", "keep", LOCAL, port) as odd:
        odd.said()
        row = only_connection(tracer.stop())
    assert ending_of(row) == ended("hung_up", manner, errno=error)
    assert "closer" not in row, "no client ended it"
    assert row["state"] == "held"
    assert [h["pid"] for h in row["holders"]] == [odd.pid]


# -- who opened it, and how we know ---------------------------------------------------------------


def test_the_thread_that_opened_it(sink, port):
    with Tracer(port) as tracer, tool("leaker", "-t", "-H", LOCAL, port) as leaker:
        leaker.said()
        report = tracer.stop()
    row = only_connection(report)
    expect(report.process(leaker.pid), opened=1, open=1)
    assert row["thread_id"] not in (0, leaker.pid), "another thread than the leader called connect()"
    assert row["attribution"] == "connect"


def test_the_leader_is_a_thread_too(sink, port):
    with Tracer(port) as tracer, tool("leaker", "-H", LOCAL, port) as leaker:
        leaker.said()
        row = only_connection(tracer.stop())
    assert (row["thread_id"], row["thread_name"]) == (leaker.pid, "leaker")


def test_adopted_is_told_from_seen(sink, port):
    with tool("leaker", "-n", 2, "-H", LOCAL, port) as early:
        early_ports = set(early.said()["ports"])
        with Tracer(port) as tracer, tool("leaker", "-n", 3, "-H", LOCAL, port) as late:
            late_ports = set(late.said()["ports"])
            report = tracer.stop()
    how = {c["local_port"]: c["attribution"] for c in report.connections()}
    assert how == {**dict.fromkeys(early_ports, "snapshot"), **dict.fromkeys(late_ports, "connect")}


# -- attempts -------------------------------------------------------------------------------------


def failures(tracer):
    """The `fail` events of an ndjson run: (pid, manner, errno)."""
    lines = (json.loads(line) for line in tracer.text().splitlines())
    return [(e["pid"], e["manner"], e["error"]) for e in lines if e["type"] == "fail"]


def test_refused_says_econnrefused(port):
    with Tracer(port, output="ndjson") as tracer, \
            tool("leaker", "-n", 3, "-H", LOCAL, port) as leaker:
        assert leaker.said()["error"] == errno.ECONNREFUSED
        report = tracer.stop()
        assert failures(tracer) == [(leaker.pid, MANNER_ERROR, errno.ECONNREFUSED)] * 3
    expect(report.process(leaker.pid), failed=3)
    assert report.connections() == []


def test_given_up_says_so(port):
    with Sink(port, LOCAL, "-m"), tool("leaker", "-H", LOCAL, port) as filler:
        filler.said()
        with Tracer(port, output="ndjson") as tracer, tool("odd", "give-up", LOCAL, port) as odd:
            odd.said()
            tracer.stop()
            assert failures(tracer) == [(odd.pid, MANNER_GIVEN_UP, 0)]


# -- two at once ----------------------------------------------------------------------------------


def test_two_tracers_agree(sink, port):
    with Tracer(port) as one, Tracer(port) as other, \
            tool("leaker", "-n", 5, "-c", 2, LOCAL, port) as leaker:
        leaker.said()
        leaker.finish()
        reports = [one.stop(), other.stop()]
    for report in reports:
        expect(report.process(leaker.pid), opened=5, closed=2, abandoned=3)
    assert len({json.dumps(sorted(c["local_port"] for c in r.connections())) for r in reports}) == 1


def test_where_and_whose(sink, port, tmp_path):
    with Tracer(port) as tracer, tool("leaker", "-H", LOCAL, port, cwd=tmp_path) as leaker:
        leaker.said()
        executable = os.readlink(f"/proc/{leaker.pid}/exe")
        process = tracer.stop().process(leaker.pid)["process"]
    assert process["parent_pid"] == os.getpid()
    assert process["working_directory"] == str(tmp_path)
    assert process["executable_path"] == executable
    assert (process["user_id"], process["owner"]) == (0, "root")
    assert process["gone"] is False


# -- containers -----------------------------------------------------------------------------------


def cgroup_mounts():
    """cgroup2's, and those of older hierarchies in which the test itself seems to be in a container."""
    with open("/proc/self/cgroup", encoding="utf-8") as file:
        ours = {line.split(":")[1] for line in file if re.search("[0-9a-f]{32}", line)}
    found = []
    with open("/proc/mounts", encoding="utf-8") as file:
        for _, path, kind, options, *_ in map(str.split, file):
            if kind == "cgroup2" or (kind == "cgroup" and ours & set(options.split(","))):
                found.append(path)
    if not found:
        pytest.skip("no cgroup hierarchy is mounted")
    return found


def test_a_container_is_named_and_chosen(sink, port, tmp_path):
    """By the name of its cgroup, as container engines write it."""
    ident = os.urandom(32).hex()
    folders = [os.path.join(mount, f"docker-{ident}.scope") for mount in cgroup_mounts()]
    for folder in folders:
        os.mkdir(folder)
    enter = "".join(f"echo $$ >{folder}/cgroup.procs && " for folder in folders)
    inside = ("sh", "-c", f'{enter}exec "$@"', "sh")
    try:
        with Tracer(port, "--record", tmp_path / "r.ndjson") as tracer, \
                tool("leaker", "-n", 2, "-H", "127.0.0.1", port, prefix=inside) as contained, \
                tool("leaker", "-n", 3, "-H", "127.0.0.1", port) as outside:
            contained.said()
            outside.said()
            report = tracer.stop()
            assert report.process(contained.pid)["process"]["container_id"] == ident
            assert report.process(outside.pid)["process"].get("container_id") != ident
        for args, opened in ((["--container", ident[:12]], [2]), (["--cgroup", ident[:12]], [2]),
                             (["--container", "nonesuch"], [])):
            again = subprocess.run([tracer_path(), "--replay", tmp_path / "r.ndjson", "-o", "json", *args],
                                   capture_output=True, text=True, check=True)
            assert [s["opened"] for s in json.loads(again.stdout)["scripts"]] == opened
        groups = subprocess.run([tracer_path(), "--replay", tmp_path / "r.ndjson", "-g", "container",
                                 "-o", "json"], capture_output=True, text=True, check=True)
        rows = {g["container"]: g["opened"] for g in json.loads(groups.stdout)["containers"]}
        assert rows[ident] == 2 and sum(rows.values()) == 5
    finally:
        wait_until(lambda: all(map(removed, folders)), "nothing is left in them")


def removed(folder):
    try:
        os.rmdir(folder)
    except FileNotFoundError:
        return True
    except OSError:
        return False
    return True
