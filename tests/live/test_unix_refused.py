# SPDX-License-Identifier: BSD-2-Clause
"""Refusals through a unix socket: nothing of what is said there is seen, so they are told by how
the backend ended. The server's log is the judge of what is one and what is not.
"""

import os
import re
import signal
import socket
import subprocess
import sys

import pytest

from actors import Actor, node_script
from pgcluster import PgCluster, wait_until
from tracer import WITHOUT_CGROUP2, Tracer, tracer_path


WAYS = pytest.mark.parametrize("prefix", [(), WITHOUT_CGROUP2], ids=["hooked", "not-hooked"])


def tracer(cluster, prefix=(), *args, **more):
    """One whose looks do not matter: all that is tested comes and goes between two."""
    return Tracer(cluster.port, "-i", "60s", *args, unix=True, prefix=prefix, **more)


def psql(cluster, *args, **env):
    """psql through the socket until it has ended; its pid and its exit status."""
    env = {**cluster.env(cluster.socket_folder, app="late"), **env}
    with Actor(["psql", "-XAtqw", *args, "-c", "SELECT 1"], env=env, stderr=subprocess.DEVNULL) as client:
        status = client.finish()
    cluster.wait_settled()
    return client.pid, status


def refusals(cluster):
    return [s.refusal for s in cluster.server_log().sessions if s.host == "[local]" and s.refusal]


def full_server():
    return PgCluster(max_connections=2, superuser_reserved_connections=1)


def holders(cluster, taken):
    actors = []
    for number in range(1, taken + 1):
        actors.append(Actor(["psql", "-XAtq"], env=cluster.env(app="holder")))
        cluster.wait_open(number, app="holder")
    return actors


def end(actors):
    for actor in actors:
        actor.__exit__()


def inferred(report, number):
    rows = report.connections("refused")
    assert len(rows) == number == report.total("refused")
    for row in rows:
        assert row["refusal_inferred"] is True and row.get("sqlstate") is row.get("message") is None
    return rows


# -- what is refused ------------------------------------------------------------------------------


@WAYS
@pytest.mark.parametrize("user,taken", [("postgres", 2), ("ordinary", 1)])
def test_a_full_server(postgres, prefix, user, taken):
    """One is turned away before it has a slot, one because those left are the superuser's."""
    with full_server() as cluster:
        cluster.psql("CREATE ROLE ordinary LOGIN")
        actors = holders(cluster, taken)
        with tracer(cluster, prefix) as watch:
            _, status = psql(cluster, PGUSER=user, PGDATABASE="postgres")
            report = watch.stop(complete=not prefix)
        end(actors)
        assert status == 2 and refusals(cluster) == ["53300"]
    assert report.total("opened") == 1
    inferred(report, 1)


@WAYS
def test_other_reasons(cluster, prefix):
    cluster.psql("CREATE ROLE secret LOGIN PASSWORD 'x'")
    cluster.psql("CREATE ROLE barred LOGIN CONNECTION LIMIT 0")
    cluster.let_in("local all secret scram-sha-256\nlocal all nobody reject\n")
    wait_until(lambda: psql(cluster, PGUSER="nobody", PGDATABASE="postgres")[1] == 2, "the rules hold")
    before = len(refusals(cluster))
    with tracer(cluster, prefix) as watch:
        for env in ({"PGUSER": "secret", "PGPASSWORD": "wrong"}, {"PGUSER": "nobody"}, {"PGUSER": "barred"},
                    {"PGUSER": "unheard"}, {"PGDATABASE": "nowhere"}):
            assert psql(cluster, **{"PGDATABASE": "postgres", **env})[1] == 2
        assert psql(cluster, PGUSER="secret", PGPASSWORD="x", PGDATABASE="postgres")[1] == 0
        report = watch.stop(complete=not prefix, unknown=None)
    assert refusals(cluster)[before:] == ["28P01", "28000", "53300", "28000", "3D000"]
    assert report.total("opened") == 6
    inferred(report, 5)


@WAYS
def test_a_server_that_is_shutting_down(cluster, prefix):
    """It says so before it asks who comes."""
    (holder,) = holders(cluster, 1)
    with tracer(cluster, prefix) as watch:
        cluster.postmaster.send_signal(signal.SIGTERM)      # it waits for the one who is there
        wait_until(lambda: psql(cluster)[1] == 2, "it lets nobody in")
        report = watch.stop(complete=not prefix, unknown=None)
    holder.__exit__()
    inferred(report, len(refusals(cluster)))


def test_node_dies_of_it(postgres, node_project):
    with full_server() as cluster:
        actors = holders(cluster, 2)
        env = cluster.env(cluster.socket_folder, app="late")
        with tracer(cluster) as watch:
            with node_script(node_project, "pg-client.js", "--clients=1", env=env, stderr=subprocess.DEVNULL) as node:
                node.process.wait(30)
            cluster.wait_settled()
            report = watch.stop()
        end(actors)
        assert refusals(cluster) == ["53300"]
    inferred(report, 1)


def test_as_it_is_said(postgres):
    """In the report, as an event line, and by the gate."""
    with full_server() as cluster:
        actors = holders(cluster, 2)
        command = [tracer_path(), "-P", str(cluster.port), "--fail-on", "refused", "--", "psql", "-XAtqw", "-c", "SELECT 1"]
        run = subprocess.run(command, env=cluster.env(cluster.socket_folder), capture_output=True, text=True,
                             timeout=60, check=False)
        with tracer(cluster, output="lines") as watch:
            pid, _ = psql(cluster)
            watch.process.send_signal(signal.SIGINT)
            assert watch.wait() == 0
            text = watch.text()
        end(actors)
    assert run.returncode == 23 and "--fail-on: refused connections: 1" in run.stderr, run.stderr
    assert re.search(rf"  refused +{pid} +\S+  psql +unix:{cluster.socket_folder}:{cluster.port} \(inferred\)", text), text


# -- what is not ----------------------------------------------------------------------------------


@WAYS
@pytest.mark.parametrize("how", ["terminated", "stopped"])
def test_a_session_that_the_server_ends_at_once_was_none(postgres, prefix, how):
    """The same status, and it never asked anything: only that it had its database tells."""
    with PgCluster() as cluster:
        env = cluster.env(cluster.socket_folder, app="fresh")
        with tracer(cluster, prefix) as watch, Actor(["psql", "-XAtq"], env=env) as fresh:
            fresh.process.stdin.write(b"\\echo READY\n")     # psql's own: no query
            fresh.process.stdin.flush()
            fresh.ready()
            (session,) = cluster.server_log().select(app="fresh")
            if how == "terminated":
                cluster.psql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                             " WHERE application_name = 'fresh'", host="127.0.0.1")
            else:
                cluster.postmaster.send_signal(signal.SIGINT)
            wait_until(lambda: not os.path.exists(f"/proc/{session.pid}"), "its backend is gone")
            report = watch.stop(complete=not prefix, unknown=None)
    assert report.total("refused") == 0
    assert report.process(fresh.pid)["hung_up"] == 1


@WAYS
def test_who_gives_up_before_the_session_was_not_refused(cluster, prefix):
    """It was asked for a password, and went."""
    cluster.psql("CREATE ROLE secret LOGIN PASSWORD 'x'")
    cluster.let_in("local all secret scram-sha-256\n")
    asked = dict(PGUSER="secret", PGDATABASE="postgres", PGPASSFILE="/dev/null")
    wait_until(lambda: psql(cluster, **asked)[1] == 2, "the rule holds")
    with tracer(cluster, prefix) as watch:
        psql(cluster, **asked)
        report = watch.stop(complete=not prefix, unknown=None)
    assert (report.total("opened"), report.total("refused")) == (1, 0)


FORKING = """
import os, socket, sys
with socket.socket(socket.AF_UNIX) as server:
    server.bind(sys.argv[1])
    server.listen()
    print("READY", flush=True)
    client, _ = server.accept()
    client.getsockname()
    if os.fork() == 0:
        os._exit(1)
    client.close()
    os.wait()
    print("READY", flush=True)
    sys.stdin.read()
"""


def test_another_server_s_status_says_nothing(port, tmp_path):
    """Whoever else listens there may end with 1 for its own reasons."""
    path = str(tmp_path / f".s.PGSQL.{port}")
    with Actor([sys.executable, "-c", FORKING, path]) as server, \
            Tracer(port, "-i", "60s", unix=True) as watch, socket.socket(socket.AF_UNIX) as client:
        server.ready()
        client.connect(path)
        server.ready()
        report = watch.stop()
    assert (report.total("opened"), report.total("refused")) == (1, 0)
