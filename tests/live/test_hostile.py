# SPDX-License-Identifier: BSD-2-Clause
"""Programs that call themselves what they like, live, in every view: their text stays text."""

import json
import os
import re
import resource
import shutil
import subprocess

import pytest

from actors import Actor, tool_path
from test_metrics import parse
from pgcluster import free_port
from tracer import Report, assert_balanced, assert_schema, tracer_path

LOCAL = "127.0.0.1"
HOSTILE = [b"\x1b]0;owned\x07\x1b[2J\x1b[31m", b"two\nlines\r\tand tabs", b"\xff\xfe no UTF-8 \xc3\x28 \xed\xa0\x80",
           "\u202egnp.exe\u202c\u2066\u200f\ufeff\u2028".encode(), "\u009b2J\u0085".encode(), b"\x7f\x08\x08",
           b"</script><script>alert(1)</script><img src=x onerror=alert(1)>\"'&", b"a\"} 1\n# EOF\n", b"$(reboot);`reboot`"]
BIG = [b"a" * 120_000] * 18                             # over 2 MB in all
COMM = "a) R (b\x1b c"
TEXTS = ["text", "lines", "html", "openmetrics"]        # for people, browsers and line parsers
FORBIDDEN = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff]")


def start(argv, cwd, executable):
    process = subprocess.Popen(argv, executable=executable, cwd=cwd, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                               preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_STACK, (64 << 20, 64 << 20)))
    assert process.stdout.readline()        # it has done its part
    return process


@pytest.fixture
def hostiles(sink, port, tmp_path):
    """Three leakers: one with a hostile command line, one with an endless one, and one with a hostile
    name whose folder is gone. Each holds two connections."""
    named = tmp_path / COMM
    shutil.copy(tool_path("leaker"), named)
    folder = tmp_path / "gone"
    folder.mkdir()
    act = [b"-n", b"2", b"-H", LOCAL.encode(), str(port).encode()]
    processes = [start([b"leaker", *act, *(w for tag in HOSTILE for w in (b"-T", tag))], "/", tool_path("leaker")),
                 start([b"leaker", *act, *(w for tag in BIG for w in (b"-T", tag))], "/", tool_path("leaker")),
                 start([b"leaker", *act], folder, named)]
    folder.rmdir()
    yield processes
    for process in processes:
        process.kill()
        process.communicate()


def look(port, *args):
    run = subprocess.run([tracer_path(), "-P", str(port), "--once", "-v", "--unix=off", *args], capture_output=True,
                         check=True, timeout=60, env={**os.environ, "LC_ALL": "C.UTF-8"})
    assert b"\x1b" not in run.stderr
    return run.stdout


def test_hostile_text_in_every_view(hostiles, port, tmp_path):
    recording = tmp_path / "r.ndjson"
    report = Report(json.loads(look(port, "-o", "json", "--record", recording)))
    assert_schema(report.data)
    assert_balanced(report)
    assert sorted(p["process"]["pid"] for p in report.processes()) == sorted(p.pid for p in hostiles)
    for process in hostiles:
        assert report.process(process.pid)["adopted"] == report.process(process.pid)["open"] == 2
    rows = [report.process(process.pid)["process"] for process in hostiles]
    assert "\\xff\\xfe no UTF-8 \\xc3(" in " ".join(rows[0]["command_args"])
    assert rows[1]["command_args"][:3] == ["leaker", "-n", "2"] and len(json.dumps(rows[1])) < 20_000
    assert rows[2]["working_directory"].endswith("/gone (deleted)")

    for view in TEXTS:
        for text in (look(port, "-o", view), subprocess.run([tracer_path(), "--replay", recording, "-v", "-o", view],
                                                            capture_output=True, check=True).stdout):
            text = text.replace(b"\t", b"") if view == "html" else text     # our own style is indented
            bad = FORBIDDEN.search(text.decode())       # and it is UTF-8
            assert not bad, f"{view}: {text.decode()[max(0, bad.start() - 40):bad.end() + 40]!r}"
            if view == "html":
                assert b"<script>alert" not in text and b"<img src=x" not in text
            if view == "openmetrics":
                assert text.count(b"# EOF\n") == 1 and parse(text.decode())
    for view in ("ndjson", "trace"):
        text = look(port, "-o", view).decode()
        assert not re.search("[\x00-\x09\x0b-\x1f]", text)
        assert all(json.loads(part) for part in (text.strip("\n").split("\n") if view == "ndjson" else [text]))


def test_a_hostile_life_in_event_lines(sink, port):
    """Seen from connect() to the end, in the lines that are shown as they come."""
    with subprocess.Popen([tracer_path(), "-P", str(port), "-o", "lines", "--unix=off"], stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True) as tracer:
        while "watching" not in tracer.stderr.readline():
            pass
        argv = [b"leaker", b"-n", b"1", LOCAL.encode(), str(port).encode(), b"-T", HOSTILE[0], b"-T", HOSTILE[1],
                b"-T", HOSTILE[3]]
        leaker = start(argv, "/", tool_path("leaker"))
        leaker.communicate()
        while "abandoned" not in (line := tracer.stdout.readline()):
            assert not FORBIDDEN.search(line), line
        tracer.terminate()
        out, _ = tracer.communicate(timeout=30)
    assert not FORBIDDEN.search(line + out)


# -- an ordinary user's process that is called like another's backend -------------------------------

# Connects, and says from which port; then it is called like the backend of that very connection.
CLIENT = """
import os, socket, sys
s = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
port = s.getsockname()[1]
s.set_inheritable(True)
title = f"postgres: root prod 127.0.0.1({port}) idle in transaction"
print(port, flush=True)
os.execv(sys.executable, [title, "-c", "import sys; sys.stdin.read()"])
"""
# Listens where it may, and forks a child that is called like a backend and has the accepted socket.
SERVER = """
import os, socket, sys
s = socket.create_server(("127.0.0.1", int(sys.argv[1])))
print(0, flush=True)
c, (_, port) = s.accept()
title = f"postgres: root prod 127.0.0.1({port}) idle"
if not os.fork():
    c.set_inheritable(True)
    os.execv(sys.executable, [title, "-c", "print(1, flush=True); import sys; sys.stdin.read()"])
c.close()
sys.stdin.read()
"""


def as_nobody(script, port):
    return Actor(["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups", "/usr/bin/python3", "-c", script,
                  port])


def test_a_client_called_like_its_backend_stays_a_client(cluster):
    with as_nobody(CLIENT, cluster.port) as liar:
        local_port = int(liar.line())
        report = Report(json.loads(look(cluster.port, "-o", "json")))
    row = report.connection(local_port)
    assert report.process(liar.pid)["open"] == 1
    assert row["backend_pid"] != liar.pid and row["user"] != "root" and row["database"] != "prod"
    (server,) = [s for s in report.servers if s["port"] == cluster.port]
    assert server["slots_used"] <= 1 and server["remote"] == [] and server["orphan_slots"] == []


def test_a_server_that_is_no_postmaster_has_no_backends(cluster):
    port = free_port()
    with as_nobody(SERVER, port) as liar:
        liar.line()
        with subprocess.Popen([tool_path("leaker"), "-n", "1", "-H", LOCAL, str(port)], stdin=subprocess.PIPE,
                              stdout=subprocess.PIPE) as leaker:
            assert leaker.stdout.readline() and liar.line() == "1"
            report = Report(json.loads(look(port, "-o", "json")))
            leaker.kill()
    (server,) = [s for s in report.servers if s["port"] == port]
    assert server["kind"] == "relay" and server["slots_used"] is None and server["max_connections"] is None
    (row,) = report.process(leaker.pid)["connection_list"]
    assert row["backend_pid"] is None and row["user"] is None and row["database"] is None
