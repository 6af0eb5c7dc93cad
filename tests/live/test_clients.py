# SPDX-License-Identifier: BSD-2-Clause
"""Real clients against a real PostgreSQL: our report against the server's log, connection by
connection, and against what the script itself does.
"""

import subprocess

import pytest

from actors import Actor, node_script, python_script
from pgcluster import PgCluster
from tracer import Tracer, expect


def compare_with_log(report, cluster, app):
    """Each session of the application in the log is one connection in the report, and the reverse.

    Whether it is open, and that nothing but the client ended it, must agree too.
    """
    cluster.wait_settled()
    log = {s.port: s for s in cluster.server_log().select(app=app)}
    ours = {c["local_port"]: c for c in report.connections()}
    assert set(ours) == set(log)
    for port, session in log.items():
        assert (ours[port]["state"] == "open") == session.open, f"client port {port}"
        if session.ended:
            assert ours[port]["ending"] in ("closed", "abandoned"), f"client port {port}"


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_psql(cluster, host):
    env = cluster.env(host, app="psql-test")
    with Tracer(cluster.port) as tracer:
        with Actor(["psql", "-XAtq"], env=env) as session:
            cluster.wait_open(1, app="psql-test")
            session.finish()
        cluster.wait_open(0, app="psql-test")
        report = tracer.stop()
    expect(report.process(session.pid), opened=1, closed=1)
    assert report.names() == ["psql"]
    compare_with_log(report, cluster, "psql-test")


def test_psql_open_and_killed(cluster):
    env = cluster.env(app="psql-kill")
    with Tracer(cluster.port) as tracer, Actor(["psql", "-XAtq"], env=env) as held, \
            Actor(["psql", "-XAtq"], env=env) as killed:
        cluster.wait_open(2, app="psql-kill")
        killed.kill()
        cluster.wait_open(1, app="psql-kill")
        report = tracer.stop()
        compare_with_log(report, cluster, "psql-kill")
    expect(report.process(held.pid), opened=1, open=1)
    expect(report.process(killed.pid), opened=1, abandoned=1)
    expect(report.script("psql"), opened=2, open=1, abandoned=1)


def test_psql_over_tls(postgres):
    with PgCluster(ssl=True) as cluster:
        env = dict(cluster.env(app="psql-tls"), PGSSLMODE="require")
        with Tracer(cluster.port) as tracer:
            with Actor(["psql", "-XAtq", "-c", "SELECT 1"], env=env) as session:
                assert session.finish() == 0
            cluster.wait_open(0, app="psql-tls")
            report = tracer.stop()
        expect(report.process(session.pid), opened=1, closed=1)
        compare_with_log(report, cluster, "psql-tls")


def test_pgbench_reconnecting(cluster):
    """pgbench -C: a connection per transaction, all from one process."""
    env = cluster.env(app="pgbench-C")
    script = cluster.folder + "/select.sql"
    with open(script, "w", encoding="ascii") as file:
        file.write("SELECT 1;\n")
    with Tracer(cluster.port) as tracer:
        with Actor(["pgbench", "-C", "-n", "-c", "4", "-j", "2", "-t", "50", "-f", script],
                   env=env, stderr=subprocess.DEVNULL) as bench:
            assert bench.finish() == 0
        cluster.wait_open(0, app="pgbench-C")
        report = tracer.stop()
    truth = cluster.counts(app="pgbench-C")
    assert truth["received"] >= 200
    expect(report.process(bench.pid), opened=truth["received"], closed=truth["received"])
    compare_with_log(report, cluster, "pgbench-C")


# -- psycopg2 -------------------------------------------------------------------------------------


@pytest.mark.parametrize("script,args,ending", [
    ("honest.py", ["4"], "closed"),
    ("leaky.py", ["4"], "closed"),              # CPython's destructors close what was forgotten
    ("leaky.py", ["4", "hurry"], "abandoned"),
])
def test_psycopg2(cluster, script, args, ending):
    env = cluster.env(app="psycopg2")
    with Tracer(cluster.port) as tracer, python_script(script, *args, env=env) as python:
        python.ready()
        cluster.wait_open(4, app="psycopg2")
        python.finish()
        cluster.wait_open(0, app="psycopg2")
        report = tracer.stop()
    expect(report.script(script), opened=4, **{ending: 4})
    assert report.process(python.pid)["process"]["command_args"][1:] == [script, *args]
    compare_with_log(report, cluster, "psycopg2")


def test_psycopg2_open_at_that_moment(cluster):
    env = cluster.env(app="psycopg2")
    with Tracer(cluster.port) as tracer, python_script("leaky.py", 3, env=env) as python:
        python.ready()
        report = tracer.stop()
        expect(report.script("leaky.py"), opened=3, open=3)
        compare_with_log(report, cluster, "psycopg2")


def test_psycopg2_forked(cluster):
    env = cluster.env(app="forked")
    with Tracer(cluster.port) as tracer, python_script("forked.py", env=env) as parent:
        (child,) = (int(line.split()[1]) for line in parent.ready())
        parent.process.wait(10)
        report = tracer.stop()
        expect(report.process(parent.pid), opened=1, open=1)
        assert [h["pid"] for h in report.connections()[0]["holders"]] == [child]
        compare_with_log(report, cluster, "forked")


# -- Node -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name,args,opened,counts", [
    ("pg-pool.js", ["--queries=5"], 5, {"closed": 5}),
    ("pg-pool.js", ["--queries=5", "--leak", "--end=exit"], 5, {"abandoned": 5}),
    ("pg-pool.js", ["--queries=3", "--destroy"], 3, {"closed": 3}),
    ("pg-client.js", ["--clients=3"], 3, {"closed": 3}),
])
def test_node_postgres(cluster, node_project, name, args, opened, counts):
    env = cluster.env(app="node-pg")
    with Tracer(cluster.port) as tracer, \
            node_script(node_project, name, *args, "--hold=stdin", env=env) as node:
        node.ready()
        node.finish()
        cluster.wait_open(0, app="node-pg")
        report = tracer.stop()
    expect(report.script(f"scripts/{name}"), opened=opened, **counts)
    compare_with_log(report, cluster, "node-pg")


@pytest.mark.parametrize("name,args,held,counts", [
    ("wrong.js", ["--end=exit"], 10, {"abandoned": 10}),
    ("wrong.js", [], 10, {"closed": 10}),       # its pool lets go after 10 s of idleness
    ("correct.js", [], 10, {"closed": 10}),
    ("best.js", [], 2, {"closed": 2}),
])
def test_prisma(cluster, node_project, name, args, held, counts):
    env = cluster.env(app="prisma")
    with Tracer(cluster.port) as tracer, \
            node_script(node_project, name, *args, "--hold=stdin", env=env) as node:
        node.ready()
        cluster.wait_open(held, app="prisma")
        assert node.finish() == 0
        cluster.wait_open(0, app="prisma")
        report = tracer.stop()
    expect(report.script(f"scripts/{name}"), opened=held, **counts)
    assert report.process(node.pid)["peak"] == held
    compare_with_log(report, cluster, "prisma")


def test_prisma_while_it_holds(cluster, node_project):
    env = cluster.env(app="prisma")
    with Tracer(cluster.port) as tracer, \
            node_script(node_project, "wrong.js", "--hold=stdin", env=env) as wrong, \
            node_script(node_project, "best.js", "--hold=stdin", env=env) as best:
        wrong.ready()
        best.ready()
        report = tracer.stop()
        compare_with_log(report, cluster, "prisma")
    expect(report.script("scripts/wrong.js"), opened=10, open=10)
    expect(report.script("scripts/best.js"), opened=2, open=2)


# -- a full server --------------------------------------------------------------------------------


def test_turned_away_by_a_full_server(postgres):
    """53300: TCP is established and the server ends it. None stays open, none is abandoned."""
    with PgCluster(max_connections=4, superuser_reserved_connections=0) as cluster:
        with Actor(["psql", "-XAtq"], env=cluster.env()) as a, \
                Actor(["psql", "-XAtq"], env=cluster.env()) as b, \
                Actor(["psql", "-XAtq"], env=cluster.env()) as c, \
                Actor(["psql", "-XAtq"], env=cluster.env()) as d:
            cluster.wait_open(4)
            with Tracer(cluster.port) as tracer:
                with Actor(["psql", "-XAtq", "-c", "SELECT 1"], env=cluster.env(),
                           stderr=subprocess.DEVNULL) as turned_away:
                    assert turned_away.finish() == 2
                cluster.wait_settled()
                report = tracer.stop()
            assert cluster.counts()["refused"] == 1
            row = report.process(turned_away.pid)
            # libpq closes as soon as it has read the error: the server's FIN may come after that.
            expect(row, opened=1, refused=1)
            for holder in (a, b, c, d):
                expect(report.process(holder.pid), adopted=1, open=1)
