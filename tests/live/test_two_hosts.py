# SPDX-License-Identifier: BSD-2-Clause
"""A server on one host, its clients on two others. Each host is a network namespace with an address of
its own, and the clients' addresses are translated on the way: as between real hosts, nothing joins
the two ends of a connection. What the server's host is told, and what a client's.
"""

import contextlib
import os
import re
import subprocess

import pytest

from actors import Actor
from conftest import need
from pgcluster import PgCluster
from tracer import Tracer, expect, tracer_path


class Hosts:
    """server ══ 10.87.1.0/24 ══ near, 10.87.2.0/24 ══ far. The server sees near as 10.87.1.7."""

    def __init__(self):
        self.server, self.near, self.far = (f"pgleaktrace-{os.getpid()}-{n}" for n in ("s", "n", "f"))

    def __enter__(self):
        try:
            for name in (self.server, self.near, self.far):
                ip("netns", "add", name)
                ip("-n", name, "link", "set", "lo", "up")
            self.join(self.near, 1)
            self.join(self.far, 2)
        except BaseException:
            self.__exit__()
            raise
        return self

    def join(self, name, net):
        ip("link", "add", "wire", "netns", name, "type", "veth", "peer", "name", f"wire{net}", "netns", self.server)
        for where, device, address in ((self.server, f"wire{net}", f"10.87.{net}.1/24"), (name, "wire", f"10.87.{net}.2/24"),
                                       (name, "wire", f"10.87.{net}.7/24")):
            ip("-n", where, "address", "add", address, "dev", device)
            ip("-n", where, "link", "set", device, "up")
        subprocess.run([*into(name), "iptables", "-w", "-t", "nat", "-A", "POSTROUTING", "-o", "wire", "-j", "SNAT",
                        "--to-source", f"10.87.{net}.7"], check=True, capture_output=True)

    def __exit__(self, *_):
        for name in (self.server, self.near, self.far):
            subprocess.run(["ip", "netns", "delete", name], check=False, stderr=subprocess.DEVNULL)


def ip(*args):
    subprocess.run(["ip", *args], check=True)


def into(name):
    return ("ip", "netns", "exec", name)


@pytest.fixture
def hosts(postgres):
    need("ip", "iproute2")
    need("iptables", "iptables")
    with Hosts() as three:
        yield three


@contextlib.contextmanager
def sessions(cluster, hosts):
    """Three from near, one from far."""
    actors = []
    for name, net, number in ((hosts.near, 1, 3), (hosts.far, 2, 1)):
        env = cluster.env(f"10.87.{net}.1", app="far" if net == 2 else "near")
        for _ in range(number):
            actors.append(Actor([*into(name), "psql", "-XAtq"], env=env))
    try:
        cluster.wait_open(4)
        yield actors
    finally:
        for actor in actors:
            actor.__exit__()


def by_log(cluster):
    """Client port → backend, by the server."""
    return {session.port: session.pid for session in cluster.server_log().select(open=True)}


def text_of(cluster, *args):
    run = subprocess.run([tracer_path(), "-P", str(cluster.port), "--unix=off", "--once", *args], check=True,
                         capture_output=True, text=True, env={**os.environ, "LC_ALL": "C.UTF-8"}, timeout=60)
    return run.stdout


def test_the_servers_host_is_told_whose_its_slots_are(hosts):
    with PgCluster(max_connections=15, netns=hosts.server, listen="*") as cluster, sessions(cluster, hosts):
        with Tracer(cluster.port, "--once", armed=False) as tracer:
            report = tracer.report()
        text = text_of(cluster)
    server, = {s["pid"]: s for s in report.servers if s["kind"] == "postgresql"}.values()
    assert (server["max_connections"], server["slots_used"], server["open"]) == (15, 4, 0)
    assert server["remote"] == [{"address": "10.87.1.7", "slots": 3, "share": 0.75},
                                {"address": "10.87.2.7", "slots": 1, "share": 0.25}]
    assert "4 of 15 slots (3 reserved)\n    from other hosts: 3 of 4 slots (75%) by 10.87.1.7, 1 (25%) by 10.87.2.7\n" in text


def test_a_clients_host_knows_what_the_wire_says_and_the_limit_it_is_given(hosts):
    with PgCluster(max_connections=15, netns=hosts.server, listen="*") as cluster:
        with Tracer(cluster.port, "--max-connections", 15) as tracer, sessions(cluster, hosts):
            report = tracer.stop()
            backends = by_log(cluster)
    near, far = (next(s for s in report.servers if s["address"] == f"10.87.{net}.1") for net in (1, 2))
    assert (near["open"], far["open"]) == (3, 1)
    for server in (near, far):
        assert (server["kind"], server["max_connections"], server["limit_source"]) == ("unknown", 15, "--max-connections")
        assert server["slots_used"] is server["orphan_slots"] is server["remote"] is None
    rows = report.connections("open")
    assert {r["local_port"]: r["backend_pid"] for r in rows} == backends and len(backends) == 4
    for row in rows:
        assert (row["user"], row["database"], row["activity"]) == ("postgres", "postgres", None)
        assert row["application"] in ("near", "far") and row["age_at_least"] is False


def test_a_clients_host_knows_no_more_of_what_was_open_than_since_when_it_looks(hosts):
    with PgCluster(max_connections=15, netns=hosts.server, listen="*") as cluster, sessions(cluster, hosts) as actors:
        with Tracer(cluster.port) as tracer:
            text = text_of(cluster, "-v", "--max-connections", "15")
            report = tracer.stop()
    expect(report.process(actors[0].pid), adopted=1, open=1)
    for row in report.connections("open"):
        assert row["attribution"] == "snapshot" and row["age_at_least"] is True and row["backend_pid"] is None
    assert re.search(r"\n10\.87\.1\.1:\d+: 3 of 15 slots taken from this host\n", text)
    assert len(re.findall(r"\n            ≥\d\.\ds  port \d+ -> 10\.87\.[12]\.1:", text)) == 4
