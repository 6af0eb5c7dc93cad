# SPDX-License-Identifier: BSD-2-Clause
"""What we ourselves take: one look at what is open beside what others need for it, CPU and memory while
watching, and how long until the first answer."""

import json
import os
import re
import select
import socket
import statistics
import subprocess
import sys
import threading
import time

from actors import Actor
from kernel import BPFTOOL, maps_memory
from measure import timed
from peers import APART
from pgcluster import free_port

#        connections, holders, processes beside × 50 descriptors
CROWDS = ((1000, 1, 0), (1000, 100, 0), (1000, 1000, 0), (1000, 100, 2000), (10000, 1000, 0), (50000, 1000, 0))
CROWDS_SMOKE = ((50, 5, 20),)
LONGEST = 40.0      # seconds to wait for a look
BUDGET_MS = 2000    # one command's repetitions; at least one, at most five


class Floor:
    """The bare iterator: `argv` lists nothing, at the least cost there is. None where it can't be had."""

    def __init__(self, root, folder):
        self.pin = f"/sys/fs/bpf/pgleaktrace-floor-{os.getpid()}"
        built = os.path.join(folder, "floor.bpf.o")
        include = f"/usr/include/{os.uname().machine}-linux-gnu"
        compile_it = ["clang", "-O2", "-g", "-target", "bpf", "-mcpu=v3", f"-I{root}/vmlinux", "-idirafter",
                      include, "-c", f"{root}/tests/bench/floor.bpf.c", "-o", built]
        # bpffs may not be mounted outside: the pin lives as long as the shell in its namespace.
        script = ('mountpoint -q /sys/fs/bpf || mount -t bpf bpf /sys/fs/bpf; '
                  f'"{BPFTOOL}" iter pin "{built}" "{self.pin}" || exit 1; echo READY; read _; rm -f "{self.pin}"')
        self.actor = None
        if subprocess.run(compile_it, capture_output=True).returncode == 0:
            self.actor = Actor([*APART, "sh", "-c", script])
            try:
                self.actor.ready()
            except AssertionError:
                self.close()

    def measure(self, times):
        """Median ms to read it to its end; the descriptors of /proc say from where."""
        if not self.actor:
            return None
        path = f"/proc/{self.actor.pid}/root{self.pin}"
        walls = []
        for _ in range(times):
            start = time.monotonic()
            with open(path, "rb") as file:
                file.read()
            walls.append((time.monotonic() - start) * 1e3)
        return statistics.median(walls)

    def close(self):
        if self.actor:
            self.actor.finish()
            self.actor.__exit__()
        self.actor = None


def crowd(tools, port, shape):
    connections, holders, bystanders = shape
    return Actor([tools / "crowd", port, connections, holders, "-b", bystanders])


def listing(argv, machine):
    """The median of as many runs as the budget holds."""
    machine.wait_quiet()
    runs = [timed(argv)]
    while len(runs) < 5 and sum(run["wall_ms"] for run in runs) < BUDGET_MS:
        runs.append(timed(argv))
    return {key: statistics.median(run[key] for run in runs) for key in ("wall_ms", "cpu_ms", "peak_mb")} \
        | {"runs": len(runs), "fastest_ms": min(run["wall_ms"] for run in runs)}


def counted(program, port):
    """How many connections --once says are open: a fast wrong answer is worth nothing."""
    said = subprocess.run([program, "--once", "-P", str(port), "-o", "json"], capture_output=True, check=True)
    return sum(script["open"] for script in json.loads(said.stdout)["scripts"])


def look(tools, program, listings, machine, floor, shape):
    port = free_port()
    row = dict(zip(("connections", "holders", "bystanders"), shape), times={})
    with crowd(tools, port, shape) as actor:
        actor.line(60)
        open_now = counted(program, port)
        if open_now != shape[0]:
            raise RuntimeError(f"--once says {open_now} of {shape[0]} connections")
        for peer in listings:
            argv = peer.command(port)
            try:
                row["times"][peer.name] = listing(argv, machine)
            except FileNotFoundError:
                peer.why_not = f"not installed (Debian: {peer.package})"
        row["floor_ms"] = floor.measure(5)
        row["resident"] = resident(program, port, machine, shape[0] < 100)
        actor.finish()
    return row


def status_kb(pid, key):
    with open(f"/proc/{pid}/status", encoding="ascii", errors="replace") as file:
        return int(re.search(rf"^{key}:\s+(\d+)", file.read(), re.M)[1])


def ring_kb(pid):
    """Of what is resident, the ring buffer: kernel memory that libbpf maps twice in a row."""
    total, ours = 0, False
    with open(f"/proc/{pid}/smaps", encoding="utf-8", errors="replace") as file:
        for line in file:
            if re.match(r"[0-9a-f]+-[0-9a-f]+ ", line):
                ours = "bpf-map" in line
            elif ours and line.startswith("Rss:"):
                total += int(line.split()[1])
    return total


def resident(program, port, machine, smoke):
    """CPU and memory while watching with nothing happening: % of a core, over whole periods of looks."""
    group = next(g for g in machine.groups if g.path.endswith("-tracer"))
    argv = [program, "-P", str(port), "-d", "1h", "-o", "json"]
    with subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                          preexec_fn=group.enter) as process:
        process.stderr.readline()       # "watching port"
        time.sleep(0.2)
        used, start = group.used(), time.monotonic()
        time.sleep(1.3)                 # until the first look by the timer is over
        look = group.used() - used
        # Looks get rarer as they cost more: from the end of this one to the end of the next.
        used, start = group.used(), time.monotonic()
        time.sleep(0.5 if smoke else min(LONGEST, max(4.0, 125 * look + 1)))
        wall = time.monotonic() - start
        row = {"cpu_percent": 100 * (group.used() - used) / wall, "seconds": wall,
               "rss_mb": status_kb(process.pid, "VmRSS") / 1024,
               "own_mb": status_kb(process.pid, "RssAnon") / 1024,
               "ring_mb": ring_kb(process.pid) / 1024,
               "peak_mb": status_kb(process.pid, "VmHWM") / 1024,
               "maps_mb": maps_memory(process.pid) / 1e6}
        process.terminate()
    return row


class Trickle:
    """A client that connects and closes, about a thousand times a second, while it is open."""

    def __init__(self, port):
        self.address = ("127.0.0.1", port)
        self.over = threading.Event()
        self.thread = threading.Thread(target=self._run, daemon=True)

    def _run(self):
        with socket.create_server(self.address, backlog=64) as server:
            self.listening.set()
            while not self.over.wait(0.001):
                with socket.create_connection(self.address):
                    server.accept()[0].close()

    def __enter__(self):
        self.listening = threading.Event()
        self.thread.start()
        self.listening.wait()
        return self

    def __exit__(self, *_):
        self.over.set()
        self.thread.join()


def first_event(peer, port, folder):
    """ms from the start of the tracer until it has told of a connection. Its output is a terminal, as
    line-buffered as a person sees it; ours is a pipe, since a terminal would get the live screen."""
    argv = peer.command(port)
    if peer.package:
        reader, writer = os.openpty()
        argv = [*APART, *argv]
    else:
        reader, writer = os.pipe()
    telling = re.compile(rb'"type":"(open|end)"' if not peer.package else rb"^\d+ .*127\.0\.0\.1", re.M)
    start, text = time.monotonic(), b""
    process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=writer, stderr=subprocess.DEVNULL,
                               start_new_session=True)
    os.close(writer)
    try:
        while not telling.search(text):
            if not select.select([reader], [], [], 15)[0]:
                return None
            text += os.read(reader, 65536)
        return (time.monotonic() - start) * 1e3
    except OSError:     # the pty's other end is gone
        return None
    finally:
        process.kill()
        process.wait()
        os.close(reader)


def starts(tracers, machine, folder, smoke):
    port = free_port()
    rows = {}
    with Trickle(port):
        for peer in tracers[1:2] if smoke else tracers[1:]:
            machine.wait_quiet()
            times = [first_event(peer, port, folder) for _ in range(1 if smoke else 3 if "bcc" in peer.name else 7)]
            if None not in times:
                rows[peer.name] = {"first_event_ms": statistics.median(times), "fastest_ms": min(times)}
    return rows


def measure(root, tools, program, listings, tracers, machine, folder, smoke):
    floor = Floor(root, folder)
    rows = []
    try:
        for shape in CROWDS_SMOKE if smoke else CROWDS:
            print(f"  {shape[0]} connections, {shape[1]} holders, {shape[2]} processes beside", file=sys.stderr)
            rows.append(look(tools, program, listings[:2] if smoke else listings, machine, floor, shape))
    finally:
        floor.close()
    none = free_port()
    return {"looks": rows, "idle": resident(program, none, machine, smoke),
            "once_empty": listing([program, "--once", "-P", str(none)], machine),
            "first_event": starts(tracers, machine, folder, smoke)}
