# SPDX-License-Identifier: BSD-2-Clause
"""What our BPF programs cost, by the kernel's own run-time statistics: ns per run of each program, and
kernel and reader time per connection of a storm. The same of the peers that start."""

import json
import os
import subprocess
import time

from peers import Running

STATISTICS_NS = {"cgroup_skb": 69, "cgroup_sock_addr": 69}  # the statistics' own cost per run (measured,
STATISTICS_NS_ELSE = 55                                     # empty programs): not the program's
SWITCH = "/proc/sys/kernel/bpf_stats_enabled"
BPFTOOL = next((p for p in ("/usr/sbin/bpftool", "/usr/local/sbin/bpftool") if os.access(p, os.X_OK)),
               "bpftool")


class Statistics:
    """The kernel keeps BPF run times while this is open."""

    def __enter__(self):
        with open(SWITCH, encoding="ascii") as file:
            self.before = file.read().strip()
        self._switch("1")

    def __exit__(self, *_):
        self._switch(self.before)

    @staticmethod
    def _switch(value):
        with open(SWITCH, "w", encoding="ascii") as file:
            file.write(value)


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


def net_ns(row, before):
    runs = row.get("run_cnt", 0) - before.get("run_cnt", 0)
    spent = row.get("run_time_ns", 0) - before.get("run_time_ns", 0)
    return runs, max(0, spent - runs * STATISTICS_NS.get(row["type"], STATISTICS_NS_ELSE))


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


def program_rows(before, after, connections):
    rows = []
    for number, row in sorted(after.items()):
        runs, spent = net_ns(row, before.get(number, {}))
        if runs:
            rows.append({"program": row["name"], "type": row["type"], "runs": runs,
                         "iterator": row["name"].startswith("snapshot_"), "ns_per_run": spent / runs,
                         "runs_per_connection": runs / connections})
    return rows


def per_connection(peer, tool, port, count, groups, folder):
    """One storm under one tracer: kernel ns and reader µs per connection, events missing, programs."""
    with Statistics(), Running(peer, port, groups["tracer"], folder) as tracer:
        before = programs_of(tracer.process.pid)
        reader = groups["tracer"].used()
        said = storm_of(tool, port, count, groups["work"])
        after = programs_of(tracer.process.pid)
        time.sleep(0.5)     # what still lies in its buffers belongs to the price
        reader = groups["tracer"].used() - reader
    programs = program_rows(before, after, count)
    kernel_ns = sum(p["ns_per_run"] * p["runs_per_connection"] for p in programs if not p["iterator"])
    return {"connections": count, "rate": said["rate"], "kernel_us": kernel_ns / 1e3,
            "reader_us": reader / count * 1e6, "programs": programs,
            "missing": 1 - seen(peer, tracer.lines(), port, said["pid"]) / count}


def measure(tool, port, tracers, groups, folder, smoke):
    count = 1000 if smoke else 30000
    return {peer.name: per_connection(peer, tool, port, count, groups, folder)
            for peer in (tracers[:1] if smoke else tracers)}
