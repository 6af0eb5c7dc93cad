# SPDX-License-Identifier: BSD-2-Clause
"""How things are measured: CPU by control group, others' load by /proc/stat, medians of pairs.

A machine is never quite alone. So work is measured as the CPU that its control group used, in
microseconds, kernel time included: that hardly depends on who else runs. While somebody else used
more than OTHERS of a core a run is done again, as long as PATIENCE lasts. What remains of noise is
stated: the spread of the runs without a tracer.
"""

import os
import resource
import statistics
import subprocess
import time

OTHERS = 0.15       # of a core, used by nobody of ours: more is noise
PATIENCE = 40.0     # seconds that may be spent on waiting for quiet, in the whole run
TICK = os.sysconf("SC_CLK_TCK")


def cgroup2_root():
    with open("/proc/mounts", encoding="ascii") as mounts:
        for line in mounts:
            fields = line.split()
            if fields[2] == "cgroup2" and os.access(fields[1], os.W_OK):
                return fields[1]
    raise SystemExit("bench: no writable cgroup2 is mounted, and CPU is measured by control group")


class Group:
    """A control group: `Popen(preexec_fn=group.enter)` starts a process, and all it starts, in it."""

    def __init__(self, name):
        self.path = os.path.join(cgroup2_root(), f"pgleaktrace-bench-{os.getpid()}-{name}")
        os.makedirs(self.path, exist_ok=True)

    def enter(self):
        with open(os.path.join(self.path, "cgroup.procs"), "w", encoding="ascii") as file:
            file.write("0")

    def take(self, pid):
        """A process that runs already, and what it starts from here on."""
        with open(os.path.join(self.path, "cgroup.procs"), "w", encoding="ascii") as file:
            file.write(str(pid))

    def used(self):
        """Seconds of CPU so far."""
        with open(os.path.join(self.path, "cpu.stat"), encoding="ascii") as file:
            return int(file.readline().split()[1]) / 1e6

    def remove(self):
        deadline = time.monotonic() + 5     # the last process may still be on its way out
        while True:
            try:
                os.rmdir(self.path)
                return
            except OSError:
                if time.monotonic() > deadline:
                    return
                time.sleep(0.05)


def machine_busy():
    """Seconds of CPU that the whole machine used so far; time stolen by its host counts too."""
    with open("/proc/stat", encoding="ascii") as file:
        user, nice, system, _idle, _wait, irq, softirq, steal = map(int, file.readline().split()[1:9])
    return (user + nice + system + irq + softirq + steal) / TICK


class Machine:
    """Tells how much others use, and waits for quiet while patience lasts."""

    def __init__(self, patience=PATIENCE):
        self.patience = patience
        self.groups = []
        self.repeated = 0

    def group(self, name):
        group = Group(name)
        self.groups.append(group)
        return group

    def close(self):
        for group in self.groups:
            group.remove()

    def others(self, seconds=0.3):
        """What nobody of ours uses now, in cores."""
        mark = self.mark()
        time.sleep(seconds)
        return self.others_since(mark)

    def mark(self):
        return (time.monotonic(), machine_busy(), sum(g.used() for g in self.groups), own_cpu())

    def others_since(self, mark):
        now = self.mark()
        wall, busy, ours, own = (b - a for a, b in zip(mark, now))
        return max(0.0, busy - ours - own) / wall if wall else 0.0

    def wait_quiet(self):
        while self.patience > 0:
            start = time.monotonic()
            if self.others() < OTHERS:
                return
            time.sleep(0.5)
            self.patience -= time.monotonic() - start

    def run(self, work, group):
        """One run of `work`, again while it was disturbed; the least disturbed of at most three."""
        best = None
        for _ in range(3):
            self.wait_quiet()
            mark, cpu, start = self.mark(), group.used(), time.monotonic()
            count = work()
            wall = time.monotonic() - start
            run = {"cpu_us": (group.used() - cpu) / count * 1e6, "wall_us": wall / count * 1e6,
                   "others": self.others_since(mark)}
            if best is None or run["others"] < best["others"]:
                best = run
            if best["others"] < OTHERS or self.patience <= 0:
                break
            self.repeated += 1
            self.patience -= wall
        return best


def own_cpu():
    """This process and its children that have ended, those in groups apart (they are not waited for
    while a run is measured)."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def timed(argv, **more):
    """{"wall_ms", "cpu_ms", "peak_mb"} of a command run to its end, its output thrown away."""
    start = time.monotonic()
    child = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                             stderr=subprocess.DEVNULL, **more)
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = status
    wall = time.monotonic() - start
    return {"wall_ms": wall * 1e3, "cpu_ms": (usage.ru_utime + usage.ru_stime) * 1e3,
            "peak_mb": usage.ru_maxrss / 1024, "status": status}


def median_of(rows, key):
    return statistics.median(row[key] for row in rows)


def spread(values):
    """How far from the median half of the values lie, as a share of it. One value: not known."""
    if len(values) < 3:
        return None
    middle = statistics.median(values)
    return statistics.median(abs(v - middle) for v in values) / middle


def compare(plain, traced, key="cpu_us"):
    """Pairs of runs without and with: the median ratio, and whether noise hides it."""
    ratio = statistics.median(t[key] / p[key] for p, t in zip(plain, traced))
    noise = spread([p[key] for p in plain])
    return {"ratio": ratio, "spread": noise,
            "too_noisy": noise is None or noise > abs(ratio - 1)}


def verdict(measured, promise, noise=0.0):
    """"kept", "missed", or "too noisy" where the noise (None: not known) could turn the answer. A promise
    finer than the noise can't be seen to be kept."""
    if measured is None:
        return "not measured"
    if noise is None or (noise > promise if measured <= promise else noise > measured - promise) and noise:
        return "too noisy"
    return "kept" if measured <= promise else "missed"
