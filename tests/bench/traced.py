# SPDX-License-Identifier: BSD-2-Clause
"""What being watched costs a program: the same work without a tracer and with each, in turns."""

import subprocess
import sys

from measure import compare, median_of
from peers import Running

WORKS = {   # name → (promise: at most this much more CPU, unit)
    "pgbench -S": (0.01, "transaction"),
    "pgbench -C": (0.02, "transaction"),
    "connect/close storm": (0.10, "connection"),
    "plain files": (0.01, "open and close"),
}


PEER_ROUNDS = 3     # a peer's start takes seconds: they are in the first rounds only


def sized(smoke):
    """How much of each is one run: about half a second, or hardly anything."""
    return {"pgbench -S": 400 if smoke else 40000, "pgbench -C": 20 if smoke else 350,
            "connect/close storm": 1000 if smoke else 16000, "plain files": 10000 if smoke else 500000}


def works(cluster, storm_port, tools, group, size):
    """name → a function that does the work once and returns how much of it was done."""
    def run(argv, **more):
        done = subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              preexec_fn=group.enter, **more)
        if done.returncode:
            raise RuntimeError(f"{argv}: {done.stderr}")

    def pgbench(name, *options):
        def work():
            run(["pgbench", "-n", "-S", *options, "-t", str(size[name]), "postgres"],
                env=cluster.env())
            return size[name]
        return work

    def tool(name, *argv):
        def work():
            run([str(tools / argv[0]), *map(str, argv[1:])])
            return size[name]
        return work

    storm, files = "connect/close storm", "plain files"
    return {"pgbench -S": pgbench("pgbench -S"), "pgbench -C": pgbench("pgbench -C", "-C"),
            storm: tool(storm, "storm", storm_port, size[storm]),
            files: tool(files, "files", "/etc/hostname", size[files])}


def rounds_of(work, port, tracers, machine, groups, folder, rounds):
    """Each round: once without, then once with each tracer; every other round the other way round."""
    runs = {name: [] for name in ("none", *(t.name for t in tracers))}
    work()      # caches warm, tables read
    for number in range(rounds):
        order = [None, *(t for t in tracers if not t.package or number < PEER_ROUNDS)]
        for tracer in order if number % 2 == 0 else reversed(order):
            if tracer is None:
                runs["none"].append(machine.run(work, groups["work"]))
                continue
            with Running(tracer, port, groups["tracer"], folder):
                runs[tracer.name].append(machine.run(work, groups["work"]))
    return runs


def summary(name, runs):
    plain = runs["none"]
    promise, unit = WORKS[name]
    rows = {}
    for tracer, traced in runs.items():
        if tracer == "none":
            continue
        rows[tracer] = {**compare(plain, traced), "wall_ratio": compare(plain, traced, "wall_us")["ratio"],
                        "cpu_us": median_of(traced, "cpu_us")}
    return {"unit": unit, "promise": promise, "cpu_us": median_of(plain, "cpu_us"),
            "wall_us": median_of(plain, "wall_us"), "rounds": len(plain), "tracers": rows,
            "disturbed": sum(run["others"] > 0.15 for rows in runs.values() for run in rows)}


def measure(cluster, storm_port, tools, machine, tracers, groups, folder, smoke):
    table = {}
    for name, work in works(cluster, storm_port, tools, groups["work"], sized(smoke)).items():
        port = storm_port if "storm" in name else cluster.port
        rounds = 1 if smoke else 7
        chosen = tracers[:1] if smoke else tracers
        print(f"  {name}: {rounds} rounds", file=sys.stderr)
        table[name] = summary(name, rounds_of(work, port, chosen, machine, groups, folder, rounds))
    return table
