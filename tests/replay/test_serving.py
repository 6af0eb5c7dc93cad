# SPDX-License-Identifier: BSD-2-Clause
"""A recording served over HTTP, written into files, told to a service manager: without root."""

import json
import os
import pathlib
import re
import signal
import socket
import subprocess
import urllib.error
import urllib.request

import pytest

HERE = pathlib.Path(__file__).parent
BINARY = os.path.abspath(os.environ.get("PGLEAKTRACE", "build/pgleaktrace"))
RECORDING = HERE / "incident" / "recording.ndjson"


class Served:
    """`--replay --metrics 0`, up from the moment it says where."""

    def __init__(self, *args, env=None, before=()):
        self.args, self.env, self.before = args, {**os.environ, **(env or {})}, before

    def __enter__(self):
        argv = [*self.before, BINARY, "--replay", RECORDING, "--metrics", "0", *self.args]
        self.process = subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=self.env)
        self.notes = self.process.stderr.readline()
        self.port = int(re.search(r"metrics at http://127\.0\.0\.1:(\d+)/metrics", self.notes)[1])
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.communicate()

    def get(self, path, **headers):
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", headers=headers)
        with urllib.request.urlopen(request, timeout=20) as answer:
            return answer.read().decode(), answer.headers

    def say(self, request):
        """All that it answers to these bytes."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=20) as client:
            client.sendall(request)
            client.shutdown(socket.SHUT_WR)     # half-closed: it is answered all the same
            said = b""
            try:
                while more := client.recv(65536):
                    said += more
            except ConnectionResetError:        # what it did not read of ours
                pass
        return said


def test_pages():
    with Served() as served:
        text, headers = served.get("/metrics", Accept="application/openmetrics-text; version=1.0.0")
        assert text.endswith("# EOF\n") and headers["Content-Type"].startswith("application/openmetrics-text")
        text, headers = served.get("/metrics")
        assert "pgleaktrace_connections_open{" in text and headers["Content-Type"].startswith("text/plain")
        assert headers["X-Content-Type-Options"] == "nosniff" and headers["Connection"] == "close"
        assert "Which script is holding" in served.get("/")[0]
        with pytest.raises(urllib.error.HTTPError, match="404"):
            served.get("/nothing")
        served.process.send_signal(signal.SIGTERM)
        out, _ = served.process.communicate(timeout=20)
        assert served.process.returncode == 0 and "SCRIPT" in out


@pytest.mark.parametrize("request_, answer", [
    (b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n" * 3, b"HTTP/1.1 200 "),
    (b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n\0\xff\xfe garbage", b"HTTP/1.1 200 "),
    (b"GET /metrics HTTP/1.1\r\nHost: x\r\nX: " + b"a" * 10000 + b"\r\n\r\n", b"HTTP/1.1 431 "),
    (b"GET /" + b"a" * 20000 + b" HTTP/1.1\r\n\r\n", b"HTTP/1.1 414 "),
    (b"DELETE /metrics HTTP/1.1\r\nHost: x\r\n\r\n", b"HTTP/1.1 405 "),
    (b"POST /metrics HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc", b"HTTP/1.1 405 "),
    (b"GET /../../etc/passwd HTTP/1.1\r\nHost: x\r\n\r\n", b"HTTP/1.1 404 "),
    (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", b""),
], ids=["pipelined", "garbage behind", "long header", "long path", "delete", "post", "dots", "tls"])
def test_a_hostile_request_has_one_answer_and_the_door(request_, answer):
    with Served() as served:
        said = served.say(request_)
        assert said.startswith(answer) and said.count(b"HTTP/1.1 ") == bool(answer), said[:200]
        assert served.get("/healthz")[0] == "ok\n"


def test_a_service_manager_is_told(tmp_path):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "notify"))
        manager.settimeout(20)
        with Served(env={"NOTIFY_SOCKET": str(tmp_path / "notify"), "WATCHDOG_USEC": "100000"}) as served:
            assert manager.recv(100) == b"READY=1"
            assert manager.recv(100) == b"WATCHDOG=1"
            served.process.send_signal(signal.SIGTERM)
            while (said := manager.recv(100)) == b"WATCHDOG=1":
                pass
            assert said == b"STOPPING=1"
            assert served.process.wait(20) == 0


def replay(*args, **options):
    return subprocess.run([BINARY, "--replay", RECORDING, *args], capture_output=True, text=True, check=False,
                          timeout=60, **options)


def test_output_files(tmp_path):
    for form, first in (("text", "PostgreSQL connections"), ("json", '{"schema"'), ("html", "<!doctype html>"),
                        ("trace", "{"), ("openmetrics", "# ")):
        path = tmp_path / f"out.{form}"
        for _ in range(2):
            run = replay("-o", form, "--output-file", path)
            assert run.returncode == 0 and not run.stdout, run.stderr
        assert path.read_text().lower().startswith(first.lower())
        assert path.stat().st_mode & 0o777 == (0o644 if form == "openmetrics" else 0o600)
    assert json.loads((tmp_path / "out.json").read_text())["type"] == "report"


def test_a_log_of_events_is_added_to(tmp_path):
    path = tmp_path / "log"
    replay("-o", "ndjson", "--output-file", path)
    once = path.read_text()
    replay("-o", "ndjson", "--output-file", path)
    assert path.read_text() == once * 2


@pytest.mark.parametrize("form", ["json", "openmetrics"])
def test_an_output_file_that_cannot_be(tmp_path, form):
    run = replay("-o", form, "--output-file", tmp_path / "no" / "file")
    assert run.returncode == 1 and "cannot write" in run.stderr and "No such file" in run.stderr


@pytest.mark.parametrize("before", [(), ("sh", "-c", 'trap "" HUP; exec "$@"', "sh")], ids=["", "nohup"])
def test_hangup_reopens_the_log(tmp_path, before):
    log = tmp_path / "log"
    with Served("-o", "ndjson", "--output-file", log, before=before) as served:
        served.get("/healthz")
        log.rename(tmp_path / "log.1")
        served.process.send_signal(signal.SIGHUP)
        served.get("/healthz")
        served.process.send_signal(signal.SIGTERM)
        served.process.communicate(timeout=20)
        assert served.process.returncode == 0
    assert json.loads(log.read_text().splitlines()[-1])["type"] == "report"
