#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""How the recordings of the findings were made: record.py CASE…, as root, after `make all tools`.

Each case is a real run against a real PostgreSQL. Afterwards only what is this machine's alone is
taken out: its name, its folders, the parents of the scripts. Then UPDATE=1 make check-replay."""

import contextlib
import json
import os
import pathlib
import socket
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).parent
sys.path.insert(0, str(HERE.parent / "live"))

from actors import CLIENTS, ROOT, Actor, python_script                # noqa: E402  the path comes first
from pgcluster import PgCluster, free_port, server_program, wait_until     # noqa: E402
from pgbouncer import PgBouncer                             # noqa: E402
from test_two_hosts import Hosts, into, sessions                # noqa: E402
from tracer import Tracer                          # noqa: E402

BOUNCER = free_port()
GROWING = """
import time
import psycopg2
kept = []
for _ in range(16):
    kept.append(psycopg2.connect(""))
    time.sleep(0.25)
print("READY", flush=True)
input()
"""


def held(cluster, *counts):
    """leaky.py with so many connections each, all of them open."""
    actors = [python_script("leaky.py", n, env=cluster.env(app="shop")) for n in counts]
    for actor in actors:
        actor.ready()
    return actors


def end(actors):
    for actor in actors:
        actor.__exit__()


def hoard(cluster, tracer, _):
    cluster.psql("CREATE ROLE ordinary LOGIN")
    actors = held(cluster, 4, 4, 4, 4) + [python_script("honest.py", 1, env=cluster.env(app="shop"))]
    actors[-1].ready()
    late = dict(cluster.env(app="late"), PGUSER="ordinary", PGDATABASE="postgres")
    subprocess.run(["psql", "-XAtqc", "SELECT 1"], env=late, stderr=subprocess.DEVNULL, check=False)
    time.sleep(1.5)
    tracer.stop()
    end(actors)


def fan_out(cluster, tracer, _):
    actors = held(cluster, 5, 3, 3, 3)
    tracer.stop()
    end(actors)


def growing(cluster, tracer, folder):
    (folder / "send-mails.py").write_text(GROWING)
    with Actor(["/usr/bin/python3", "send-mails.py"], env=cluster.env(app="shop"), cwd=folder) as python:
        python.ready()
        tracer.stop()


def orphan(cluster, tracer, _):
    with Actor(["psql", "-XAtqc", "SELECT pg_sleep(600)"], env=cluster.env(app="shop")) as psql:
        wait_until(lambda: cluster.psql("SELECT 1 FROM pg_stat_activity WHERE application_name = 'shop' "
                                        "AND state = 'active'"), "it sleeps")
        psql.kill()
    time.sleep(2)
    tracer.stop()


def inherited(cluster, tracer, _):
    with python_script("forked.py", env=cluster.env(app="shop")) as python:
        python.ready()
        tracer.stop()
        python.finish()


def churn(cluster, tracer, folder):
    (folder / "one.sql").write_text("SELECT 1;\n")
    subprocess.run([server_program("pgbench"), "-n", "-C", "-c1", "-t60", "-f", "one.sql"], cwd=folder,
                   env=cluster.env(app="shop"), check=True, capture_output=True)
    tracer.stop()


def relay(cluster, tracer, _):
    with PgBouncer(cluster, BOUNCER):
        env = dict(cluster.env(app="shop"), PGPORT=str(BOUNCER))
        with python_script("leaky.py", 2, env=env) as python:
            python.ready()
            tracer.stop()


def resolved(cluster, tracer, _):
    actors = held(cluster, 11)
    time.sleep(2.5)
    actors[0].finish()
    tracer.stop()
    end(actors)


def hosts(cluster, tracer, _):
    """What a server's host sees: clients on two others, its own through TLS and through the unix socket."""
    tls = dict(cluster.env("127.0.0.1", app="shop"), PGSSLMODE="require")
    unix = cluster.env(cluster.socket_folder, app="cron")
    at_home = into(cluster.hosts.server)
    with sessions(cluster, cluster.hosts), contextlib.ExitStack() as stage:
        held = stage.enter_context(Actor([*at_home, "psql", "-XAtqc", "SELECT pg_sleep(600)"], env=tls))
        for _ in range(2):
            stage.enter_context(python_script("leaky.py", 2, env=unix)).ready()
        killed = stage.enter_context(python_script("leaky.py", 1, env=unix))
        killed.ready()
        killed.kill()
        hung_up = stage.enter_context(python_script("honest.py", 1, env=dict(unix, PGAPPNAME="ended")))
        hung_up.ready()
        for env in (tls, unix, dict(tls, PGSSLMODE="disable")):
            subprocess.run([*at_home, "psql", "-XAtqc", "SELECT 1"], env=dict(env, PGDATABASE="shop"),
                           stderr=subprocess.DEVNULL, check=False)
        cluster.psql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'ended'")
        wait_until(lambda: cluster.counts(app="shop")["open"] == 1, "it sleeps")
        time.sleep(2)
        tracer.stop()
        held.kill()


CASES = {"hosts": hosts, "hoard": hoard, "fan-out": fan_out, "growing": growing, "orphan": orphan, "inherited": inherited,
         "churn": churn, "relay": relay, "resolved": resolved}
SLOTS = {"hoard": 20, "fan-out": 20}


def anonymous(line, folder, cluster):
    for ours, theirs in ((str(CLIENTS / "python"), "/srv/shop"), (str(folder), "/srv/shop"),
                         (cluster.data, "/var/lib/postgresql/15/main"),
                         (cluster.folder, "/run/postgresql"), (str(ROOT), "/srv/shop"),
                         (socket.gethostname(), "db1")):
        line = line.replace(ours, theirs)
    event = json.loads(line)
    if event["type"] == "process":
        event["ancestors"] = []
        for key in ("container", "unit"):
            event.pop(key, None)
    return json.dumps(event, ensure_ascii=False, separators=(",", ":")) + "\n"


@contextlib.contextmanager
def server(name):
    if name != "hosts":
        with PgCluster(max_connections=SLOTS.get(name, 100)) as cluster:
            yield cluster
        return
    with Hosts() as three, PgCluster(max_connections=20, netns=three.server, listen="*", ssl=True) as cluster:
        cluster.hosts = three
        yield cluster


def elsewhere(cluster):
    """The network namespaces that stand for other hosts: what was seen there is not the server's to see."""
    if not hasattr(cluster, "hosts"):
        return set()
    return {os.stat(f"/run/netns/{name}").st_ino for name in (cluster.hosts.near, cluster.hosts.far)}


def record(name):
    with tempfile.TemporaryDirectory() as temporary, server(name) as cluster:
        folder = pathlib.Path(temporary)
        folder.chmod(0o755)
        raw = folder / "raw.ndjson"
        ports = f"{cluster.port},{BOUNCER}" if name == "relay" else cluster.port
        with Tracer(ports, "--record", raw, unix=name == "hosts") as tracer:
            CASES[name](cluster, tracer, folder)
        away = elsewhere(cluster)
        lines = [anonymous(line, folder, cluster) for line in raw.read_text().splitlines()
                 if json.loads(line).get("netns") not in away]
    (HERE / name).mkdir(exist_ok=True)
    (HERE / name / "recording.ndjson").write_text("".join(lines))


for case in sys.argv[1:] or CASES:
    record(case)
