# SPDX-License-Identifier: BSD-2-Clause
"""docs/PERFORMANCE.md from the bench's JSON: what was promised beside what was measured, then all tables."""

from measure import verdict

MARKS = {"kept": "✓", "missed": "✗", "too noisy": "too noisy to tell", "not measured": "not measured"}
OURS, LINES, ONCE = "pgleaktrace", "pgleaktrace, event lines", "pgleaktrace --once"


def table(head, rows):
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    return lines + ["| " + " | ".join(str(cell) for cell in row) + " |" for row in rows]


def percent(share, digits=1):
    return "—" if share is None else f"{100 * share:+.{digits}f} %"


def spread_said(value):
    return "not known" if value is None else f"±{100 * value:.1f} %"


def number(value, digits=1):
    return "—" if value is None else f"{value:,.{digits}f}"


def find(result, *path):
    for key in path:
        if result is None:
            return None
        result = result.get(key) if isinstance(result, dict) else None
    return result


def crowd_row(result, connections, holders, bystanders=0):
    for row in find(result, "watching", "looks") or ():
        if (row["connections"], row["holders"], row["bystanders"]) == (connections, holders, bystanders):
            return row
    return None


def traced_promises(result):
    for name, row in (result.get("traced") or {}).items():
        ours = row["tracers"][OURS]
        said = f"{percent(ours['ratio'] - 1)} (spread without a tracer {spread_said(ours['spread'])}; others were " \
               f"at work in {row['disturbed']} runs)"
        kind = verdict(ours["ratio"] - 1, row["promise"], ours["spread"])
        if row["disturbed"] > row["rounds"]:    # of twice as many, those beside peers apart
            kind = "too noisy"
        yield f"`{name}`: CPU, at most {percent(row['promise'], 0)}", said, kind


def at_most(what, measured, most, unit, digits=1):
    said = "—" if measured is None else f"{number(measured, digits)} {unit}"
    return f"{what}, at most {most:g} {unit}", said, verdict(measured, most)


def own_promises(result):
    small, large = crowd_row(result, 1000, 100), crowd_row(result, 50000, 1000)
    yield at_most("`--once`, cold, 1,000 connections of 100 processes",
                  find(small, "times", ONCE, "wall_ms"), 25, "ms")
    ours, ss = find(large, "times", ONCE, "wall_ms"), find(large, "times", "ss -tnp", "wall_ms")
    faster = ss / ours if ours and ss else None
    yield ("`--once`, 50,000 connections of 1,000 processes: at least 30 times faster than `ss -tnp`",
           "—" if faster is None else f"{faster:.1f} times", verdict(faster and -faster, -30))
    first = find(result, "watching", "first_event") or {}
    tcplife = find(first, "tcplife (libbpf-tools)", "first_event_ms")
    mine = find(first, LINES, "first_event_ms")
    yield ("first live event, within tcplife's",
           f"{number(mine, 0)} ms beside {number(tcplife, 0)} ms",
           verdict(mine if tcplife else None, tcplife or 0))
    yield at_most("kernel time per connection", find(result, "kernel", OURS, "kernel_us"), 1.5, "µs", 2)
    yield at_most("reader time per connection", find(result, "kernel", OURS, "reader_us"), 1.0, "µs", 2)
    what, said, kind = at_most("resident at 1,000 connections", find(small, "resident", "rss_mb"), 8, "MB")
    yield what, f"{said}, of it {number(find(small, 'resident', 'ring_mb'))} the ring buffer, mapped twice", kind
    idle = find(result, "watching", "idle", "cpu_percent")
    yield at_most("CPU while nothing is open", idle, 1, "% of a core", 2)
    for row in find(result, "watching", "looks") or ():
        if row["bystanders"] or row["holders"] != min(1000, row["connections"] // 10):
            continue
        yield at_most(f"CPU while watching {row['connections']:,} idle connections",
                      row["resident"]["cpu_percent"], 1, "% of a core", 2)
    yield growth_promise(result, small)


def growth_promise(result, small):
    """100,000 more descriptors: how much longer do we take, and how much longer the bare iterator?"""
    more = crowd_row(result, 1000, 100, 2000)
    what = "2,000 more processes × 50 descriptors: no more time for them than the bare iterator"
    if not (small and more and small["floor_ms"] and more["floor_ms"]):
        return what, "—", "not measured"
    ours = more["times"][ONCE]["fastest_ms"] - small["times"][ONCE]["fastest_ms"]
    bare = more["floor_ms"] - small["floor_ms"]
    return what, f"{ours:.0f} ms more beside {bare:.0f} ms", verdict(ours, bare * 1.1)


def promises(result):
    rows = [*traced_promises(result), *own_promises(result)]
    return ["## What was promised", "",
            *table(("promise", "measured", ""), [(what, said, MARKS[kind]) for what, said, kind in rows])]


def traced_section(result):
    names = list(next(iter(result["traced"].values()))["tracers"])
    rows = []
    for name, row in result["traced"].items():
        cells = [f"{percent(row['tracers'][n]['ratio'] - 1)} ({percent(row['tracers'][n]['wall_ratio'] - 1)})"
                 + ("\\*" if row["tracers"][n]["too_noisy"] else "") for n in names]
        rows.append((f"`{name}`", f"{row['cpu_us']:.2f} µs per {row['unit']}",
                     spread_said(row["tracers"][OURS]["spread"]), *cells))
    return ["", "## What being watched costs a program", "",
            "CPU of the program and its server, kernel time included, against the same work without a tracer: median",
            "of the ratios of interleaved pairs. In parentheses the same of wall time, which others on the machine move.",
            "\\*: the difference is smaller than the spread of the untraced runs.", "",
            *table(("work", "untraced", "spread", *names), rows)]


def kernel_section(result):
    rows = [(name, number(row["kernel_us"], 2), number(row["reader_us"], 2),
             f"{100 * row['missing']:.2f} %", f"{row['rate']:,.0f}") for name, row in result["kernel"].items()]
    programs = [(f"`{p['program']}`", p["type"], number(p["ns_per_run"], 0), f"{p['runs']:,}",
                 "a look" if p["iterator"] else f"{p['runs_per_connection']:.2f}")
                for p in result["kernel"][OURS]["programs"]]
    floors = ", ".join(f"{kind} {number(ns, 0)}" for kind, ns in result["kernel"][OURS]["statistics_ns"].items())
    return ["", "## Per connection, in a storm", "",
            "The kernel's own run-time statistics, what they themselves take in programs that do nothing subtracted",
            f"({floors} ns a run). `pgleaktrace` is a bounded watch (`-d`); with event",
            "lines it writes two JSON objects for each connection. Both ends of loopback are on this machine: every",
            "event and packet is seen twice.", "",
            *table(("tracer", "kernel µs", "reader µs", "not told", "connections/s"), rows), "",
            "Our programs in that storm:", "",
            *table(("program", "type", "ns per run", "runs", "per connection"), programs)]


def looks_section(result):
    rows = result["watching"]["looks"]
    names = list(rows[0]["times"])
    cells = [(f"{r['connections']:,} / {r['holders']:,} / {r['bystanders']:,}",
              *(f"{number(r['times'][n]['wall_ms'], 0)} ({number(r['times'][n]['cpu_ms'], 0)})" if n in r["times"]
                else "—" for n in names), number(r["floor_ms"])) for r in rows]
    once = result["watching"]["once_empty"]
    return ["", "## One look", "",
            "Wall ms (CPU ms) from start to end, medians. *floor*: an iterator over all descriptors that does nothing,",
            "already loaded: the least there can be. `ss` and `netstat` see one network namespace, ours all of them.",
            f"With nothing to see `--once` takes {number(once['wall_ms'], 0)} ms: that is start-up.", "",
            *table(("connections / holders / others × 50 fds", *names, "floor"), cells)]


def resident_section(result):
    rows = [("nothing open", result["watching"]["idle"])]
    rows += [(f"{r['connections']:,} of {r['holders']:,}" + (f", {r['bystanders']:,} beside" if r["bystanders"] else ""),
              r["resident"]) for r in result["watching"]["looks"]]
    cells = [(what, f"{r['cpu_percent']:.2f}", number(r["rss_mb"]), number(r["ring_mb"]), number(r["own_mb"]),
              number(r["peak_mb"]),
              number(r["maps_mb"])) for what, r in rows]
    return ["", "## While watching", "",
            "`-d 1h` with nothing happening. A look's period adapts: it is `-i`, or longer, so that looking takes at most",
            "1 % of a core. Of what is resident, *ring*: the ring buffer, kernel memory that is mapped twice in a row and",
            "counts twice here; *own*: the heap and what else no other process shares. The rest are libraries. *Peak*:",
            "at start-up, while the kernel's types are read; *maps*: kernel memory of the BPF maps, the ring among them.", "",
            *table(("connections", "CPU %", "resident MB", "ring MB", "own MB", "peak MB", "maps MB"), cells)]


def first_section(result):
    rows = [(name, number(row["first_event_ms"], 0), number(row["fastest_ms"], 0))
            for name, row in result["watching"]["first_event"].items()]
    return ["", "## From start to the first event", "", *table(("tracer", "median ms", "fastest ms"), rows)]


def wire_section(result):
    rows = [(r["what"], f"{r['runs']:,}", number(r["net_ns"], 0)) for r in result["wire"]]
    return ["", "## Per packet", "", "`tests/bench/wire.py`: the two hooks on the packets of cgroup2's root.", "",
            *table(("packets", "seen", "ns each"), rows)]


def machine_section(result):
    m = result["machine"]
    noise = f"others used {result['others_before']:.2f} of its {m['cpus']} cores when it began; " \
            f"{result['repeated']} runs were done again because others were at work"
    lines = ["# What watching costs", "",
             f"Made by `sudo make bench` on {m['date']} (it took {result['seconds'] / 60:.0f} minutes), not by hand: run it",
             "on your own machine.", "",
             f"- pgleaktrace at commit {m['commit']}, {m['postgres']}",
             f"- Linux {m['kernel']}, {m['cpus']} × {m['model']}, {m['memory_gb']} GB",
             f"- {noise}"]
    lines += [f"- {name} does not start here: {why.replace('|', '/')}" for name, why in result["not_started"].items()]
    return [*lines, ""]


SECTIONS = (("traced", traced_section), ("kernel", kernel_section), ("watching", looks_section),
            ("watching", resident_section), ("watching", first_section), ("wire", wire_section))


def page(result):
    lines = machine_section(result) + promises(result)
    for key, section in SECTIONS:
        if result.get(key):
            lines += section(result)
    return "\n".join(lines) + "\n"
