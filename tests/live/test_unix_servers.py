# SPDX-License-Identifier: BSD-2-Clause
"""Which server a unix socket is of: one path is one row, whatever became of the socket behind it, and a name
means what it means to who uses it."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import tempfile

import pytest

from actors import Actor
from conftest import need
from pgbouncer import PgBouncer
from pgcluster import PgCluster, wait_until
from tracer import WITHOUT_CGROUP2, Tracer, expect

WAYS = pytest.mark.parametrize("prefix", [(), WITHOUT_CGROUP2], ids=["hooked", "not-hooked"])

# A server at argv[1] that accepts and closes each connection when its client does, and asks for no name, as
# Python's own accept() would.
POOLER = """
import os, socket, sys
server = socket.socket(socket.AF_UNIX)
server.bind(sys.argv[1])
server.listen()
print("READY", flush=True)
while True:
    client, _ = server._accept()
    while os.read(client, 4096):
        pass
    os.close(client)
"""

# connect() to argv[1], close it at once, and stay: argv[2] times.
VISITOR = """
import socket, sys
for _ in range(int(sys.argv[2])):
    with socket.socket(socket.AF_UNIX) as client:
        try:
            client.connect(sys.argv[1])
        except OSError:
            pass
print("READY", flush=True)
sys.stdin.read()
"""

# A mount namespace where argv[0] of `sh` is a folder of its own.
ELSEWHERE = ("unshare", "-m", "sh", "-c", 'mount -t tmpfs none "$0" && exec "$@"')


def prompt(cluster, folder=None):
    """psql through the socket, at its prompt."""
    psql = Actor(["psql", "-XAtq"], env=cluster.env(folder or cluster.socket_folder))
    psql.process.stdin.write(b"\\echo READY\n")
    psql.process.stdin.flush()
    psql.ready()
    return psql


def script(text, *args, prefix=()):
    return Actor([*prefix, sys.executable, "-c", text, *args])


def only_row(report, folder):
    row, = (server for server in report.servers if server["address"].startswith("unix:"))
    assert row["address"] == f"unix:{folder}"
    return row


def path_of(folder, port):
    return f"{folder}/.s.PGSQL.{port}"


def look_at(cluster):
    """--once, with one more who is there if the server is."""
    with prompt(cluster) if cluster.postmaster else contextlib.nullcontext(), \
            Tracer(cluster.port, "--once", unix=True, armed=False) as look:
        return look.report()


# -- one path, one row ----------------------------------------------------------------------------


@WAYS
def test_a_server_that_was_started_again(postgres, prefix):
    with PgCluster() as cluster, Tracer(cluster.port, unix=True, prefix=prefix) as watch, prompt(cluster):
        path = path_of(cluster.socket_folder, cluster.port)
        os.link(path, path + ".before")     # nor may the new one be given its inode
        cluster.restart()
        with prompt(cluster):
            report = watch.stop(complete=not prefix, unknown=None)
            row = only_row(report, cluster.socket_folder)
    assert row["opened"] + row["adopted"] >= 1 and row["open"] == 1


@pytest.mark.parametrize("how", ["restarted", "stopped", "terminated"])
@pytest.mark.parametrize("look", [False, True], ids=["watch", "once"])
def test_what_was_hung_up_before_we_came(postgres, how, look):
    """A closed socket lies nowhere; it was called as the one that listens now, or has a folder that is there."""
    with PgCluster() as cluster, prompt(cluster):
        backend, = (s.pid for s in cluster.server_log().sessions)
        if how == "restarted":
            cluster.restart()
        elif how == "stopped":
            cluster._end(signal.SIGINT)
        else:
            cluster.psql(f"SELECT pg_terminate_backend({backend})", host="127.0.0.1")
        wait_until(lambda: not os.path.exists(f"/proc/{backend}"), "its backend is gone")
        if look:
            report = look_at(cluster)
        else:
            with Tracer(cluster.port, unix=True) as watch:
                if how == "stopped":
                    cluster._launch()
                with prompt(cluster):
                    report = watch.stop()
        row = only_row(report, cluster.socket_folder)
    running = not look or how != "stopped"
    assert (row["adopted"] + row["opened"], row["open"], row["hung_up"]) == (1 + running, running, 1)
    assert row["fd_leak"] == 1


def test_who_found_nobody_and_who_came_later(postgres):
    """The path has a row before it has a server: its folder is there."""
    with PgCluster() as cluster:
        folder = cluster.socket_folder
        cluster._end(signal.SIGINT)
        with Tracer(cluster.port, "-i", "500ms", unix=True, output="ndjson") as watch, \
                script(VISITOR, path_of(folder, cluster.port), "2") as early:
            early.ready()
            wait_until(lambda: '"type":"fail' in watch.text(), "it is told of")
            cluster._launch()
            with prompt(cluster):
                report = watch.stop()
        row = only_row(report, folder)
    assert (row["failed"], row["opened"], row["open"]) == (2, 1, 1)


# -- a name means what it means to who uses it ----------------------------------------------------


def test_a_pooler_through_a_link(cluster):
    """It comes and goes between two looks, and asks for a name that nobody has bound."""
    need("pgbouncer", "pgbouncer")
    link = f"{cluster.folder}/link"
    os.symlink(cluster.folder, link)
    with PgBouncer(cluster) as bouncer, Tracer(bouncer.port, "-i", "60s", unix=True) as watch:
        env = dict(cluster.env(link), PGPORT=str(bouncer.port))
        for _ in range(3):
            subprocess.run(["psql", "-XAtq", "-c", "SELECT 1"], env=env, check=True, capture_output=True)
        report = watch.stop()
        row = only_row(report, cluster.folder)
    assert (row["opened"], row["closed"], row["failed"]) == (3, 3, 0)


def test_a_pooler_in_another_mount_namespace(port, tmp_path):
    """Nobody listens here, whatever listens under the same name there."""
    path = path_of(tmp_path, port)
    with script(POOLER, path, prefix=(*ELSEWHERE, tmp_path)) as pooler:
        pooler.ready()
        with Tracer(port, "-i", "60s", unix=True) as watch, script(VISITOR, path, "3") as here, \
                script(VISITOR, path, "2", prefix=("nsenter", "-m", "-t", str(pooler.pid))) as there:
            here.ready()
            there.ready()
            report = watch.stop()
    expect(report.process(here.pid), failed=3)
    expect(report.process(there.pid), opened=2, closed=2)
    assert sorted((s["opened"], s["failed"]) for s in report.servers) == [(0, 3), (2, 0)]


def test_a_pooler_below_another_root(port, tmp_path):
    """chroot(): the same mount namespace, and another place."""
    path = f"/tmp/.s.PGSQL.{port}"
    (tmp_path / "tmp").mkdir()
    with script(POOLER, str(tmp_path) + path) as pooler:
        pooler.ready()
        below = ("""import os, sys; import socket; os.chroot(sys.argv.pop(3))""" + VISITOR)
        with Tracer(port, "-i", "60s", unix=True) as watch, script(VISITOR, path, "3") as here, \
                script(below, path, "2", str(tmp_path)) as there:
            here.ready()
            there.ready()
            report = watch.stop()
    expect(report.process(here.pid), failed=3)
    expect(report.process(there.pid), opened=2, closed=2)


def test_the_longest_path(port):
    """107 bytes, and a NUL."""
    with tempfile.TemporaryDirectory() as top:
        folder = top + "/"
        folder += "x" * (107 - len(path_of(folder, port)))
        os.mkdir(folder)
        with script(POOLER, path_of(folder, port)) as pooler:
            pooler.ready()
            with Tracer(port, "-i", "60s", unix=True) as watch, script(VISITOR, path_of(folder, port), "2") as gone, \
                    socket.socket(socket.AF_UNIX) as stays:
                gone.ready()
                stays.connect(path_of(folder, port))
                report = watch.stop()
    row = only_row(report, folder)
    assert (row["opened"], row["open"], row["failed"]) == (3, 1, 0)


def test_any_number_of_names(port, tmp_path):
    """Whoever asks for thousands that are not there takes no server's name away."""
    asks = """
import socket, sys
for i in range(3000):
    with socket.socket(socket.AF_UNIX) as client:
        client.connect_ex(f"/nowhere-{i}/.s.PGSQL.{sys.argv[1]}")
print("READY", flush=True)
sys.stdin.read()
"""
    with Tracer(port, unix=True) as watch, script(asks, str(port)) as asker:
        asker.ready()
        with script(POOLER, path_of(tmp_path, port)) as pooler:
            pooler.ready()
            with script(VISITOR, path_of(tmp_path, port), "1"), socket.socket(socket.AF_UNIX) as stays:
                stays.connect(path_of(tmp_path, port))
                report = watch.stop()
    expect(report.process(asker.pid), failed=3000)
    assert f"unix:{tmp_path}" in [server["address"] for server in report.servers]
