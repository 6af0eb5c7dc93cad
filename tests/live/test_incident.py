# SPDX-License-Identifier: BSD-2-Clause
"""The incident: 315 scripts that each make a PrismaClient and never disconnect, a server of 30.

A Node process with Prisma costs 0.36 s of one processor before its first query: the scripts start
over 35 s where the machine is fast enough, over about a minute on two cores. Each opens one to three
connections. Those admitted are idle until the pool lets go of them after 10 s; a script of which one
is refused dies of the unhandled rejection and abandons the others.
"""

import signal
import subprocess
import time

from pgcluster import PgCluster
from tracer import Tracer

SCRIPTS = 315
SLOTS = 30
SECONDS = 35.0


def start_all(project, env):
    """All scripts, evenly over SECONDS; slower where the processors are busy with earlier ones."""
    started, begin = [], time.monotonic()
    for number in range(SCRIPTS):
        late = time.monotonic() - begin
        if late < SECONDS * number / SCRIPTS:
            time.sleep(SECONDS * number / SCRIPTS - late)
        started.append(subprocess.Popen(
            ["node", "scripts/wrong.js", f"--queries={1 + number % 3}", f"--job={number}"],
            cwd=project, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL))
    return started


def finish_all(processes, deadline):
    for process in processes:
        process.wait(max(0.1, deadline - time.monotonic()))


def kill_all(processes):
    for process in processes:
        if process.poll() is None:
            process.send_signal(signal.SIGKILL)
            process.wait()


def test_incident(postgres, node_project):
    with PgCluster(max_connections=SLOTS) as cluster:
        env = cluster.env(app="incident")
        scripts = []
        try:
            with Tracer(cluster.port) as tracer:
                scripts = start_all(node_project, env)
                finish_all(scripts, time.monotonic() + 180)
                cluster.wait_open(0)
                cluster.wait_settled(quiet=1.0)
                report = tracer.stop()
        finally:
            kill_all(scripts)
        log = cluster.server_log()

    truth = log.counts()
    assert truth["refused"] > 0, "the server never was full: this was not the incident"
    assert truth["authorized"] > SLOTS

    row = report.script("scripts/wrong.js")
    assert report.names() == ["scripts/wrong.js"], "one culprit, named"
    assert row["processes"] == SCRIPTS == len(row["process_list"])
    assert row["opened"] == truth["received"]
    assert row["opened"] == sum(1 + number % 3 for number in range(SCRIPTS))
    assert row["open"] == row["unknown"] == row["adopted"] == row["failed"] == 0
    assert_each_process(row, scripts)
    assert_each_connection(report, log)


def assert_each_process(row, scripts):
    """Every process under its own pid and command line."""
    wanted = {(p.pid, f"--job={number}") for number, p in enumerate(scripts)}
    assert {(p["process"]["pid"], p["process"]["command_args"][-1])
            for p in row["process_list"]} == wanted


def assert_each_connection(report, log):
    """By client port: an admitted session was ended by its client, a refused one by either side."""
    sessions = {port: list(those) for port, those in log.by_port().items()}
    for connection in sorted(report.connections(), key=lambda c: c["opened_at"]):
        session = sessions[connection["local_port"]].pop(0)
        if session.refusal:     # a script that is dying may let go before it has read the error
            assert connection["ending"] in ("refused", "hung_up", "closed", "abandoned")
        elif session.authorized:
            assert connection["ending"] in ("closed", "abandoned"), f"{session}"
    assert not any(sessions.values()), "sessions in the log that the report does not have"
