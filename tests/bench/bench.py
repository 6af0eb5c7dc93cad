#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""The cost of watching, measured beside the peers: `sudo make bench`.

    sudo tests/bench/bench.py [--smoke] [--json FILE] [--document FILE] [--only SECTION]…

Prints tables, writes all figures as JSON, and docs/PERFORMANCE.md from them. It takes about five minutes
(--smoke: seconds, to see that the bench itself still works; its figures mean nothing).
"""

import argparse
import json
import os
import pathlib
import platform
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "live"))

import bpf              # noqa: E402  the path comes first
import kernel           # noqa: E402
import measure          # noqa: E402
import peers            # noqa: E402
import performance      # noqa: E402
import traced           # noqa: E402
import watching         # noqa: E402
from actors import build_folder                 # noqa: E402
from pgcluster import PgCluster, free_port      # noqa: E402
from tracer import tracer_path                  # noqa: E402

SECTIONS = ("traced", "kernel", "watching", "wire")


def machine_facts(program):
    def said(*argv):
        done = subprocess.run(argv, capture_output=True, text=True, cwd=ROOT)
        return done.stdout.strip()
    with open("/proc/cpuinfo", encoding="utf-8", errors="replace") as file:
        model = next((line.split(":", 1)[1].strip() for line in file if line.startswith("model name")), "?")
    with open("/proc/meminfo", encoding="ascii") as file:
        memory = round(int(file.readline().split()[1]) / 1024 / 1024)
    return {"kernel": platform.release(), "machine": platform.machine(), "cpus": os.cpu_count(),
            "model": model, "memory_gb": memory, "date": time.strftime("%Y-%m-%d", time.gmtime()),
            "version": said(program, "-V"), "commit": said("git", "rev-parse", "--short", "HEAD"),
            "postgres": said("pgbench", "--version")}


def wire(folder, smoke):
    """tests/bench/wire.py, the cost per packet, as it is."""
    script, out = ROOT / "tests" / "bench" / "wire.py", pathlib.Path(folder) / "wire.json"
    if not script.exists():
        return None
    few = ["--queries", "200", "--sessions", "20"] if smoke else []
    subprocess.run([sys.executable, script, "--json", out, *few], check=True, stdout=subprocess.DEVNULL)
    return json.loads(out.read_text())["wire"]


def run(options, machine):
    program, tools = tracer_path(), build_folder() / "tools"
    groups = {"work": machine.group("work"), "tracer": machine.group("tracer")}
    result = {"machine": machine_facts(program), "others_before": machine.others(1.0), "began": time.time()}
    tracers, listings = peers.tracers(program), peers.listings(program)
    with tempfile.TemporaryDirectory(prefix="pgleaktrace-bench-") as folder:
        started = tracers[:2] if options.smoke else \
            peers.which_start(tracers, free_port(), groups["tracer"], folder)
        if "traced" in options.only:
            # Event lines are judged where they are written; one row of ours is enough here.
            once = [t for t in started if "lines" not in t.name]
            with PgCluster() as cluster:
                groups["work"].take(cluster.postmaster.pid)     # the server's part of the work counts
                subprocess.run(["pgbench", "-i", "-q", "postgres"], check=True, capture_output=True,
                               env=cluster.env(cluster.socket_folder))
                result["traced"] = traced.measure(cluster, free_port(), tools, machine, once, groups, folder,
                                                  options.smoke)
        if "kernel" in options.only:
            print("  BPF run times", file=sys.stderr)
            result["kernel"] = kernel.measure(tools / "storm", free_port(), started, groups, folder, options.smoke)
        if "watching" in options.only:
            result["watching"] = watching.measure(ROOT, tools, program, listings, started, machine, folder,
                                                  options.smoke)
        if "wire" in options.only:
            result["wire"] = wire(folder, options.smoke)
    result["not_started"] = {p.name: p.why_not for p in (*tracers, *listings) if p.why_not}
    result["seconds"] = time.time() - result.pop("began")
    result["repeated"] = machine.repeated
    return result


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--smoke", action="store_true", help="a few seconds: does the bench work?")
    parser.add_argument("--json", type=pathlib.Path, help="all figures (default: BUILD/bench.json)")
    parser.add_argument("--document", type=pathlib.Path, help="the page made of them (default: BUILD/PERFORMANCE.md)")
    parser.add_argument("--only", action="append", choices=SECTIONS, help="not all sections")
    parser.add_argument("--from", dest="source", type=pathlib.Path, help="measure nothing: make the page of this JSON")
    options = parser.parse_args()
    options.only = options.only or SECTIONS
    name = "bench-smoke" if options.smoke else "bench"
    if options.source:
        result = json.loads(options.source.read_text())
    else:
        if os.geteuid():
            raise SystemExit("bench: BPF needs root: sudo make bench")
        machine = measure.Machine(1.0 if options.smoke else measure.PATIENCE)
        try:
            with bpf.NoStatistics():
                result = run(options, machine)
        finally:
            machine.close()
        path = options.json or build_folder() / f"{name}.json"
        path.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    text = performance.page(result)
    page = options.document or build_folder() / f"{name}.md"
    page.write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
