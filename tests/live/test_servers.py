# SPDX-License-Identifier: BSD-2-Clause
"""Both ends: PostgreSQL found on this host without a login, its limits, its slots, its backends, and
which client each of them serves. The server's log and its own SQL are the judges.
"""

import datetime
import os
import subprocess

import pytest

from actors import Actor, python_script, tool
from pgcluster import PgCluster, wait_until
from tracer import Tracer, tracer_path

LOCAL = "127.0.0.1"


def look(*ports, unix=False, args=()):
    """One look at what is there now."""
    with Tracer(",".join(map(str, ports)), "--once", *args, armed=False, unix=unix) as tracer:
        return tracer.report()


def text_of(port, *args, charset="C.UTF-8"):
    run = subprocess.run([tracer_path(), "-P", str(port), "--unix=off", *args], capture_output=True,
                         text=True, check=True, env={**os.environ, "LC_ALL": charset}, timeout=60)
    return run.stdout


def idle(number, cluster, app="idle", host=LOCAL, prefix=()):
    """Sessions that wait for a command, as actors; ready when the server has admitted them."""
    env = cluster.env(host, app)
    before = cluster.clients_open(app=app)
    actors = [Actor([*prefix, "psql", "-XAtq"], env=env) for _ in range(number)]
    cluster.wait_open(before + number, app=app)
    # Admitted is not yet idle; the title is set before the state.
    wait_until(lambda: set(activity_of(cluster, app).split()) == {"idle"}, "they are idle")
    return actors


def end(actors):
    for actor in actors:
        actor.__exit__()


def server_at(report, port):
    rows = [s for s in report.servers if s["port"] == port]
    assert len(rows) == 1, rows
    return rows[0]


def by_log(cluster, app="idle"):
    """Client port → backend, by the server."""
    return {s.port: s.pid for s in cluster.server_log().select(app=app, open=True)}


def by_report(report):
    return {c["local_port"]: c["backend_pid"] for c in report.connections("open")}


# -- limits ---------------------------------------------------------------------------------------


def limits(cluster):
    """What it reads, against what the server itself says."""
    server = server_at(look(cluster.port), cluster.port)
    shown = int(cluster.psql("SHOW max_connections")), int(cluster.psql("SHOW superuser_reserved_connections"))
    assert (server["kind"], server["data_directory"]) == ("postgresql", cluster.data)
    assert server["version"] == int(cluster.psql("SHOW server_version_num")) // 10000
    return server["max_connections"], server["reserved"], shown


def test_limits_wherever_they_are_set(postgres):
    """In postgresql.conf, by ALTER SYSTEM, on the command line in its three forms, in an included
    file; each above the one before. What is only pending is not yet so."""
    with PgCluster(max_connections=20, superuser_reserved_connections=4) as cluster:
        assert limits(cluster) == (20, 4, (20, 4))
        cluster.psql("ALTER SYSTEM SET max_connections = 30")
        cluster.psql("ALTER SYSTEM SET superuser_reserved_connections = 5")
        read, reserved, shown = limits(cluster)
        assert (read, shown) == (20, (20, 4)), "it waits for a restart"
        assert reserved is None, "the file is newer than the server: not believed"
        cluster.restart()
        assert limits(cluster) == (30, 5, (30, 5))
        cluster.restart("-N", "31", "-c", "superuser_reserved_connections=6")
        assert limits(cluster) == (31, 6, (31, 6))
        cluster.restart("--max-connections=32", "--superuser-reserved-connections=7")
        assert limits(cluster) == (32, 7, (32, 7))
        cluster.psql("ALTER SYSTEM RESET ALL")
        os.mkdir(f"{cluster.data}/more")
        for path, text in (("more/b.conf", "max_connections 33\n"), ("extra.conf",
                           "superuser_reserved_connections = '8' # as ever\n"),
                           ("postgresql.conf", "include 'extra.conf'\ninclude_dir 'more'\n")):
            with open(f"{cluster.data}/{path}", "a", encoding="utf-8") as file:
                file.write(text)
        subprocess.run(["chown", "-R", "postgres:", cluster.data], check=True)
        cluster.restart()
        assert limits(cluster) == (33, 8, (33, 8))


def test_limit_of_a_server_elsewhere(sink, port):
    """What is no PostgreSQL of this host has no limit but the one that is given."""
    with tool("leaker", "-n", 3, "-H", LOCAL, port) as leaker:
        leaker.said()
        server = server_at(look(port), port)
        assert server["max_connections"] is None and server["limit_source"] is None
        assert server["slots_used"] is None and server["orphan_slots"] is None
        server = server_at(look(port, args=("--max-connections", 5)), port)
        assert (server["max_connections"], server["limit_source"]) == (5, "--max-connections")
        assert f"{LOCAL}:{port}: 3 of 5 slots taken from this host" in \
            text_of(port, "--once", "--max-connections", "5")


# -- slots ----------------------------------------------------------------------------------------


def test_two_servers_are_two_servers(postgres):
    with PgCluster(max_connections=20) as small, \
            PgCluster(max_connections=50, superuser_reserved_connections=1) as large:
        actors = idle(2, small) + idle(3, large) + idle(1, large, host="::1")
        report = look(small.port, large.port)
        text = text_of(f"{small.port},{large.port}", "--once")
        end(actors)
    for cluster, slots, reserved, most in ((small, 2, 3, 20), (large, 4, 1, 50)):
        rows = [s for s in report.servers if s["port"] == cluster.port]
        assert {(s["slots_used"], s["reserved"], s["max_connections"], s["data_directory"])
                for s in rows} == {(slots, reserved, most, cluster.data)}
        assert f"{slots} of {most} slots ({reserved} reserved)" in text
    assert text.count("PostgreSQL 1") == 2, "two ways to one server are one line"


def test_every_slot_counts_whoever_has_it(postgres):
    """Local clients over TCP and the unix socket: all are slots of the one server."""
    with PgCluster(max_connections=20) as cluster:
        actors = idle(2, cluster) + idle(3, cluster, host=cluster.socket_folder)
        both, tcp = look(cluster.port, unix=True), look(cluster.port)
        end(actors)
    assert {s["slots_used"] for s in both.servers} == {5} == {s["slots_used"] for s in tcp.servers}
    assert both.total("open") == 5 and tcp.total("open") == 2
    assert by_report(tcp).keys() == {c["local_port"] for c in both.connections() if "local_port" in c}


def test_a_server_without_a_client_is_shown(cluster):
    server = server_at(look(cluster.port), cluster.port)
    assert (server["slots_used"], server["open"]) == (0, 0)
    assert "0 of 100 slots (3 reserved)" in text_of(cluster.port, "--once")


@pytest.mark.parametrize("charset, blocks", [("C.UTF-8", True), ("C", False)])
def test_the_header_has_its_history_where_it_can_be_drawn(cluster, charset, blocks):
    actors = idle(5, cluster)
    text = text_of(cluster.port, "-d", "1", "-i", "100ms", charset=charset)
    end(actors)
    (line,) = [one for one in text.splitlines() if "5 of 100 slots (3 reserved)" in one]
    assert ("▁" in line) is blocks


# -- who is behind a backend ----------------------------------------------------------------------


@pytest.mark.parametrize("host", [LOCAL, "::1"])
def test_backends_by_the_log(cluster, host):
    with Tracer(cluster.port) as tracer:
        actors = idle(3, cluster, host=host)
        report = tracer.stop()
        assert by_report(report) == by_log(cluster) and len(by_log(cluster)) == 3
        for row in report.connections("open"):
            assert (row["user"], row["database"], row["activity"]) == ("postgres", "postgres", "idle")
        end(actors)


def test_backends_of_unix_sockets(cluster):
    actors = idle(2, cluster, host=cluster.socket_folder)
    report = look(cluster.port, unix=True)
    backends = {s.pid for s in cluster.server_log().select(app="idle", open=True)}
    assert {c["backend_pid"] for c in report.connections("open")} == backends and len(backends) == 2
    end(actors)


def test_what_a_backend_does(cluster):
    with Actor(["psql", "-XAtq"], env=cluster.env(app="idle")) as psql:
        for sql, activity in (("BEGIN; SELECT 1;", "idle in transaction"), ("FAIL;", "idle in transaction (aborted)")):
            psql.process.stdin.write(sql.encode() + b"\n")
            psql.process.stdin.flush()
            wait_until(lambda a=activity: activity_of(cluster) == a, f"the server says {activity}")
            (row,) = look(cluster.port).connections("open")
            assert row["activity"] == activity


def activity_of(cluster, app="idle"):
    return cluster.psql(f"SELECT coalesce(state, 'none') FROM pg_stat_activity WHERE application_name = '{app}'")


def test_without_titles_it_is_unknown(postgres):
    with PgCluster(update_process_title="off") as cluster:
        actors = idle(1, cluster)
        report = look(cluster.port)
        backends = by_log(cluster)
        assert f"{LOCAL}:{cluster.port}" in text_of(cluster.port, "--once", "-v")
        end(actors)
    (row,) = report.connections("open")
    assert (row["local_port"], row["backend_pid"]) in backends.items()
    assert row["activity"] is None, "a title that no longer changes says nothing of now"


def test_an_adopted_connection_is_as_old_as_its_backend(cluster):
    actors = idle(1, cluster)
    (session,) = cluster.server_log().select(app="idle")
    report = look(cluster.port)
    end(actors)
    (row,) = report.connections("open")
    opened = datetime.datetime.fromisoformat(row["opened_at"].replace("Z", "+00:00")).timestamp()
    assert row["attribution"] == "snapshot" and row["age_at_least"] is False
    assert abs(opened - session.received) < 0.5


def test_where_no_backend_is_known_the_age_is_a_lower_bound(sink, port):
    with tool("leaker", "-n", 1, "-H", LOCAL, port) as leaker:
        leaker.said()
        (row,) = look(port).connections("open")
        assert row["age_at_least"] is True and row["backend_pid"] is None
        assert "  ≥0." in text_of(port, "--once") and "  >0." in text_of(port, "--once", charset="C")


def test_a_server_in_another_network_namespace(postgres, netns):
    with PgCluster(max_connections=15, netns=netns[-1]) as cluster:
        actors = idle(3, cluster, prefix=netns)
        report = look(cluster.port)
        backends = by_log(cluster)
        end(actors)
    server = server_at(report, cluster.port)
    assert (server["max_connections"], server["slots_used"], server["open"]) == (15, 3, 3)
    assert by_report(report) == backends and len(backends) == 3


def test_a_server_in_another_pid_namespace(postgres):
    """As in a container: it counts its processes otherwise, and they are told as this host counts."""
    with PgCluster(max_connections=15, enter=("unshare", "--pid", "--fork", "--kill-child")) as cluster:
        with python_script("honest.py", 2, env=cluster.env(app="honest")) as python:
            python.ready()
            report = look(cluster.port)
            own = by_log(cluster, "honest")
            python.finish()
    assert server_at(report, cluster.port)["max_connections"] == 15
    assert server_at(report, cluster.port)["slots_used"] == 2
    rows = report.connections("open")
    assert {r["local_port"] for r in rows} == own.keys() and len(own) == 2
    assert not {r["backend_pid"] for r in rows} & set(own.values())
    assert {r["activity"] for r in rows} == {"idle in transaction"} or {r["activity"] for r in rows} == {"idle"}
