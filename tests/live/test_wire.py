# SPDX-License-Identifier: BSD-2-Clause
"""What client and server say before the session: who asks for what, who is refused and why, and who
says goodbye. The server's log is the judge of every refusal and of every name.
"""

import json
import os
import re
import signal
import socket
import struct
import subprocess
import threading

import pytest

from actors import Actor, Sink, node_script, python_script, tool
from pgcluster import PgCluster, wait_until
from tracer import WITHOUT_CGROUP2, Tracer, expect, tracer_path

LOCAL = "127.0.0.1"
TOO_MANY = "sorry, too many clients already"


class FullServer:
    """One slot for everybody, one more for a superuser; both taken, or all but the superuser's."""

    def __init__(self, ssl=False, taken=2):
        self.taken = taken
        self.cluster = PgCluster(max_connections=2, superuser_reserved_connections=1, ssl=ssl)
        self.holders = []

    def __enter__(self):
        cluster = self.cluster.__enter__()
        try:
            cluster.psql("CREATE ROLE ordinary LOGIN")
            for number in range(1, self.taken + 1):
                self.holders.append(Actor(["psql", "-XAtq"], env=cluster.env(app="holder")))
                cluster.wait_open(number, app="holder")
        except BaseException:
            self.__exit__()
            raise
        return cluster

    def __exit__(self, *_):
        for holder in self.holders:
            holder.__exit__()
        self.cluster.__exit__()


def turned_away(cluster, user="postgres", **env):
    """psql against a full server; its pid once it has given up."""
    env = dict(cluster.env(app="late"), PGUSER=user, PGDATABASE="postgres", **env)
    with Actor(["psql", "-XAtq", "-c", "SELECT 1"], env=env, stderr=subprocess.DEVNULL) as psql:
        assert psql.finish() == 2
    cluster.wait_settled()
    return psql.pid


def known(row):
    """What the row says of its connection: what is null is not known."""
    return {key for key, value in row.items() if value is not None}


def refusals(cluster, user=None):
    return [s for s in cluster.server_log().sessions
            if s.refusal and (user is None or s.user == user)]


# -- refusals -------------------------------------------------------------------------------------


@pytest.mark.parametrize("user,taken,text", [
    ("postgres", 2, TOO_MANY),
    ("ordinary", 1, "remaining connection slots are reserved"),
])
def test_refused(postgres, user, taken, text):
    """One SQLSTATE, two texts; whoever closes first, it is a refusal."""
    with FullServer(taken=taken) as cluster, Tracer(cluster.port) as tracer:
        pid = turned_away(cluster, user)
        report = tracer.stop()
        assert [s.refusal for s in refusals(cluster)] == ["53300"]
    expect(report.process(pid), opened=1, refused=1)
    (row,) = report.process(pid)["connection_list"]
    assert row["ending"] == row["state"] == "refused"
    assert row["sqlstate"] == "53300" and text in row["message"]
    assert row["refusal_inferred"] is False
    assert (row["user"], row["database"], row["application"]) == (user, "postgres", "late")
    assert (row["encryption"], row["purpose"]) == ("none", "session")
    assert "backend_pid" not in known(row)


@pytest.mark.parametrize("args,detail", [
    ([], rf"53300 \({TOO_MANY}\), user postgres, database postgres, "),
    (["--no-wire"], r"\(inferred\), "),
])
def test_refused_as_an_event_line(postgres, args, detail):
    with FullServer() as cluster, Tracer(cluster.port, *args, output="text") as tracer:
        pid = turned_away(cluster)
        tracer.process.send_signal(signal.SIGINT)
        assert tracer.wait() == 0
        text = tracer.text()
    assert re.search(rf"  refused +{pid} +\S+  psql +127\.0\.0\.1:{cluster.port} {detail}", text), text


@pytest.mark.parametrize("user,taken", [("postgres", 2), ("ordinary", 1)])
def test_refused_under_tls_is_inferred(postgres, user, taken):
    with FullServer(ssl=True, taken=taken) as cluster, Tracer(cluster.port) as tracer:
        pid = turned_away(cluster, user, PGSSLMODE="require")
        report = tracer.stop()
        assert len(refusals(cluster)) == 1
    expect(report.process(pid), opened=1, refused=1)
    (row,) = report.process(pid)["connection_list"]
    assert row["refusal_inferred"] is True and row["encryption"] == "tls"
    assert not {"sqlstate", "user"} & known(row)


def test_refused_twice_where_tls_is_preferred(postgres):
    """libpq tries TLS, is refused inside it, and tries again in plain text."""
    with FullServer(ssl=True) as cluster, Tracer(cluster.port) as tracer:
        pid = turned_away(cluster, PGSSLMODE="prefer")
        report = tracer.stop()
        assert len(refusals(cluster)) == 2
    expect(report.process(pid), opened=2, refused=2)
    inferred, read = sorted(report.process(pid)["connection_list"], key=lambda c: c["opened_at"])
    assert (inferred["encryption"], inferred["refusal_inferred"]) == ("tls", True)
    assert (read["encryption"], read["sqlstate"], read["message"]) == ("none", "53300", TOO_MANY)


def test_sessions_under_tls_are_not_refusals(postgres):
    """Neither one that says goodbye, nor one that is killed, nor one that the server ends."""
    with PgCluster(ssl=True) as cluster, Tracer(cluster.port) as tracer:
        env = dict(cluster.env(app="tls"), PGSSLMODE="require")
        actors = [Actor(["psql", "-XAtq"], env=env) for _ in range(3)]
        cluster.wait_open(3, app="tls")
        clean, killed, ended = actors
        clean.finish()
        killed.kill()
        cluster.wait_open(1, app="tls")
        cluster.psql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                     "WHERE application_name = 'tls'")
        cluster.wait_open(0, app="tls")
        backends = [s.pid for s in cluster.server_log().select(app="tls")]
        wait_until(lambda: not any(os.path.exists(f"/proc/{pid}") for pid in backends), "they are gone")
        report = tracer.stop()
        for actor in actors:
            actor.__exit__()
    expect(report.process(clean.pid), opened=1, closed=1)
    expect(report.process(killed.pid), opened=1, abandoned=1)
    expect(report.process(ended.pid), opened=1, hung_up=1, fd_leak=1)
    assert {c["encryption"] for c in report.connections()} == {"tls"}


@pytest.mark.parametrize("env,sqlstate", [
    ({"PGDATABASE": "nowhere"}, "3D000"),
    ({"PGUSER": "nobody-at-all"}, "28000"),
])
def test_refused_for_other_reasons(cluster, env, sqlstate):
    with Tracer(cluster.port) as tracer:
        with Actor(["psql", "-XAtq", "-c", "SELECT 1"], env=dict(cluster.env(app="lost"), **env),
                   stderr=subprocess.DEVNULL) as psql:
            assert psql.finish() == 2
        cluster.wait_settled()
        report = tracer.stop()
    expect(report.process(psql.pid), opened=1, refused=1)
    (row,) = report.process(psql.pid)["connection_list"]
    assert row["sqlstate"] == sqlstate == refusals(cluster)[-1].refusal


def test_refused_node_dies_of_it(postgres, node_project):
    """The unhandled rejection ends the process: nobody closes, and still it is a refusal."""
    with FullServer() as cluster, Tracer(cluster.port) as tracer:
        with node_script(node_project, "pg-client.js", "--clients=1", env=cluster.env(app="late"),
                         stderr=subprocess.DEVNULL) as node:
            assert node.finish() != 0
        cluster.wait_settled()
        report = tracer.stop()
    expect(report.process(node.pid), opened=1, refused=1)
    assert report.process(node.pid)["connection_list"][0]["sqlstate"] == "53300"


def test_no_wire(postgres):
    """Without reading a word: the books balance, and what looks like a refusal is said to be inferred."""
    with FullServer() as cluster, Tracer(cluster.port, "--no-wire") as tracer:
        pid = turned_away(cluster)
        report = tracer.stop()
    expect(report.process(pid), opened=1, refused=1)
    (row,) = report.process(pid)["connection_list"]
    assert row["refusal_inferred"] is True
    assert not {"user", "database", "sqlstate", "backend_pid"} & known(row)
    for row in report.connections():    # an open one's user can still come from its backend's title
        assert not {"application", "sqlstate", "purpose", "encryption"} & known(row)


def test_without_cgroup2_it_says_so_and_infers(postgres):
    check = subprocess.run([*WITHOUT_CGROUP2, tracer_path(), "--check"], capture_output=True, text=True,
                           check=False)
    assert check.returncode == 0
    assert re.search(r"^missing +cgroup2, to read refusals.*refusals are inferred", check.stderr, re.M)
    with FullServer() as cluster, Tracer(cluster.port, prefix=WITHOUT_CGROUP2) as tracer:
        pid = turned_away(cluster)
        report = tracer.stop()
    expect(report.process(pid), opened=1, refused=1)
    (row,) = report.process(pid)["connection_list"]
    assert row["refusal_inferred"] is True and not {"user", "sqlstate"} & known(row)


def test_no_wire_sessions_are_not_refusals(cluster):
    env = cluster.env(app="python")
    with Tracer(cluster.port, "--no-wire") as tracer, python_script("leaky.py", 3, "hurry", env=env) as python:
        python.ready()
        python.finish()
        cluster.wait_open(0, app="python")
        report = tracer.stop()
    expect(report.script("leaky.py"), opened=3, abandoned=3)


# -- names ----------------------------------------------------------------------------------------


def named(report):
    """What each connection says of itself, by its client port."""
    return {c["local_port"]: (c.get("user"), c.get("database"), c.get("application"),
                              c.get("backend_pid")) for c in report.connections()}


def by_the_log(cluster, app, database="postgres"):
    return {s.port: (s.user, database, s.app, s.pid)
            for s in cluster.server_log().select(app=app, authorized=True)}


@pytest.mark.parametrize("host", [LOCAL, "::1"])
def test_psql_named(cluster, host):
    env = dict(cluster.env(host, app="psql named"), PGDATABASE="template1")
    with Tracer(cluster.port) as tracer:
        with Actor(["psql", "-XAtq", "-c", "SELECT 1"], env=env) as psql:
            assert psql.finish() == 0
        cluster.wait_open(0, app="psql named")
        report = tracer.stop()
    expect(report.process(psql.pid), opened=1, closed=1)
    assert named(report) == by_the_log(cluster, "psql named", "template1") != {}


def test_psycopg2_named(cluster):
    env = cluster.env(app="psycopg2")
    with Tracer(cluster.port) as tracer, python_script("leaky.py", 3, env=env) as python:
        python.ready()
        report = tracer.stop()
    assert named(report) == by_the_log(cluster, "psycopg2") != {}


def test_node_postgres_named(cluster, node_project):
    """node-postgres sends no application_name unless told to, and then in the StartupMessage."""
    env = cluster.env(app="node named")
    with Tracer(cluster.port) as tracer, \
            node_script(node_project, "pg-client.js", "--clients=2", "--hold=stdin", env=env) as node:
        node.ready()
        report = tracer.stop()
    expect(report.process(node.pid), opened=2, closed=2)
    assert named(report) == by_the_log(cluster, "node named") != {}


# -- how it is said -------------------------------------------------------------------------------


@pytest.mark.parametrize("how,ending", [
    ("split_startup", "abandoned"),
    ("split_terminate", "closed"),
    ("not_terminate", "abandoned"),
    ("pipelined", "closed"),
])
def test_in_pieces(cluster, how, ending):
    env = cluster.env()
    with Tracer(cluster.port) as tracer:
        with python_script("speaker.py", how, LOCAL, cluster.port, env=env) as speaker:
            speaker.ready()
            assert speaker.finish() == 0
        cluster.wait_open(0, app="speaker")
        report = tracer.stop()
    expect(report.process(speaker.pid), opened=1, **{ending: 1})
    assert named(report) == by_the_log(cluster, "speaker") != {}


def test_startup_before_the_answer_about_tls(cluster):
    with Tracer(cluster.port) as tracer:
        with python_script("speaker.py", "pipelined_tls", LOCAL, cluster.port, env=cluster.env()) as speaker:
            speaker.ready()
            speaker.finish()
        cluster.wait_settled()
        report = tracer.stop()
    expect(report.process(speaker.pid), opened=1, refused=1)
    (row,) = report.connections()
    assert row["sqlstate"] == "08P01"


def test_cancel_request(cluster):
    """A connection of its own that is opened to say one thing: it ends well, and says what it was."""
    env = cluster.env(app="cancel")
    with Tracer(cluster.port) as tracer, python_script("canceller.py", env=env) as python:
        python.ready()
        python.finish()
        cluster.wait_open(0, app="cancel")
        report = tracer.stop()
    expect(report.script("canceller.py"), opened=2, closed=2)
    assert sorted(c["purpose"] for c in report.connections()) == ["cancel", "session"]
    (cancel,) = (c for c in report.connections() if c["purpose"] == "cancel")
    assert not {"user", "backend_pid"} & known(cancel)


# -- hostile and secret ---------------------------------------------------------------------------


def message(kind, body=b""):
    return kind + struct.pack("!I", 4 + len(body)) + body


GREETING = message(b"R", struct.pack("!I", 0)) + message(b"K", struct.pack("!II", 4711, 1)) + \
    message(b"Z", b"I")


class FakeServer(threading.Thread):
    """Accepts one client, and answers each thing it says with the next of `answers`."""

    def __init__(self, port, *answers):
        super().__init__()
        self.listener = socket.create_server((LOCAL, port))
        self.answers = answers
        self.heard = b""

    def run(self):
        peer, _ = self.listener.accept()
        for answer in self.answers:
            self.heard += peer.recv(65536)
            peer.sendall(answer)
        peer.close()
        self.listener.close()


def psql_against(port, *answers, **env):
    """psql's pid and what it said, against a server that answers so."""
    server = FakeServer(port, *answers)
    server.start()
    env = {"PGHOST": LOCAL, "PGPORT": str(port), "PGUSER": "alice", "PGDATABASE": "shop",
           "PGSSLMODE": "disable", "PGGSSENCMODE": "disable", "PATH": "/usr/bin:/bin", **env}
    with Actor(["psql", "-XAtq", "-c", "SELECT 1"], env=env, stderr=subprocess.DEVNULL) as psql:
        psql.finish()
    server.join(20)
    return psql.pid, server.heard


def test_passwords_stay_in_the_kernel(port):
    with Tracer(port, output="ndjson") as tracer:
        pid, heard = psql_against(port, message(b"R", struct.pack("!I", 3)), GREETING,
                                  PGPASSWORD="open-sesame")
        report = tracer.stop()
    assert b"open-sesame" in heard, "it was sent"
    assert "open-sesame" not in tracer_text(report)
    (row,) = report.process(pid)["connection_list"]
    assert (row["user"], row["database"], row["backend_pid"]) == ("alice", "shop", 4711)


def tracer_text(report):
    return json.dumps(report.data)


@pytest.mark.parametrize("answer,ending", [
    (b"Ecould not fork new process for connection\n\0", "refused"),     # no length: protocol 2
    (b"E\xff\xff\xff\xff", "refused"),
    (b"Z\0\0\xff\xff", "hung_up"),
    (b"\0" * 64, "hung_up"),
    (b"HTTP/1.1 400 Bad Request\r\n\r\n", "hung_up"),
])
def test_answers_that_are_no_answers(port, answer, ending):
    """What can't be understood is not called anything but what TCP said of it."""
    with Tracer(port) as tracer:
        server = FakeServer(port, answer)
        server.start()
        with socket.create_connection((LOCAL, port)) as client:
            client.sendall(struct.pack("!II", 21, 3 << 16) + b"user\0alice\0\0\0"[:13])
            while client.recv(4096):
                pass
        server.join(20)
        report = tracer.stop()
    (row,) = report.connections()
    assert row["ending"] == ending
    assert not {"sqlstate", "message", "backend_pid"} & known(row)


@pytest.mark.parametrize("code,answer,encryption", [(80877103, b"S", "tls"), (80877104, b"G", "gss")])
def test_encryption_is_told_as_soon_as_it_is_agreed_upon(port, code, answer, encryption):
    with Tracer(port) as tracer:
        server = FakeServer(port, answer)
        server.start()
        with socket.create_connection((LOCAL, port)) as client:
            client.sendall(struct.pack("!II", 8, code))
            while client.recv(4096):
                pass
        server.join(20)
        report = tracer.stop()
    (row,) = report.connections()
    assert row["encryption"] == encryption and row["ending"] == "hung_up"


def test_not_postgresql_at_all(port):
    """A client that says other things, to a server that says nothing."""
    with Sink(port), Tracer(port) as tracer, tool("leaker", "-n", 2, "-c", 2, LOCAL, port) as leaker:
        leaker.said()
        leaker.finish()
        with socket.create_connection((LOCAL, port)) as client:
            client.sendall(b"GET / HTTP/1.1\r\nHost: shop\r\n\r\n" * 40)
        report = tracer.stop()
    assert report.total("closed") == 3 and report.total("refused") == 0
    for row in report.connections():
        assert not {"user", "purpose", "encryption"} & known(row)
