# SPDX-License-Identifier: BSD-2-Clause
"""Fixtures of the live tests: a real kernel, a real PostgreSQL, real clients.

They need root (BPF) and Linux. Elsewhere they are skipped, with the reason; where CI=true a skipped
test is a failure, so that a machine without the means can never pass for a green one.
"""

import os
import shutil
import subprocess
import sys

import pytest

sys.path.insert(0, os.path.dirname(__file__))

from actors import CLIENTS, Sink, build_folder     # noqa: E402  the path comes first
from pgcluster import PgCluster, free_port, server_program     # noqa: E402


@pytest.fixture(autouse=True)
def means():
    if os.geteuid() != 0:
        pytest.skip("live tests need root: sudo make check")


def need(program, package):
    if not shutil.which(program):
        pytest.skip(f"{program} is missing (Debian: apt install {package})")


@pytest.fixture
def port():
    return free_port()


@pytest.fixture
def sink(port):
    """A server that accepts everything on 127.0.0.1 and says so at the end."""
    with Sink(port) as server:
        yield server


@pytest.fixture
def postgres():
    try:
        server_program("postgres")
    except FileNotFoundError as missing:
        pytest.skip(str(missing))


@pytest.fixture
def cluster(postgres):
    with PgCluster() as server:
        yield server


@pytest.fixture(scope="session")
def node_project():
    """The folder of the Node project with node-postgres and Prisma, installed once per build."""
    need("node", "nodejs")
    need("npm", "npm")
    subprocess.run([CLIENTS / "install.sh", build_folder()], check=True)
    return build_folder() / "node"


@pytest.fixture
def netns():
    """A network namespace of its own with loopback up; yields the prefix that runs a command in it."""
    need("ip", "iproute2")
    name = f"pgleaktrace-{os.getpid()}"
    subprocess.run(["ip", "netns", "add", name], check=True)
    try:
        subprocess.run(["ip", "-n", name, "link", "set", "lo", "up"], check=True)
        yield ("ip", "netns", "exec", name)
    finally:
        subprocess.run(["ip", "netns", "delete", name], check=True)
