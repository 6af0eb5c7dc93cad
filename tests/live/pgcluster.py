# SPDX-License-Identifier: BSD-2-Clause
"""A private PostgreSQL cluster for one test, and its log as the independent truth.

The server is the judge of every live test: with log_connections and log_disconnections on, its log
says for each TCP accept which client port it came from, whether a session was admitted, how it was
refused and when it ended. ServerLog turns those lines into sessions keyed by the client's port.

PostgreSQL refuses to run as root, so every server program runs as the `postgres` user, in a
temporary folder owned by that user. The cluster is stopped by its own pid, never by name.
"""

import os
import pwd
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from dataclasses import dataclass, field

USER = "postgres"
BIN_FOLDERS = ("/usr/lib/postgresql/15/bin", "/usr/lib/postgresql/16/bin",
               "/usr/lib/postgresql/17/bin", "/usr/lib/postgresql/14/bin", "/usr/bin")

SETTINGS = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "autovacuum": "off",
    "shared_buffers": "16MB",
    "max_wal_senders": 0,
    "wal_level": "minimal",
    "max_parallel_workers": 0,
    "jit": "off",
    "logging_collector": "off",
    "log_min_messages": "warning",
    "log_connections": "on",
    "log_disconnections": "on",
    "log_timezone": "UTC",
    # epoch with milliseconds | pid | user | application | host(port) | SQLSTATE
    "log_line_prefix": "%n|%p|%u|%a|%r|%e| ",
}

LINE = re.compile(r"^(?P<time>\d+\.\d+)\|(?P<pid>\d+)\|(?P<user>[^|]*)\|(?P<app>[^|]*)\|"
                  r"(?P<remote>[^|]*)\|(?P<sqlstate>[^|]*)\| (?P<text>.*)$")
RECEIVED = re.compile(r"LOG:  connection received: host=(\S+?)(?: port=(\d+))?$")
SESSION_END = re.compile(r"LOG:  disconnection: session time")


def wait_until(condition, what, timeout=20.0, every=0.02):
    """Poll `condition` until it is true and return its value; the only way tests wait."""
    deadline = time.monotonic() + timeout
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"timed out after {timeout:g} s waiting until {what}")
        time.sleep(every)


def free_port(low=20000, high=32000):
    """A TCP port nobody listens on, below the ephemeral range so that no client is given it."""
    for _ in range(200):
        port = low + int.from_bytes(os.urandom(2), "little") % (high - low)
        with socket.socket(socket.AF_INET) as probe:
            try:
                probe.bind(("127.0.0.1", port))
                return port
            except OSError:
                continue
    raise RuntimeError("no free TCP port found")


def server_program(name):
    for folder in BIN_FOLDERS:
        path = os.path.join(folder, name)
        if os.access(path, os.X_OK):
            return path
    raise FileNotFoundError(f"PostgreSQL's {name} was not found (Debian: apt install postgresql)")


@dataclass
class Session:
    """One accepted TCP connection as the server saw it."""
    pid: int
    host: str
    port: int
    received: float
    user: str = ""
    app: str = ""
    authorized: bool = False
    refusal: str = ""               # SQLSTATE of a FATAL before the session, such as 53300
    fatal: str = ""                 # SQLSTATE of a FATAL inside the session, such as 57P01
    ended: float = field(default=0.0)

    @property
    def open(self):
        return self.authorized and not self.ended


class ServerLog:
    """The sessions in a server log; parse again to see what was added."""

    def __init__(self, path):
        self.path = path
        self.sessions = []
        self._live = {}             # backend pid → Session; pids are reused, hence the latest wins
        self._offset = 0
        self._rest = ""

    def refresh(self):
        with open(self.path, encoding="utf-8", errors="replace") as file:
            file.seek(self._offset)
            text = self._rest + file.read()
            self._offset = file.tell()
        lines = text.split("\n")
        self._rest = lines.pop()
        for line in lines:
            self._take(line)
        return self

    def _take(self, line):
        match = LINE.match(line)
        if not match:
            return
        text, pid = match["text"], int(match["pid"])
        received = RECEIVED.search(text)
        if received:
            session = Session(pid, received[1], int(received[2] or 0), float(match["time"]))
            self.sessions.append(session)
            self._live[pid] = session
            return
        session = self._live.get(pid)
        if not session:
            return
        if "LOG:  connection authorized:" in text:
            session.authorized, session.user = True, match["user"]
            app = re.search(r"application_name=(.*?)(?: SSL enabled.*)?$", text)
            session.app = app[1] if app else ""
        elif SESSION_END.search(text):
            session.ended = float(match["time"])
        elif text.startswith("FATAL:"):
            # A slot can be refused after "authorized" was logged (53300 comes from InitPostgres),
            # so what decides is whether a "disconnection" line follows: it never does then.
            if match["sqlstate"] in ("53300", "28000", "28P01", "3D000", "57P03"):
                session.refusal, session.authorized = match["sqlstate"], False
                session.ended = float(match["time"])
            else:
                session.fatal = match["sqlstate"]

    def select(self, **wanted):
        """Sessions whose attributes equal `wanted`: select(app="x", open=True)."""
        return [s for s in self.sessions
                if all(getattr(s, key) == value for key, value in wanted.items())]

    def counts(self, **wanted):
        chosen = self.select(**wanted)
        return {
            "received": len(chosen),
            "authorized": sum(s.authorized for s in chosen),
            "refused": sum(s.refusal == "53300" for s in chosen),
            "disconnected": sum(s.authorized and s.ended > 0 for s in chosen),
            "open": sum(s.open for s in chosen),
        }

    def by_port(self):
        """Client port → sessions in order (a port may be used again)."""
        table = {}
        for session in self.sessions:
            table.setdefault(session.port, []).append(session)
        return table

    def by_app(self):
        table = {}
        for session in self.sessions:
            table.setdefault(session.app, []).append(session)
        return table


class PgCluster:
    """`with PgCluster(max_connections=30) as pg:` gives a running, trusting, throwaway server."""

    def __init__(self, max_connections=100, superuser_reserved_connections=3, ssl=False,
                 listen="127.0.0.1,::1", port=None, netns=None, sockets=None, enter=(), arguments=(),
                 **settings):
        self.port = port or free_port()
        self.netns = netns
        self.enter = enter          # words before the server's: ("unshare", "--pid", "--fork")
        self.arguments = arguments  # of the server's command line
        self.sockets = sockets      # folder of the unix socket, "@name": abstract; None: its own
        self.settings = dict(SETTINGS, max_connections=max_connections, listen_addresses=listen,
                             superuser_reserved_connections=superuser_reserved_connections,
                             port=self.port, **settings)
        self.ssl = ssl
        self.folder = None
        self.postmaster = None
        self.log = None

    # -- life -----------------------------------------------------------------------------------

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.stop()

    def start(self):
        self.prepare()
        try:
            self._launch()
        except BaseException:
            self.stop()
            raise

    def prepare(self):
        """A data directory, ready for a server; stop() removes it."""
        account = pwd.getpwnam(USER)
        self.folder = tempfile.mkdtemp(prefix="pgleaktrace-pg-")
        os.chown(self.folder, account.pw_uid, account.pw_gid)
        self.data = os.path.join(self.folder, "data")
        self.socket_folder = self.sockets or self.folder
        try:
            self._run("initdb", "-D", self.data, "-A", "trust", "-U", USER, "-E", "UTF8",
                      "--locale=C", "--no-sync", "--no-instructions")
            if self.ssl:
                self._make_certificate(account)
            self._write_settings()
        except BaseException:
            self.stop()
            raise

    def restart(self, *arguments):
        """With another command line; what was changed in its files counts from here on."""
        self._end(signal.SIGINT)        # fast shutdown: it writes its control file
        self.arguments = arguments
        self._launch()

    def stop(self):
        """Immediate stop of our own postmaster, then the folder goes; safe to call twice."""
        self._end(signal.SIGQUIT)
        if self.folder:
            shutil.rmtree(self.folder, ignore_errors=True)
            self.folder = None

    def _end(self, how):
        if self.postmaster and self.postmaster.poll() is None:
            self.postmaster.send_signal(how)
            try:
                self.postmaster.wait(15)
            except subprocess.TimeoutExpired:
                self.postmaster.kill()
                self.postmaster.wait()
        self.postmaster = None

    def _as_user(self, *argv):
        if os.geteuid() != 0:
            return list(argv)
        enter = ["ip", "netns", "exec", self.netns] if self.netns else []
        return [*enter, "setpriv", f"--reuid={USER}", f"--regid={USER}", "--clear-groups", *argv]

    def _run(self, program, *args):
        done = subprocess.run(self._as_user(server_program(program), *args), cwd=self.folder,
                              stdin=subprocess.DEVNULL, capture_output=True, text=True)
        if done.returncode:
            raise RuntimeError(f"{program} failed: {done.stderr.strip() or done.stdout.strip()}")

    def _make_certificate(self, account):
        key, cert = (os.path.join(self.data, f"server.{end}") for end in ("key", "crt"))
        subprocess.run(["openssl", "req", "-new", "-x509", "-days", "2", "-nodes", "-newkey",
                        "rsa:2048", "-subj", "/CN=localhost", "-out", cert, "-keyout", key],
                       check=True, capture_output=True)
        for path in (key, cert):
            os.chown(path, account.pw_uid, account.pw_gid)
            os.chmod(path, 0o600)
        self.settings["ssl"] = "on"

    def _write_settings(self):
        self.settings["unix_socket_directories"] = self.socket_folder
        with open(os.path.join(self.data, "postgresql.conf"), "a", encoding="utf-8") as file:
            for name, value in self.settings.items():
                file.write(f"{name} = '{value}'\n")
        with open(os.path.join(self.data, "pg_hba.conf"), "a", encoding="utf-8") as file:
            file.write("host all all all trust\n")

    def _launch(self):
        path = os.path.join(self.folder, "server.log")
        with open(path, "wb") as log:
            self.postmaster = subprocess.Popen(
                [*self.enter, *self._as_user(server_program("postgres"), "-D", self.data, *self.arguments)],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self.folder,
                start_new_session=True)     # a terminal's Ctrl-C is for the tracer, not for us
        self._log = ServerLog(path)
        wait_until(self._ready, f"PostgreSQL on port {self.port} accepts connections")

    def _ready(self):
        # postmaster.pid is asked, not the socket: a probing connection would spoil the counts.
        if self.postmaster.poll() is not None:
            with open(self._log.path, encoding="utf-8", errors="replace") as file:
                raise RuntimeError(f"PostgreSQL did not start:\n{file.read()}")
        try:
            with open(os.path.join(self.data, "postmaster.pid"), encoding="ascii") as file:
                lines = file.read().split("\n")
        except FileNotFoundError:
            return False
        return len(lines) > 7 and lines[7].strip() == "ready"

    # -- what the server says -------------------------------------------------------------------

    def server_log(self):
        """The log so far, parsed; cheap to call again and again."""
        return self._log.refresh()

    def counts(self, **wanted):
        return self.server_log().counts(**wanted)

    def clients_open(self, **wanted):
        """Sessions admitted and not yet ended, by the server's log."""
        return self.counts(**wanted)["open"]

    def wait_open(self, number, timeout=20.0, **wanted):
        wait_until(lambda: self.clients_open(**wanted) == number,
                   f"{number} sessions are open (now {self.clients_open(**wanted)})", timeout)

    def wait_settled(self, quiet=0.4, timeout=20.0):
        """Until every accepted connection was admitted or refused, and the log has been quiet."""
        state = {"size": -1, "since": time.monotonic()}

        def settled():
            size = os.path.getsize(self._log.path)
            if size != state["size"]:
                state.update(size=size, since=time.monotonic())
            return time.monotonic() - state["since"] >= quiet
        wait_until(settled, "the server log is quiet", timeout)

    # -- how to reach it ------------------------------------------------------------------------

    def url(self, host="127.0.0.1", app=None):
        suffix = f"?application_name={app}" if app else ""
        if host[0] in "/@":
            suffix = f"?host={host}&port={self.port}" + suffix.replace("?", "&")
            return f"postgresql://{USER}@/postgres{suffix}"
        address = f"[{host}]" if ":" in host else host
        return f"postgresql://{USER}@{address}:{self.port}/postgres{suffix}"

    def env(self, host="127.0.0.1", app=None):
        """The environment libpq and node-postgres read."""
        env = dict(os.environ, PGHOST=host, PGPORT=str(self.port), PGUSER=USER,
                   PGDATABASE="postgres", PGSSLMODE="prefer" if self.ssl else "disable",
                   PGGSSENCMODE="disable", DATABASE_URL=self.url(host, app))
        if app:
            env["PGAPPNAME"] = app
        return env

    def let_in(self, rules):
        """Lines that come before all others of pg_hba.conf, from the next connection on."""
        with open(os.path.join(self.data, "pg_hba.conf"), "r+", encoding="ascii") as file:
            others = file.read()
            file.seek(0)
            file.write(rules + others)
        self.psql("SELECT pg_reload_conf()")

    def psql(self, sql, host=None, app="psql-helper"):
        """Run SQL through the unix socket by default: it is not seen by a tracer of TCP."""
        done = subprocess.run(["psql", "-XAtq", "-c", sql], capture_output=True, text=True,
                              env=self.env(host or self.socket_folder, app))
        if done.returncode:
            raise RuntimeError(f"psql: {done.stderr.strip()}")
        return done.stdout.strip()
