# SPDX-License-Identifier: BSD-2-Clause
"""The timeline: what the Trace Event Format asks for, and that it tells what the report tells."""

import collections
import json
import re

import pytest

from conftest import REPLAY, report
from recordings import crowd

CASES = sorted(p.parent.name for p in REPLAY.glob("*/recording.ndjson"))
PHASES = {"M", "X", "C", "i"}
METADATA = {"process_name": "name", "thread_name": "name", "process_sort_index": "sort_index",
            "thread_sort_index": "sort_index"}


def clean(text):
    """Control and bidi characters spelled out, as every view does."""
    return re.sub("[\x00-\x1f\x7f]", lambda m: f"\\x{ord(m[0]):02x}",
                  re.sub("[\x80-\x9f\u202a-\u202e]", lambda m: f"\\u{ord(m[0]):04x}", text))


def load(recording):
    return json.loads(report(recording, "-o", "trace", "--older", "1s"))


@pytest.fixture(params=[*CASES, "crowd"])
def recording(request, tmp_path):
    if request.param != "crowd":
        return REPLAY / request.param / "recording.ndjson"
    path = tmp_path / "crowd.ndjson"
    crowd(path, processes=40, each=10)
    return path


def test_structure(recording):
    trace = load(recording)
    assert set(trace) == {"traceEvents", "displayTimeUnit", "otherData"}
    assert trace["displayTimeUnit"] in {"ms", "ns"}
    for event in trace["traceEvents"]:
        assert event["ph"] in PHASES and isinstance(event["name"], str)
        assert isinstance(event["pid"], int) and event["pid"] > 0, "0 is the idle process"
        assert isinstance(event["tid"], int)
        if event["ph"] == "M":
            assert METADATA[event["name"]] in event["args"]
            continue
        assert event["ts"] >= 0
        if event["ph"] == "X":
            assert event["dur"] >= 0 and event["tid"] > 0
        elif event["ph"] == "i":
            assert event["s"] in {"g", "p", "t"}
        elif event["ph"] == "C":
            assert all(isinstance(n, int) and n >= 0 for n in event["args"].values())


def test_slices_of_a_thread_never_overlap(recording):
    threads = collections.defaultdict(list)
    for event in load(recording)["traceEvents"]:
        if event["ph"] == "X":
            threads[event["pid"], event["tid"]].append((event["ts"], event["dur"]))
    assert threads
    for slices in threads.values():
        slices.sort()
        for (ts, dur), (after, _) in zip(slices, slices[1:]):
            assert ts + dur <= after + 0.0005


def test_threads_and_processes_are_named_once_and_numbered_apart(recording):
    events = load(recording)["traceEvents"]
    names = collections.Counter((e["name"], e["pid"], e["tid"]) for e in events if e["ph"] == "M")
    assert set(names.values()) == {1}
    threads = {e["tid"] for e in events if e["name"] == "thread_name"}
    processes = {e["pid"] for e in events if e["name"] == "process_name"}
    assert len(threads) == sum(e["name"] == "thread_name" for e in events), "unique in the file"
    assert not threads & processes
    assert {e["tid"] for e in events if e["ph"] == "X"} <= threads
    assert {e["pid"] for e in events} == processes


def test_it_tells_what_the_report_tells(recording):
    facts = json.loads(report(recording, "-o", "json", "--older", "1s"))
    events = load(recording)["traceEvents"]
    scripts = {e["pid"]: e["args"]["name"] for e in events if e["name"] == "process_name"}
    told = collections.Counter((scripts[e["pid"]], e["name"]) for e in events if e["ph"] == "X")
    known = collections.Counter(
        (clean(s["script"]), c.get("ending", "open"))
        for s in facts["scripts"] for p in s["process_list"] for c in p["connection_list"])
    assert told == known
    findings = [f["rule"] for s in facts["scripts"] for f in s["findings"]]
    findings += [f["rule"] for f in facts["server_findings"]]
    assert sorted(e["name"] for e in events if e.get("cat") == "finding") == sorted(findings)
    last = {e["pid"]: e["args"]["connections"] for e in events
            if e["ph"] == "C" and e["name"] == "open connections"}
    assert last[1] == sum(s["open"] for s in facts["scripts"])
    ends = max(e["ts"] + e.get("dur", 0) for e in events if "ts" in e)
    assert ends <= facts["duration"] * 1e6 + 1000


def test_counters_rise_and_fall_by_the_slices(recording):
    """At every change the counter is the number of slices that are open then."""
    events = load(recording)["traceEvents"]
    slices = [(e["ts"], e["ts"] + e["dur"], e["name"]) for e in events
              if e["ph"] == "X" and e["name"] != "refused"]
    for event in events:
        if event["ph"] != "C" or event["name"] != "open connections" or event["pid"] != 1:
            continue
        at = event["ts"] + 0.0006
        open_now = sum(begin <= at and (end > at or name == "open") for begin, end, name in slices)
        assert open_now == event["args"]["connections"]


def test_slots_are_counted_as_the_report_counts_them():
    recording = REPLAY / "slots" / "recording.ndjson"
    server = json.loads(report(recording, "-o", "json"))["servers"][0]
    counters = collections.defaultdict(list)
    for event in load(recording)["traceEvents"]:
        if event["ph"] == "C" and "server pid" in event["name"]:
            counters[event["name"].split(",")[0]].append((event["ts"], event["args"]["connections"]))
    taken = counters["slots taken"]
    assert len(taken) > 5 and taken == sorted(taken, key=lambda one: one[0])
    assert taken[0][1] < taken[-1][1] == server["slots_used"] == 14
    assert {most for _, most in counters["max_connections"]} == {server["max_connections"]} == {20}


def test_connections_say_who_and_what(recording):
    for event in load(recording)["traceEvents"]:
        if event["ph"] == "X":
            assert {"server", "cookie", "attribution", "opened_at"} <= set(event["args"])
            assert ("local_port" in event["args"]) != event["args"]["server"].startswith("unix:")


def test_two_runs_give_the_same_bytes(recording):
    assert report(recording, "-o", "trace") == report(recording, "-o", "trace")


def test_a_refusal_is_an_instant(tmp_path):
    from recordings import Recording
    path = tmp_path / "refused.ndjson"
    recording = Recording(path)
    recording.process(7, ["node", "x.js"])
    recording.connection(7, 1, 1.5, ending=4, manner=5)
    recording.totals(7, 3, opened=1, refused=1, peak=1)
    recording.close(3)
    events = load(path)["traceEvents"]
    refusals = [e for e in events if e.get("cat") == "refusal"]
    assert len(refusals) == 1 and refusals[0]["ph"] == "i" and refusals[0]["ts"] == 1_500_000
    assert not [e for e in events if e["ph"] == "C" and e["args"]["connections"]], "it took no slot"
