# SPDX-License-Identifier: BSD-2-Clause
"""--metrics over a real socket: both formats, totals that only grow, slow and hostile clients."""

import re
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request

import pytest

from actors import ROOT, Actor, tool
from pgcluster import wait_until
from tracer import Tracer, tracer_path

LOCAL = "127.0.0.1"
OPEN = "application/openmetrics-text; version=1.0.0"
SAMPLE = re.compile(r'^([a-z_]+)(?:\{(.*)\})? (\S+)$')
LABEL = re.compile(r'([a-z_]+)="((?:[^"\\\n]|\\[\\"n])*)"(?:,|$)')
RECORDING = ROOT / "tests" / "replay" / "incident" / "recording.ndjson"


def parse(text):
    """{(name, labels as a frozenset of pairs): value}; every line must be understood, none twice."""
    samples = {}
    for line in text.splitlines():
        if line.startswith("# "):
            assert re.match(r"^# (HELP|TYPE|UNIT) pgleaktrace_[a-z_]+ .+$|^# EOF$", line), line
            continue
        match = SAMPLE.match(line)
        assert match, line
        name, labels, value = match.groups()
        pairs = LABEL.findall(labels or "")
        assert "".join(f'{k}="{v}",' for k, v in pairs).rstrip(",") == (labels or ""), line
        key = (name, frozenset(pairs))
        assert key not in samples, f"twice: {line}"
        samples[key] = float(value)
    return samples


def value(samples, name, **labels):
    """The sum of the samples that have these labels."""
    return sum(v for (n, pairs), v in samples.items()
               if n == f"pgleaktrace_{name}" and set(labels.items()) <= pairs)


class Served:
    """A tracer that serves; its address is what it says on standard error."""

    def __init__(self, *args, **options):
        self.tracer = Tracer(*args, output="text", **options)

    def __enter__(self):
        self.tracer.__enter__()
        found = []

        def said():
            found[:] = re.findall(r"metrics at (http://\S+)/metrics", self.tracer.notes())
            return bool(found)
        wait_until(said, "it says where it serves")
        self.url = found[0]
        return self

    def __exit__(self, *error):
        self.tracer.__exit__(*error)

    def get(self, path="/metrics", accept=None, method="GET"):
        headers = {"Accept": accept} if accept else {}
        request = urllib.request.Request(self.url + path, headers=headers, method=method)
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.read().decode(), answer.headers

    def samples(self):
        return parse(self.get()[0])

    def port(self):
        return int(self.url.rsplit(":", 1)[1])


def promtool(text):
    return subprocess.run(["promtool", "check", "metrics"], input=text, text=True, check=False,
                          capture_output=True)


def test_both_formats_and_the_other_pages(sink, port):
    with Served(port, "--metrics", 0) as served:
        with tool("leaker", "-n", 3, "-H", LOCAL, port) as leaker:
            leaker.said()
            wait_until(lambda: value(served.samples(), "connections_open", script="leaker") == 3,
                       "three are open")
            classic, headers = served.get()
            assert headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
            check = promtool(classic)
            assert check.returncode == 0 and not check.stderr, check.stderr
            text, headers = served.get(accept=OPEN)
            assert headers["Content-Type"].startswith("application/openmetrics-text; version=1.0.0")
            assert text.endswith("# EOF\n") and text.count("# EOF") == 1
            assert value(parse(text), "connections_opened_total", script="leaker",
                         server=f"{LOCAL}:{port}") == 3
            assert str(leaker.pid) not in re.sub(r" \S+$", "", text, flags=re.M)
        assert served.get("/healthz")[0] == "ok\n"
        assert "/metrics" in served.get("/")[0]
        body, headers = served.get(method="HEAD")
        assert body == "" and int(headers["Content-Length"]) > 0
        for path, method, status in (("/x", "GET", 404), ("/metrics", "POST", 405)):
            with pytest.raises(urllib.error.HTTPError) as error:
                served.get(path, method=method)
            assert error.value.code == status
            error.value.close()


def counters(samples):
    return {key: v for key, v in samples.items() if key[0].endswith(("_total", "_bucket", "_count"))}


def test_totals_only_grow_and_outlive_their_processes(sink, port):
    before = {}
    with Served(port, "--metrics", 0, "-i", "100ms") as served:
        for round_ in range(1, 4):
            with tool("leaker", "-n", 4, "-c", 2, "-H", LOCAL, port) as leaker:
                leaker.said()
            wait_until(lambda: value(served.samples(), "connections_abandoned_total",
                                     script="leaker") == 2 * round_, "they are counted")
            now = counters(served.samples())
            fallen = {key: (v, now.get(key)) for key, v in before.items() if now.get(key, -1) < v}
            assert not fallen
            before = now
        samples = served.samples()
        assert value(samples, "connections_opened_total", script="leaker") == 12
        assert value(samples, "connections_closed_total", script="leaker") == 6
        assert value(samples, "connections_open", script="leaker") == 0
        assert value(samples, "connection_lifetime_seconds_count", script="leaker") == 12
        assert value(samples, "findings", rule="abandoned", script="leaker") == 1
        assert value(samples, "complete") == 1
        assert value(samples, "map_entries", map="ledgers") < \
            value(samples, "map_max_entries", map="ledgers")
        assert value(samples, "resident_memory_bytes") > 1e6
        assert value(samples, "last_look_timestamp_seconds") == pytest.approx(time.time(), abs=30)


def test_slow_and_rude_clients_hold_up_nobody(sink, port):
    with Served(port, "--metrics", 0) as served:
        slow = [socket.create_connection((LOCAL, served.port())) for _ in range(8)]
        for n, client in enumerate(slow):
            client.sendall((b"GET /metrics HT", b"\0\xff\r\n\r\n", b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n",
                            b"G" * 20000)[n % 4])
        for _ in range(5):
            assert "pgleaktrace_complete 1" in served.get()[0]
        with tool("leaker", "-n", 1, "-H", LOCAL, port) as leaker:
            leaker.said()
            wait_until(lambda: value(served.samples(), "connections_open", script="leaker") == 1,
                       "it still watches")
        for client in slow:
            client.close()


def resident(pid):
    with open(f"/proc/{pid}/status", encoding="ascii") as status:
        return int(re.search(r"VmRSS:\s+(\d+) kB", status.read())[1]) * 1024


def test_a_crowd_that_never_finishes_its_requests_is_sent_away(sink, port):
    """Slowloris: more clients than there are places, each busy with a byte now and then."""
    with Served(port, "--metrics", 0) as served:
        served.get()
        before = resident(served.tracer.process.pid)
        crowd = [socket.create_connection((LOCAL, served.port())) for _ in range(100)]
        gone = set()

        def drip():
            for client in set(crowd) - gone:
                try:
                    client.send(b"G")
                    client.recv(1, socket.MSG_DONTWAIT)
                    gone.add(client)
                except BlockingIOError:
                    pass
                except OSError:
                    gone.add(client)
            return len(gone) >= 60
        wait_until(drip, "two full houses are sent away", every=0.1)
        assert "pgleaktrace_complete 1" in served.get()[0]
        with tool("leaker", "-n", 1, "-H", LOCAL, port) as leaker:
            leaker.said()
            wait_until(lambda: value(served.samples(), "connections_open", script="leaker") == 1,
                       "it still watches")
        assert resident(served.tracer.process.pid) < before + (8 << 20)
        for client in crowd:
            client.close()


def test_it_ends_with_its_report_and_frees_its_port(sink, port):
    with Served(port, "--metrics", 0) as served:
        where = served.port()
        served.tracer.process.send_signal(signal.SIGTERM)
        assert served.tracer.wait() == 0
        assert "Complete: nothing lost" in served.tracer.text()
        assert "  opened  " not in served.tracer.text()
    with socket.socket() as again:
        again.bind((LOCAL, where))


def mapped(tracer):
    """The library that serves, as the process has it mapped: its path, or None."""
    with open(f"/proc/{tracer.process.pid}/maps", encoding="utf-8") as file:
        found = re.search(r"(/\S+/libmicrohttpd\S+)$", file.read(), re.M)
    return found and found[1]


def test_only_who_serves_has_the_library_and_without_it_that_is_said(port):
    with Tracer(port) as tracer:
        assert not mapped(tracer)
        tracer.stop()
    with Served(port, "--metrics", "0") as served:
        library = mapped(served.tracer)
    if not library:
        pytest.skip("the static program has it within")
    hidden = ["unshare", "--mount", "sh", "-c", 'mount --bind /dev/null "$0" && exec "$@"', library]
    done = subprocess.run([*hidden, tracer_path(), "-P", str(port), "-d", "1", "--metrics", "0"], capture_output=True,
                          text=True, check=False)
    assert "cannot serve metrics: libmicrohttpd is not installed" in done.stderr and done.returncode == 1


def test_a_taken_port_is_a_sentence(port):
    with socket.socket() as taken:
        taken.bind((LOCAL, 0))
        taken.listen()
        run = subprocess.run([tracer_path(), "-P", str(port), "--metrics",
                              str(taken.getsockname()[1])], capture_output=True, text=True,
                             check=False, timeout=30)
    assert run.returncode == 1
    assert "cannot serve metrics" in run.stderr and "in use" in run.stderr


def test_a_recording_is_served_after_it_was_played():
    with Served(5432, "--replay", RECORDING, "--metrics", 0, armed=False) as served:
        wait_until(lambda: value(served.samples(), "connections_abandoned_total",
                                 script="scripts/seed.py") == 6, "it was played")
        served.tracer.process.send_signal(signal.SIGTERM)
        assert served.tracer.wait() == 0


def test_slots_of_a_server_here(cluster):
    def slots(which):
        return value(served.samples(), f"server_{which}", server=f"{LOCAL}:{cluster.port}",
                     data_directory=cluster.data)

    with Served(cluster.port, "--metrics", 0, "-i", "100ms") as served:
        with Actor(["psql", "-XAtq", "-c", "select pg_sleep(600)"], env=cluster.env()) as psql:
            cluster.wait_open(1)
            wait_until(lambda: slots("slots_used") == 1, "its slot is seen")
            assert slots("max_connections") == 100 and slots("reserved_connections") == 3
            assert slots("slots_orphaned") == 0 and slots("slots_remote") == 0
            psql.kill()
            wait_until(lambda: slots("slots_orphaned") == 1, "the slot outlives its client")
            assert slots("slots_used") == 1
            assert value(served.samples(), "findings", rule="orphan-slot") == 1
        check = promtool(served.get()[0])
        assert check.returncode == 0 and not check.stderr, check.stderr


def test_the_page_and_its_list_name_the_same_families():
    listed = set(re.findall(r"^\| `([a-z_]+)` \|", (ROOT / "docs" / "METRICS.md").read_text(), re.M))
    page = subprocess.run([tracer_path(), "--replay", RECORDING, "-o", "openmetrics"], check=True,
                          capture_output=True, text=True).stdout
    assert set(re.findall(r"^# TYPE pgleaktrace_([a-z_]+) ", page, re.M)) == listed
