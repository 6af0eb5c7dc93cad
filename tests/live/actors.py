# SPDX-License-Identifier: BSD-2-Clause
"""The processes a test sends on stage: the socket tools, and scripts that use real clients.

An actor does its part, says so on its standard output (a JSON line, or READY), and waits until its
standard input is closed. So a test always knows how far every process is, without sleeping.
"""

import json
import os
import pathlib
import select
import signal
import subprocess
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
CLIENTS = ROOT / "tests" / "live" / "clients"


def build_folder():
    return pathlib.Path(os.environ.get("BUILD") or ROOT / "build").resolve()


def tool_path(name):
    path = build_folder() / "tools" / name
    if not path.exists():
        raise FileNotFoundError(f"{path} is missing: run `make tools` first")
    return str(path)


class Actor:
    """A child process in a pipe. Use as a context manager: it never outlives the test."""

    def __init__(self, argv, env=None, cwd=None, stderr=None, session=False):
        self.argv = [str(arg) for arg in argv]
        self.process = subprocess.Popen(self.argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=stderr, env=env, cwd=cwd, start_new_session=session)
        self._rest = b""

    @property
    def pid(self):
        return self.process.pid

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout, self.process.stderr):
            if pipe:
                try:
                    pipe.close()
                except BrokenPipeError:
                    pass

    def line(self, timeout=30.0):
        """The next line it says."""
        deadline = time.monotonic() + timeout
        stdout = self.process.stdout.fileno()
        while b"\n" not in self._rest:
            ready, _, _ = select.select([stdout], [], [], max(0.0, deadline - time.monotonic()))
            if not ready:
                raise AssertionError(f"{self.argv} said nothing for {timeout:g} s")
            data = os.read(stdout, 65536)
            if not data:
                raise AssertionError(f"{self.argv} ended ({self.process.wait()}) without a word")
            self._rest += data
        line, self._rest = self._rest.split(b"\n", 1)
        return line.decode()

    def said(self, timeout=30.0):
        """The next line it says, as JSON."""
        return json.loads(self.line(timeout))

    def ready(self, timeout=60.0):
        """Until it says READY; returns the lines before that."""
        before = []
        while (line := self.line(timeout)) != "READY":
            before.append(line)
        return before

    def finish(self, timeout=60.0):
        """Let it go on, wait for its end, return its exit status (negative: signal)."""
        try:
            self.process.stdin.close()
        except BrokenPipeError:
            pass
        return self.process.wait(timeout)

    def kill(self, how=signal.SIGKILL):
        self.process.send_signal(how)
        return self.process.wait(10)


class Sink(Actor):
    """tests/tools/sink: a server that accepts and reads; `finish_said()` tells what it accepted."""

    def __init__(self, port, host="127.0.0.1", *options, prefix=()):
        super().__init__([*prefix, tool_path("sink"), *options, host, port])
        self.said()

    def finish_said(self):
        self.process.stdin.close()
        answer = self.said()
        self.process.wait(10)
        return answer


def tool(name, *args, prefix=(), **more):
    return Actor([*prefix, tool_path(name), *args], **more)


def python_script(name, *args, env):
    """A script of clients/python, run from there: its name is then just NAME."""
    return Actor(["/usr/bin/python3", name, *args], env=env, cwd=CLIENTS / "python")


def node_script(project, name, *args, env, stderr=None):
    """A script of clients/scripts as installed: run in the project's folder as scripts/NAME."""
    return Actor(["node", f"scripts/{name}", *args], env=env, cwd=project, stderr=stderr)


# -- what /proc says ------------------------------------------------------------------------------


def sockets_to(port, netns_of="self"):
    """Client sockets to a server port that a process still has: local port → inode."""
    found = {}
    for name in ("tcp", "tcp6"):
        with open(f"/proc/{netns_of}/net/{name}", encoding="ascii") as file:
            next(file)
            for line in file:
                fields = line.split()
                local, remote = (int(f.rsplit(":", 1)[1], 16) for f in fields[1:3])
                if remote == port and fields[9] != "0":     # 0: only TCP remembers it
                    found[local] = int(fields[9])
    return found


def holders_of(inode):
    """{(pid, fd)} of every process that has the socket in its fd table now."""
    wanted, holders = f"socket:[{inode}]", set()
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            for fd in os.listdir(f"/proc/{pid}/fd"):
                if os.readlink(f"/proc/{pid}/fd/{fd}") == wanted:
                    holders.add((int(pid), int(fd)))
        except (FileNotFoundError, ProcessLookupError, PermissionError):
            continue
    return holders
