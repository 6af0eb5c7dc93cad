# SPDX-License-Identifier: BSD-2-Clause
"""Connections through unix sockets, against the server's log: who opened them, how they ended."""

import os
import signal
import socket
import struct
import subprocess
import sys

import pytest

from actors import Actor, node_script, python_script
from conftest import need
from pgbouncer import PgBouncer
from pgcluster import PgCluster, wait_until
from tracer import WITHOUT_CGROUP2, Tracer, expect

SO_COOKIE = 57      # <asm-generic/socket.h>


@pytest.fixture
def env(cluster):
    return cluster.env(cluster.socket_folder, app="unix-test")


def unix_tracer(cluster, *args, **more):
    return Tracer(cluster.port, *args, unix=True, **more)


def authorized(cluster):
    """Sessions that the server's log says were admitted through the unix socket, ever."""
    cluster.wait_settled()
    return sum(s.authorized for s in cluster.server_log().sessions if s.host == "[local]")


def wait_at_prompt(psql):
    """Until it has its session and waits for the next command on standard input."""
    psql.process.stdin.write(b"\\echo READY\n")
    psql.process.stdin.flush()
    psql.ready()


def test_psql_clean_killed_and_open(cluster, env):
    with unix_tracer(cluster) as tracer, \
            Actor(["psql", "-XAtq"], env=env) as held, \
            Actor(["psql", "-XAtq"], env=env) as killed, \
            Actor(["psql", "-XAtq"], env=env) as clean:
        cluster.wait_open(3)
        killed.kill()
        clean.finish()
        cluster.wait_open(1)
        report = tracer.stop()
    expect(report.process(held.pid), opened=1, open=1)
    expect(report.process(killed.pid), opened=1, abandoned=1)
    expect(report.process(clean.pid), opened=1, closed=1)
    open_one, = report.connections("open")
    address = f"unix:{cluster.socket_folder}"
    assert open_one["server"] == {"address": address, "port": cluster.port}
    assert open_one["transport"] == "unix" and open_one["attribution"] == "connect"
    assert [h["pid"] for h in open_one["holders"]] == [held.pid]
    server, = report.servers
    assert server["address"] == address
    gone, = report.connections("abandoned")
    assert gone["signal"] == signal.SIGKILL and gone["closer"]["pid"] == killed.pid


@pytest.mark.parametrize("hurry", [[], ["hurry"]])
def test_psycopg2_leaky(cluster, env, hurry):
    with unix_tracer(cluster) as tracer, python_script("leaky.py", 3, *hurry, env=env) as leaky:
        leaky.ready()
        leaky.finish()
        cluster.wait_open(0)
        report = tracer.stop()
    ending = {"abandoned": 3} if hurry else {"closed": 3}
    expect(report.script("leaky.py"), opened=3, **ending)


def test_psycopg2_honest(cluster, env):
    with unix_tracer(cluster) as tracer, python_script("honest.py", 5, env=env) as honest:
        honest.ready()
        honest.finish()
        cluster.wait_open(0)
        report = tracer.stop()
    expect(report.script("honest.py"), opened=5, closed=5)
    assert report.script("honest.py")["peak"] == 5


def test_node_postgres(cluster, env, node_project):
    with unix_tracer(cluster) as tracer, \
            node_script(node_project, "pg-client.js", "--clients=4", env=env) as clean:
        clean.ready()
        cluster.wait_open(0)
        report = tracer.stop()
    expect(report.script("scripts/pg-client.js"), opened=4, closed=4)


def test_open_before_the_tracer(cluster, env):
    with PgCluster(max_connections=400) as cluster:
        env = cluster.env(cluster.socket_folder)
        with python_script("honest.py", 300, env=env) as many:
            many.ready()
            with unix_tracer(cluster) as tracer:
                report_pid = many.pid
                many.finish()
                cluster.wait_open(0)
                report = tracer.stop()
            with unix_tracer(cluster, "--once", armed=False) as tracer:
                empty = tracer.report()
    expect(report.process(report_pid), adopted=300, closed=300)
    assert empty.total("adopted") == 0


def test_adopted_and_abandoned(cluster, env):
    with python_script("leaky.py", 20, "hurry", env=env) as leaky:
        leaky.ready()
        with unix_tracer(cluster) as tracer:
            leaky.finish()
            cluster.wait_open(0)
            report = tracer.stop()
    expect(report.process(leaky.pid), adopted=20, abandoned=20)


def test_once(cluster, env):
    with python_script("leaky.py", 7, env=env) as leaky:
        leaky.ready()
        with unix_tracer(cluster, "--once", armed=False) as tracer:
            report = tracer.report()
    expect(report.process(leaky.pid), adopted=7, open=7)


@pytest.mark.parametrize("how", ["forked.py", "sender.py"])
@pytest.mark.parametrize("kept", [True, False])
def test_the_opener_goes_another_holds(cluster, env, how, kept):
    """fork() and SCM_RIGHTS: the connection lives on with another holder, then ends with it."""
    with unix_tracer(cluster, output="ndjson") as tracer, python_script(how, env=env) as actor:
        child = int(actor.ready()[0].split()[1])
        assert actor.process.wait(10) == 0
        wait_until(lambda: saw_holder(tracer, child), "a snapshot saw the new holder")
        if not kept:
            actor.process.stdin.close()
            cluster.wait_open(0)
        report = tracer.stop()
        if kept:
            actor.process.stdin.close()
            cluster.wait_open(0)
    if kept:
        expect(report.process(actor.pid), opened=1, open=1)
        connection, = report.connections("open")
        assert [h["pid"] for h in connection["holders"]] == [child]
    else:
        expect(report.process(actor.pid), opened=1, abandoned=1)
        connection, = report.connections("abandoned")
        assert connection["closer"]["pid"] == child


def saw_holder(tracer, pid):
    """A snapshot found this process holding a connection."""
    return any(f'"pid":{pid},' in line and '"type":"holder"' in line
               for line in tracer.text().splitlines())


# connect() to argv[1], fork argv[2] times; a child goes at once if it is told to; close() if it is told to.
SHARING = """
import os, socket, sys, time
connection = socket.socket(socket.AF_UNIX)
connection.connect(sys.argv[1])
for _ in range(int(sys.argv[2])):
    child = os.fork()
    if child == 0:
        if "go" not in sys.argv:
            time.sleep(100)
        os._exit(0)
    if "go" in sys.argv:
        os.waitpid(child, 0)
if "close" in sys.argv:
    connection.close()
print("READY", flush=True)
time.sleep(100)
"""


def sharing(cluster, *args):
    return Actor([sys.executable, "-S", "-c", SHARING, f"{cluster.socket_folder}/.s.PGSQL.{cluster.port}",
                  *args], session=True)


def test_a_process_group_that_is_killed(cluster):
    """Several who share a connection are on their way out at once: the kernel closes it, whoever is last."""
    with unix_tracer(cluster, "-i", "60s") as tracer:
        for _ in range(40):
            with sharing(cluster, "3") as opener:
                opener.ready()
                os.killpg(opener.pid, signal.SIGKILL)
        wait_backends_gone(cluster)
        report = tracer.stop(complete=False, unknown=None)
    # Who is interrupted while it closes may leave it open whether somebody else had it: unknown, never guessed.
    assert report.total("opened") == 40 == report.total("abandoned") + report.total("unknown")
    assert report.total("unknown") <= 3


def test_a_child_that_goes_first(cluster):
    """It was not the last to have it, and its parent closes it in the end."""
    with unix_tracer(cluster, "-i", "60s") as tracer, sharing(cluster, "2", "go", "close") as opener:
        opener.ready()
        report = tracer.stop()
    expect(report.process(opener.pid), opened=1, closed=1)


def test_many_short_ones(cluster, env):
    """pgbench -C: a connection per transaction, most of them between two snapshots."""
    script = cluster.folder + "/select.sql"
    with open(script, "w", encoding="ascii") as file:
        file.write("SELECT 1;\n")
    with unix_tracer(cluster) as tracer:
        with Actor(["pgbench", "-C", "-n", "-c", "4", "-j", "2", "-t", "50", "-f", script],
                   env=env, stderr=subprocess.DEVNULL) as bench:
            assert bench.finish() == 0
        cluster.wait_open(0)
        report = tracer.stop()
    sessions = authorized(cluster)
    assert sessions >= 200
    expect(report.process(bench.pid), opened=sessions, closed=sessions)


def wait_backends_gone(cluster):
    """A backend logs the end of its session first, and ends then."""
    backends = {s.pid for s in cluster.server_log().sessions}
    wait_until(lambda: not any(os.path.exists(f"/proc/{pid}") for pid in backends),
               "the backends are gone")


def test_without_hooks_what_comes_and_goes_is_counted_at_its_backend_s_end(cluster, env):
    """Without cgroup2 connect() can't be hooked, as before Linux 6.7."""
    script = cluster.folder + "/select.sql"
    with open(script, "w", encoding="ascii") as file:
        file.write("SELECT 1;\n")
    with unix_tracer(cluster, "-i", "2s", prefix=WITHOUT_CGROUP2) as tracer:
        with Actor(["pgbench", "-C", "-n", "-c", "4", "-t", "20", "-f", script], env=env,
                   stderr=subprocess.DEVNULL) as bench:
            assert bench.finish() == 0
        sessions = authorized(cluster)
        with Actor(["psql", "-XAtq"], env=env) as killed:
            wait_at_prompt(killed)
            killed.kill()
        cluster.wait_open(0)
        wait_backends_gone(cluster)
        report = tracer.stop(complete=False, unknown=None)
    assert sessions >= 80 and report.total("opened") == sessions + 1
    # Its last sessions can end with it, and then nobody saw their end: unknown, never guessed.
    assert report.process(bench.pid)["closed"] >= sessions - 4
    assert report.total("unknown") <= 5 and report.total("abandoned") <= 1


def test_without_hooks_each_is_counted_once_whoever_looks(cluster):
    """Any tool can have looked at a socket, and given it its number, before ours does."""
    message = b"user\0postgres\0\0"
    with unix_tracer(cluster, "-i", "60s", prefix=WITHOUT_CGROUP2) as tracer, socket.socket(socket.AF_UNIX) as client:
        client.connect(f"{cluster.socket_folder}/.s.PGSQL.{cluster.port}")
        assert client.getsockopt(socket.SOL_SOCKET, SO_COOKIE, 8)
        client.sendall(struct.pack("!II", 8 + len(message), 3 << 16) + message)
        while b"Z\0\0\0\5" not in client.recv(4096):
            pass
        client.sendall(b"X\0\0\0\4")
        assert client.recv(4096) == b"", "its backend has gone"
        report = tracer.stop(complete=False)
    assert (report.total("opened"), report.total("closed")) == (1, 1)


def test_without_hooks_who_is_dead_and_not_buried_did_not_close(cluster, env):
    """Its parent has not waited for it yet."""
    with unix_tracer(cluster, "-i", "60s", prefix=WITHOUT_CGROUP2) as tracer, \
            Actor(["psql", "-XAtq"], env=env) as killed:
        wait_at_prompt(killed)
        os.kill(killed.pid, signal.SIGKILL)
        wait_backends_gone(cluster)
        report = tracer.stop(complete=False, unknown=1)
    expect(report.process(killed.pid), opened=1, unknown=1)


def test_without_hooks_what_a_look_has_counted_is_not_counted_again(cluster, env):
    with unix_tracer(cluster, prefix=WITHOUT_CGROUP2, output="ndjson") as tracer, \
            Actor(["psql", "-XAtq"], env=env) as killed:
        wait_at_prompt(killed)
        wait_until(lambda: saw_holder(tracer, killed.pid), "a look saw it")
        killed.kill()
        wait_backends_gone(cluster)
        report = tracer.stop(complete=False)
    expect(report.process(killed.pid), opened=1, abandoned=1)


def test_a_pooler_s_clients(cluster):
    """It asks its sockets for no name: what comes and goes between two looks was there all the same."""
    need("pgbouncer", "pgbouncer")
    with PgBouncer(cluster) as bouncer:
        env = dict(cluster.env(cluster.folder), PGPORT=str(bouncer.port))
        with Tracer(bouncer.port, "-i", "60s", unix=True) as tracer:
            with Actor(["psql", "-XAtq"], env=env) as killed:
                wait_at_prompt(killed)
                killed.kill()
            for _ in range(5):
                with Actor(["psql", "-XAtq", "-c", "SELECT 1"], env=env) as clean:
                    assert clean.finish() == 0
            os.kill(bouncer.pid, signal.SIGSTOP)        # too busy to accept this one, or to let go of it
            with socket.socket(socket.AF_UNIX) as hasty:
                hasty.connect(f"{cluster.folder}/.s.PGSQL.{bouncer.port}")
            report = tracer.stop()
            os.kill(bouncer.pid, signal.SIGCONT)
    expect(report.process(killed.pid), opened=1, abandoned=1)
    expect(report.process(clean.pid), opened=1, closed=1)
    expect(report.process(os.getpid()), opened=1, closed=1)
    assert (report.total("opened"), report.total("failed")) == (7, 0)


def test_abstract(postgres):
    name = f"@/pgleaktrace-{os.getpid()}"
    with PgCluster(sockets=name) as cluster:
        env = cluster.env(name)
        with unix_tracer(cluster) as tracer, Actor(["psql", "-XAtq"], env=env) as held:
            cluster.wait_open(1)
            report = tracer.stop()
    expect(report.process(held.pid), opened=1, open=1)
    assert report.servers[0]["address"] == f"unix:{name}"


def test_server_stopped_under_a_client(postgres):
    with PgCluster() as cluster:
        env = cluster.env(cluster.socket_folder)
        with unix_tracer(cluster) as tracer, Actor(["psql", "-XAtq"], env=env) as held:
            wait_at_prompt(held)
            cluster.stop()
            report = tracer.stop()
    expect(report.process(held.pid), opened=1, hung_up=1, fd_leak=1)


def test_terminated_backend(cluster, env):
    with unix_tracer(cluster) as tracer, Actor(["psql", "-XAtq"], env=env) as held:
        wait_at_prompt(held)
        cluster.psql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                     " WHERE application_name = 'unix-test'", host="127.0.0.1")
        backend, = (s.pid for s in cluster.server_log().select(app="unix-test"))
        wait_until(lambda: not os.path.exists(f"/proc/{backend}"), "the backend is gone")
        report = tracer.stop()
    expect(report.process(held.pid), opened=1, hung_up=1, fd_leak=1)


def test_failures_are_not_connections(cluster, env):
    nowhere = dict(env, PGHOST="/nonexistent")
    with unix_tracer(cluster) as tracer:
        with Actor(["psql", "-XAtq"], env=nowhere, stderr=subprocess.DEVNULL) as psql:
            assert psql.finish() == 2
        # Bound, but nobody listens: ECONNREFUSED.
        dead = f"{cluster.folder}/dead"
        os.mkdir(dead)
        with socket.socket(socket.AF_UNIX) as bound:
            bound.bind(f"{dead}/.s.PGSQL.{cluster.port}")
            with Actor(["psql", "-XAtq"], env=dict(env, PGHOST=dead),
                       stderr=subprocess.DEVNULL) as refused:
                assert refused.finish() == 2
        hasty = "import os, socket, sys; s = socket.socket(socket.AF_UNIX); s.connect_ex(sys.argv[1]); os._exit(0)"
        with Actor([sys.executable, "-c", hasty, f"{dead}/.s.PGSQL.{cluster.port}"]) as unclosed:
            assert unclosed.finish() == 0
        report = tracer.stop()
    for actor in psql, refused, unclosed:
        expect(report.process(actor.pid), failed=1)


def test_connect_twice(cluster):
    """EISCONN is no failure, be it before the server has accepted."""
    cluster.postmaster.send_signal(signal.SIGSTOP)
    with unix_tracer(cluster, "-i", "60s") as tracer, socket.socket(socket.AF_UNIX) as client:
        for _ in range(3):
            client.connect_ex(f"{cluster.socket_folder}/.s.PGSQL.{cluster.port}")
        cluster.postmaster.send_signal(signal.SIGCONT)
        report = tracer.stop()
    expect(report.process(os.getpid()), opened=1, open=1)


def test_other_unix_sockets_are_not_watched(cluster, env):
    with PgCluster() as other, unix_tracer(cluster) as tracer:
        assert other.psql("SELECT 1") == "1"
        report = tracer.stop()
    assert report.names() == []


def test_off(cluster, env):
    with Tracer(cluster.port, unix=False) as tracer:
        assert cluster.psql("SELECT 1") == "1"
        report = tracer.stop()
    assert report.names() == []
