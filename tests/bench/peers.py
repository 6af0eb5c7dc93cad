# SPDX-License-Identifier: BSD-2-Clause
"""The tracers and the listings that pgleaktrace is compared with, as a table: what is run, and how one
knows that it has begun. A peer that does not start here is told with its own words."""

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass

# Each peer in a mount namespace of its own, with what tracers look for in the usual places. bcc compiles
# against kernel headers: where the running kernel's are not to be had, others are lent to it (with them
# tcplife starts, but reads some fields wrong).
MOUNTS = """
mountpoint -q /sys/kernel/tracing || mount -t tracefs tracefs /sys/kernel/tracing
mountpoint -q /sys/kernel/debug || mount -t debugfs debugfs /sys/kernel/debug
modules=/lib/modules/$(uname -r)
build=$(ls -d /usr/src/linux-headers-*[0-9]-*amd64 2>/dev/null | tail -1)
if [ ! -e "$modules/build" ] && [ -n "$build" ] && [ -d /lib/modules ]; then
	mount -t tmpfs tmpfs /lib/modules && mkdir -p "$modules"
	ln -s "$build" "$modules/build"
	ln -s "$(ls -d /usr/src/linux-headers-*-common | tail -1)" "$modules/source"
fi
exec "$@"
"""
APART = ("unshare", "--mount", "sh", "-c", MOUNTS, "sh")
READY_SECONDS = 15
HOOKS = re.compile(r"anon_inode:.*(perf_event|bpf_link|bpf-link|raw_tracepoint)")


@dataclass
class Peer:
    name: str
    argv: tuple         # {port}: the server's
    package: str = ""   # Debian's; "": our own
    why_not: str = ""   # it does not start here: its own words

    def command(self, port):
        return [arg.format(port=port) for arg in self.argv]


def tracers(program):
    return [
        Peer("pgleaktrace", (program, "-P", "{port}", "-d", "1h", "-o", "json")),
        Peer("pgleaktrace, event lines", (program, "-P", "{port}", "-o", "ndjson")),
        Peer("tcplife (libbpf-tools)", ("/usr/sbin/tcplife", "-D", "{port}"), "libbpf-tools"),
        Peer("tcptracer (libbpf-tools)", ("/usr/sbin/tcptracer",), "libbpf-tools"),
        Peer("tcplife (bcc)", ("/usr/sbin/tcplife-bpfcc", "-D", "{port}"), "bpfcc-tools"),
        Peer("tcplife.bt (bpftrace)", ("/usr/sbin/tcplife.bt",), "bpftrace"),
    ]


def listings(program):
    return [
        Peer("pgleaktrace --once", (program, "--once", "-P", "{port}")),
        Peer("ss -tnp", ("ss", "-tnp", "dst", ":{port}"), "iproute2"),
        Peer("lsof -nP", ("lsof", "-nP", "-iTCP:{port}"), "lsof"),
        Peer("netstat -tnp", ("netstat", "-tnp"), "net-tools"),
    ]


def hooked(pid):
    """Does the process have something attached to the kernel?"""
    folder = f"/proc/{pid}/fd"
    try:
        return any(HOOKS.match(os.readlink(f"{folder}/{fd}")) for fd in os.listdir(folder))
    except OSError:
        return False


class Running:
    """A tracer at work: `with Running(peer, port, group) as tracer:` returns once it is attached and
    `tracer.lines()` are what it said. Raises NotStarted with the reason."""

    class NotStarted(Exception):
        pass

    def __init__(self, peer, port, group, folder):
        self.peer, self.group = peer, group
        base = os.path.join(folder, re.sub(r"\W+", "-", f"{peer.name}-{time.monotonic()}"))
        self.out, self.err = open(base + ".out", "w+b"), open(base + ".err", "w+b")
        self.argv = peer.command(port)

    def __enter__(self):
        if not shutil.which(self.argv[0]):
            raise self.NotStarted(f"not installed (Debian: {self.peer.package})")
        argv = self.argv if not self.peer.package else [*APART, *self.argv]
        self.process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=self.out, stderr=self.err,
                                        start_new_session=True, preexec_fn=self.group.enter)
        deadline = time.monotonic() + READY_SECONDS
        while not self._armed():
            if self.process.poll() is not None or time.monotonic() > deadline:
                self.__exit__()
                raise self.NotStarted(self.reason())
            time.sleep(0.02)
        return self

    def _armed(self):
        if not self.peer.package:
            return b"watching port" in self.said(self.err)
        if not hooked(self.process.pid):
            return False
        time.sleep(0.3)     # it may still fail to attach the rest
        return self.process.poll() is None

    def __exit__(self, *_):
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGINT)
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                os.killpg(self.process.pid, signal.SIGKILL)
                self.process.wait()

    @staticmethod
    def said(file):
        return os.pread(file.fileno(), 1 << 28, 0)

    def lines(self):
        return self.said(self.out).decode(errors="replace").splitlines()

    def reason(self):
        """The line of its complaint that tells most."""
        text = (self.said(self.err) + self.said(self.out)).decode(errors="replace")
        lines = [line.strip() for line in text.splitlines() if line.strip()]
        telling = [[line for line in lines if re.search(words, line, re.I)]
                   for words in ("kprobe.*(error|fail)|(error|fail).*kprobe", "error|failed|cannot|unable|exception")]
        return (telling[0] or telling[1] or lines or ["it says nothing"])[0][:160]


def which_start(peers, port, group, folder):
    """Tries each once: those that start; the others get their why_not."""
    good = []
    for peer in peers:
        try:
            with Running(peer, port, group, folder):
                good.append(peer)
        except Running.NotStarted as error:
            peer.why_not = str(error)
            print(f"  {peer.name} does not start here: {error}", file=sys.stderr)
    return good
