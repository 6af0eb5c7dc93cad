# SPDX-License-Identifier: BSD-2-Clause
"""What our BPF programs cost, by the kernel's own run-time statistics: ns per run of each program, and
kernel and reader time per connection of a storm. The same of the peers that start."""

import json
import os
import subprocess
import time

from bpf import Nothing, Statistics
from peers import Running

BPFTOOL = next((p for p in ("/usr/sbin/bpftool", "/usr/local/sbin/bpftool") if os.access(p, os.X_OK)),
               "bpftool")


def fdinfo(pid):
    """What the kernel tells of each of its descriptors."""
    texts = []
    for fd in os.listdir(f"/proc/{pid}/fdinfo"):
        try:
            with open(f"/proc/{pid}/fdinfo/{fd}", encoding="ascii", errors="replace") as file:
                texts.append(file.read())
        except OSError:     # closed since
            pass
    return texts


def programs_of(pid):
    """{id: {"name", "type", "run_time_ns", "run_cnt", …}} of the programs a process holds."""
    ids = {int(line.split()[1]) for text in fdinfo(pid) for line in text.splitlines()
           if line.startswith("prog_id:")}
    rows = json.loads(subprocess.run([BPFTOOL, "prog", "show", "-j"], capture_output=True, check=True).stdout)
    return {row["id"]: row for row in rows if row["id"] in ids}


def maps_memory(pid):
    """Bytes of kernel memory that its BPF maps hold, as the kernel accounts it now."""
    return sum(int(line.split()[1]) for text in fdinfo(pid) if "map_id:" in text
               for line in text.splitlines() if line.startswith("memlock:"))


def statistics_ns(tool, port, count, group):
    """What the statistics themselves cost per run, by kind of program: programs that do nothing, in a
    storm of their own."""
    with Statistics(), Nothing("inet_sock_set_state") as tracing, Nothing(sock_ops=True) as sock_ops, \
            Nothing() as packets:
        storm_of(tool, port, count, group)
        return {"tracing": tracing.ns(), "sock_ops": sock_ops.ns(), "cgroup_skb": packets.ns()}


def net_ns(row, before, floors):
    runs = row.get("run_cnt", 0) - before.get("run_cnt", 0)
    spent = row.get("run_time_ns", 0) - before.get("run_time_ns", 0)
    floor = floors.get(row["type"], floors["tracing"])
    return runs, max(0, spent - runs * floor)


def storm_of(tool, port, count, group):
    done = subprocess.run([str(tool), str(port), str(count)], stdin=subprocess.DEVNULL, check=True,
                          capture_output=True, preexec_fn=group.enter)
    return json.loads(done.stdout)


def seen(peer, lines, port, pid):
    """How many of the storm's connections the tracer told about, each once."""
    if not peer.package and len(lines) == 1:    # the report
        return sum(script["opened"] for script in json.loads(lines[0])["scripts"])
    if not peer.package:
        return sum('"type":"end"' in line and f'"pid":{pid},' in line for line in lines)
    # tcplife: PID COMM LADDR LPORT RADDR RPORT …, the client's side alone
    fields = (line.split() for line in lines)
    return sum(len(f) > 5 and f[5] == str(port) for f in fields)


def program_rows(before, after, connections, floors):
    rows = []
    for number, row in sorted(after.items()):
        runs, spent = net_ns(row, before.get(number, {}), floors)
        if runs:
            rows.append({"program": row["name"], "type": row["type"], "runs": runs,
                         "iterator": row["name"].startswith("snapshot_"), "ns_per_run": spent / runs,
                         "runs_per_connection": runs / connections})
    return rows


def per_connection(peer, tool, port, count, groups, folder, floors):
    """One storm under one tracer: kernel ns and reader µs per connection, events missing, programs."""
    with Statistics(), Running(peer, port, groups["tracer"], folder) as tracer:
        before = programs_of(tracer.process.pid)
        reader = groups["tracer"].used()
        said = storm_of(tool, port, count, groups["work"])
        after = programs_of(tracer.process.pid)
        time.sleep(0.5)     # what still lies in its buffers belongs to the price
        reader = groups["tracer"].used() - reader
    programs = program_rows(before, after, count, floors)
    kernel_ns = sum(p["ns_per_run"] * p["runs_per_connection"] for p in programs if not p["iterator"])
    return {"connections": count, "rate": said["rate"], "kernel_us": kernel_ns / 1e3,
            "reader_us": reader / count * 1e6, "programs": programs,
            "missing": 1 - seen(peer, tracer.lines(), port, said["pid"]) / count}


def measure(tool, port, tracers, groups, folder, smoke):
    count = 1000 if smoke else 30000
    floors = statistics_ns(tool, port, count, groups["work"])
    return {peer.name: per_connection(peer, tool, port, count, groups, folder, floors) | {"statistics_ns": floors}
            for peer in (tracers[:1] if smoke else tracers)}
