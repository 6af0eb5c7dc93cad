# SPDX-License-Identifier: BSD-2-Clause
"""Who is to blame, and who is not: real clients on a real server, judged as they would be in an
incident. What is healthy raises nothing; the culprit is named, and only it.
"""

import contextlib
import json
import re
import subprocess
import time

import pytest

from actors import Actor, node_script, python_script
from conftest import need
from pgcluster import PgCluster, wait_until
from pgbouncer import PgBouncer
from tracer import Tracer, expect, tracer_path

LOCAL = "127.0.0.1"


def lines_of(tracer, kind):
    """What the stream said so far: its objects of that type."""
    whole = tracer.text().rpartition("\n")[0]
    return [json.loads(line) for line in whole.splitlines() if f'"type":"{kind}"' in line]


def wait_for(tracer, kind, rule, subject):
    def found():
        return [f for f in lines_of(tracer, kind) if f["rule"] == rule and subject in f["subject"]]
    return wait_until(found, f"{kind} {rule} of {subject} is told")[-1]


def rules_of(report):
    """Script → the rules that hold for it; servers' under None."""
    found = {s["script"]: [f["rule"] for f in s["findings"]] for s in report.scripts if s["findings"]}
    if report["server_findings"]:
        found[None] = [f["rule"] for f in report["server_findings"]]
    return found


def plan_of(cluster, *args):
    """--kill-plan: its shell lines and its SQL lines."""
    run = subprocess.run([tracer_path(), "-P", str(cluster.port), "--kill-plan", *args],
                         capture_output=True, text=True, check=True, timeout=60)
    lines = run.stdout.splitlines()
    return ([line for line in lines if line.startswith("test ")],
            [line for line in lines if line.startswith("SELECT ")])


# -- orphans --------------------------------------------------------------------------------------


@pytest.mark.parametrize("unix", [False, True], ids=["tcp", "unix"])
def test_psql_killed_inside_a_query_leaves_an_orphan_slot(cluster, unix):
    env = cluster.env(cluster.socket_folder if unix else LOCAL, app="sleeper")
    with Tracer(cluster.port, "-i", "200ms", output="ndjson", unix=unix) as tracer:
        with Actor(["psql", "-XAtq", "-c", "SELECT pg_sleep(600)"], env=env) as psql:
            wait_until(lambda: state_of(cluster, "sleeper") == "active", "it sleeps")
            psql.kill()
        told = wait_for(tracer, "finding", "orphan-slot", cluster.data)
        assert told["evidence"]["orphan_slots"] == 1 and told["evidence"]["client_pid"] == psql.pid
        assert f"psql, pid {psql.pid}" in told["sentence"] and "killed by signal 9" in told["sentence"]

        (orphan,) = orphans(Tracer(cluster.port, "--once", armed=False, unix=unix))
        assert orphan["client_pid"] is None and orphan["script"] is None, "gone before it looked"
        kills, (sql,) = plan_of(cluster)
        assert not kills, "there is nobody left to end"
        assert cluster.psql(sql) == "t"
        gone = wait_for(tracer, "leak_resolved", "orphan-slot", cluster.data)
        assert gone["sentence"] == told["sentence"] or "psql" in gone["sentence"]
        report = tracer.stop()
    expect(report.process(psql.pid), opened=1, abandoned=1)
    assert None not in rules_of(report), "it has been taken back"


def test_the_orphan_in_the_report(cluster):
    with Tracer(cluster.port, "-i", "200ms", output="ndjson") as tracer:
        with Actor(["psql", "-XAtq", "-c", "SELECT pg_sleep(600)"], env=cluster.env(app="sleeper")) as psql:
            wait_until(lambda: state_of(cluster, "sleeper") == "active", "it sleeps")
            psql.kill()
        wait_for(tracer, "finding", "orphan-slot", cluster.data)
        report = tracer.stop()
    (server,) = report.servers
    (orphan,) = server["orphan_slots"]
    (session,) = cluster.server_log().select(app="sleeper")
    assert orphan["backend_pid"] == session.pid and server["slots_used"] == 1
    assert (orphan["script"], orphan["client_pid"], orphan["signal"]) == ("psql", psql.pid, 9)
    assert (orphan["user"], orphan["database"], orphan["ending"]) == ("postgres", "postgres", "abandoned")
    assert rules_of(report) == {"psql": ["abandoned"], None: ["orphan-slot"]}


def orphans(tracer):
    with tracer:
        (server,) = tracer.report().servers
        return server["orphan_slots"]


def state_of(cluster, app):
    return cluster.psql(f"SELECT state FROM pg_stat_activity WHERE application_name = '{app}'")


# -- the incident ---------------------------------------------------------------------------------


def test_only_the_hoarder_is_blamed_and_only_it_would_be_ended(postgres):
    """17 slots for everybody: 16 idle at four hoarders, one at an innocent; then one comes too late."""
    with PgCluster(max_connections=20) as cluster:
        cluster.psql("CREATE ROLE ordinary LOGIN")
        env = cluster.env(app="pool")
        late = dict(cluster.env(app="late"), PGUSER="ordinary", PGDATABASE="postgres")
        with Tracer(cluster.port, "--older", "1s", "-i", "200ms", output="ndjson") as tracer:
            hoarders = [python_script("leaky.py", 4, env=env) for _ in range(4)]
            innocent = python_script("honest.py", 1, env=env)
            for actor in (*hoarders, innocent):
                actor.ready()
            with Actor(["psql", "-XAtq", "-c", "SELECT 1"], env=late, stderr=subprocess.DEVNULL) as victim:
                assert victim.finish() == 2
            wait_for(tracer, "finding", "idle-hoard", "leaky.py")
            wait_for(tracer, "finding", "victim", "psql")
            wait_until(lambda: idle_of(cluster, "1s") == (17, 17), "all are idle")
            report = tracer.stop()
            assert rules_of(report) == {"leaky.py": ["idle-hoard"], "psql": ["victim"]}
            (hoard,) = report.script("leaky.py")["findings"]
            assert hoard["severity"] == "leak"
            assert hoard["evidence"]["idle"] == 16 and hoard["evidence"]["processes"] == 4
            # (20 - 3 - 1) / 4 = 4
            assert hoard["evidence"]["safe_processes"] == hoard["evidence"]["recommended_limit"] == 4
            assert hoard["budget"] == ("(20 max_connections - 3 reserved - 1 others) / 4 per process = 4 "
                                       "processes at once; 4 ran: at most 4 connections each")
            (victim_finding,) = report.script("psql")["findings"]
            assert victim_finding["severity"] == "note" and "leaky.py" in victim_finding["sentence"]

            kills, terminates = plan_of(cluster, "--older", "1s")
            assert {int(re.search(r"kill -TERM (\d+)", line)[1]) for line in kills} == \
                {actor.pid for actor in hoarders}
            assert len(terminates) == 16
            carry_out(kills, hoarders, innocent)
            cluster.wait_open(1, app="pool")
            with Actor(["psql", "-XAtq", "-c", "SELECT 1"], env=late) as again:
                assert again.finish() == 0
            assert innocent.finish() == 0
            for actor in (*hoarders, innocent):
                actor.__exit__()


def carry_out(kills, hoarders, innocent):
    """A plan for a process that started at another time ends nobody; the right one ends the culprits."""
    for line in kills:
        stale = re.sub(r"= (\d+) &&", lambda m: f"= {int(m[1]) - 1} &&", line)
        assert subprocess.run(["sh", "-c", stale], check=False).returncode == 1
    assert all(actor.process.poll() is None for actor in hoarders)
    for line in kills:
        subprocess.run(["sh", "-c", line], check=True)
    assert [actor.process.wait(10) for actor in hoarders] == [-15] * len(hoarders)
    assert innocent.process.poll() is None


@pytest.mark.parametrize("enter", [(), ("unshare", "--pid", "--fork", "--kill-child")], ids=["here", "contained"])
def test_sessions_can_be_ended_one_by_one(postgres, enter):
    """The plan's SQL ends the idle sessions of the culprit and leaves the others; of a server in a
    container too, which counts its processes otherwise."""
    with PgCluster(enter=enter) as cluster:
        end_sessions(cluster)


def end_sessions(cluster):
    env = cluster.env(app="pool")
    with python_script("leaky.py", 11, env=env) as hoarder, python_script("honest.py", 2, env=env) as innocent:
        hoarder.ready()
        innocent.ready()
        sql = wait_until(lambda: planned_sql(cluster, 11), "all have been idle for a second")
        for line in sql:
            assert cluster.psql(line) == "t"
        cluster.wait_open(2, app="pool")
        innocent.finish()


def planned_sql(cluster, count):
    """Its lines, once there are as many: a hoard is one before the last of it has idled long enough."""
    _, sql = plan_of(cluster, "--older", "1s")
    assert len(sql) <= count
    return len(sql) == count and sql


def test_the_long_form_of_a_script(cluster):
    with python_script("leaky.py", 11, env=cluster.env(app="pool")) as hoarder:
        hoarder.ready()
        text = wait_until(lambda: explained(cluster, "--older", "1s"), "it has been idle for a second")
    assert text.startswith(("leaky.py\n", "leaky.py, started by make "))     # make check-live
    assert "client library: psycopg2" in text and "leaky.py:17: psycopg2.connect(...)" in text
    assert "never disconnects" in text and "finally: conn.close()" in text
    assert f"pid {hoarder.pid}: /usr/bin/python3 leaky.py 11" in text
    assert text.count(f"held by pid {hoarder.pid} fd ") == 11


def explained(cluster, *args):
    run = subprocess.run([tracer_path(), "-P", str(cluster.port), "--explain", "leaky.py", *args],
                         capture_output=True, text=True, check=True, timeout=60)
    return run.stdout if "idle-hoard" in run.stdout else None


# -- healthy --------------------------------------------------------------------------------------


def test_healthy_clients_raise_nothing(cluster, node_project):
    """Pools that idle within their size, two idle terminals, a script that closes everything."""
    env = cluster.env(app="healthy")
    with Tracer(cluster.port, "--older", "300ms", "-i", "200ms", output="ndjson") as tracer:
        with node_script(node_project, "pg-pool.js", "--queries=6", "--hold=stdin", env=env) as pool, \
                node_script(node_project, "best.js", "--hold=stdin", env=env) as best, \
                python_script("honest.py", 3, env=env) as python, \
                python_script("honest.py", 5, env=env) as closing, \
                Actor(["psql", "-XAtq"], env=env) as psql, Actor(["psql", "-XAtq"], env=env) as other:
            for actor in (pool, best, python, closing):
                actor.ready()
            assert closing.finish() == 0
            cluster.wait_open(6 + 2 + 3 + 2, app="healthy")
            wait_until(lambda: idle_of(cluster, "300ms") == (13, 13), "all are idle")
            report = tracer.stop()
            assert report.total("idle") == report.total("open") == 13
            for actor in (pool, best, python, psql, other):
                actor.finish()
        assert lines_of(tracer, "finding") == [], "nor meanwhile"
    assert rules_of(report) == {} and report["resolved"] == []


@pytest.mark.parametrize("how", ["fork", "spawn", "forkserver"])
def test_a_server_s_workers_are_no_hoard(cluster, how):
    """Twelve workers, a connection each: named by their script however Python started them."""
    with python_script("workers.py", how, 12, env=cluster.env()) as python:
        python.ready()
        with Tracer(cluster.port, "--older", "100ms", "-d", "1s") as tracer:
            report = tracer.report()
        python.finish()
    expect(report.script("workers.py"), adopted=12, open=12)
    assert report.total("idle") == 12 and rules_of(report) == {}


def test_a_backend_that_is_a_client_is_named_by_its_session(cluster):
    """dblink: the title of the backend tells another port in each session."""
    cluster.psql("CREATE EXTENSION dblink")
    with contextlib.ExitStack() as stack:
        for _ in range(2):
            psql = stack.enter_context(Actor(["psql", "-XAtq"], env=cluster.env()))
            psql.process.stdin.write(f"SELECT dblink_connect('port={cluster.port} host=127.0.0.1 user=postgres');\n".encode())
            psql.process.stdin.flush()
            assert psql.line() == "OK"
        with Tracer(cluster.port, "--once", armed=False) as tracer:
            report = tracer.report()
    assert sorted(report.names()) == ["postgres: postgres postgres", "psql"]
    expect(report.script("postgres: postgres postgres"), adopted=2, open=2)


@pytest.mark.parametrize("titles", ["on", "off"])
def test_who_waits_for_an_answer_is_not_idle(postgres, titles):
    """Twelve long queries are no hoard, told by the backends' titles or by who spoke last."""
    with PgCluster(update_process_title=titles) as cluster, contextlib.ExitStack() as stack:
        for _ in range(12):
            psql = stack.enter_context(Actor(["psql", "-XAt"], env=cluster.env(app="report")))
            psql.process.stdin.write(b"SELECT 1;\n")
            psql.process.stdin.flush()
            assert psql.line() == "1"
            time.sleep(0.02)    # the kernel tells what is sent and received by its tick
            psql.process.stdin.write(b"SELECT pg_sleep(600);\n")
            psql.process.stdin.flush()
        wait_until(lambda: state_of(cluster, "report").split() == ["active"] * 12, "all are at work")
        with Tracer(cluster.port, "--older", "500ms", "-i", "200ms", "-d", "2s") as tracer:
            report = tracer.report()
        assert (report.total("open"), report.total("idle")) == (12, 0)
        assert all(c["busy"] and not c["idle"] for c in report.connections())
        assert rules_of(report) == {}
        cluster.psql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'report'")


def idle_of(cluster, older):
    with Tracer(cluster.port, "--once", "--older", older, armed=False) as tracer:
        report = tracer.report()
        return report.total("idle"), report.total("open")


# -- relays ---------------------------------------------------------------------------------------


def test_a_pooler_is_a_relay_and_who_is_behind_it_is_named(cluster):
    need("pgbouncer", "pgbouncer")
    with PgBouncer(cluster) as bouncer:
        env = dict(cluster.env(app="behind"), PGPORT=str(bouncer.port))
        ports = f"{cluster.port},{bouncer.port}"
        # Where twelve connections take long to open they also grow: that is another test's.
        with Tracer(ports, "--older", "500ms", "-i", "200ms", "--rule", "growing=off", output="ndjson") as tracer, \
                python_script("leaky.py", 12, env=env) as python:
            python.ready()
            wait_for(tracer, "finding", "idle-hoard", "leaky.py")
            report = tracer.stop()
            python.finish()
    relay = report.script("pgbouncer")
    assert relay["role"] == "relay" and relay["open"] == 12 and relay["idle"] >= 10     # as many as make a hoard
    assert rules_of(report) == {"leaky.py": ["idle-hoard"], "pgbouncer": ["relay"]}
    assert relay["findings"][0]["evidence"]["clients"] == 12
    servers = {s["port"]: s for s in report.servers}
    assert servers[bouncer.port]["kind"] == "relay" and servers[bouncer.port]["program"] == "pgbouncer"
    assert servers[bouncer.port]["pid"] == bouncer.pid and servers[bouncer.port]["open"] == 12
    assert servers[cluster.port]["slots_used"] == 12
    assert all(c["backend_pid"] for c in report.process(bouncer.pid)["connection_list"])


# -- Prisma ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("where", ["in .env", "on the command line"])
def test_prisma_7_ignores_the_limit_in_the_url(cluster, node_project, tmp_path, where):
    """Asked for two, it opens ten; and the finding says why."""
    url = cluster.url(app="prisma") + "&connection_limit=2"
    (tmp_path / "scripts").mkdir()
    for name in ("wrong.js", "hold.js"):
        (tmp_path / "scripts" / name).write_text((node_project / "scripts" / name).read_text())
    (tmp_path / "node_modules").symlink_to(node_project / "node_modules")
    if where == "in .env":
        (tmp_path / ".env").write_text(f'# ours\nDATABASE_URL="{url}"\n')
    args = [] if where == "in .env" else [url]
    with Tracer(cluster.port) as tracer:
        with node_script(tmp_path, "wrong.js", *args, "--end=exit", env=dict(cluster.env(), DATABASE_URL=url)) as node:
            node.ready()
            assert node.finish() == 0
        report = tracer.stop()
    expect(report.process(node.pid), opened=10, abandoned=10)
    (finding,) = report.script("scripts/wrong.js")["findings"]
    assert finding["rule"] == "abandoned" and finding["library"]["id"] == "prisma"
    assert f"connection_limit=2 {where} is ignored by Prisma 7" in finding["library"]["config"]
    assert finding["source"] == ["scripts/wrong.js:10: new PrismaClient(...)"]
    assert "connection_limit" in finding["library"]["bound_by"]
