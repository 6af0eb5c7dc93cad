# SPDX-License-Identifier: BSD-2-Clause
"""A pooler in front of a cluster."""

import pathlib
import subprocess

from actors import Actor
from pgcluster import free_port, wait_until

LOCAL = "127.0.0.1"


class PgBouncer:
    """One in front of a cluster, in session mode, on a port of its own and, there, on a unix socket in the
    cluster's folder."""

    def __init__(self, cluster, port=None):
        self.port = port or free_port()
        path = pathlib.Path(cluster.folder) / "pgbouncer.ini"   # where its user may read
        path.write_text(f"[databases]\n* = host={LOCAL} port={cluster.port} user=postgres\n[pgbouncer]\n"
                        f"listen_addr = {LOCAL}\nlisten_port = {self.port}\nauth_type = any\n"
                        f"unix_socket_dir = {cluster.folder}\npool_mode = session\ndefault_pool_size = 20\n"
                        "ignore_startup_parameters = extra_float_digits\n")
        self.actor = Actor(["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups",
                            "/usr/sbin/pgbouncer", "-q", path], stderr=subprocess.DEVNULL)

    def __enter__(self):
        wait_until(self.listens, "pgbouncer listens")
        return self

    def __exit__(self, *_):
        self.actor.__exit__()

    @property
    def pid(self):
        return self.actor.pid

    def listens(self):
        assert self.actor.process.poll() is None, "pgbouncer did not start"
        with open("/proc/net/tcp", encoding="ascii") as file:
            return f":{self.port:04X} 00000000:0000 0A" in file.read()
