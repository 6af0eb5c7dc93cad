# SPDX-License-Identifier: BSD-2-Clause
"""Recordings and what every view makes of them: the same bytes each time, without root.

Each folder holds recording.ndjson and one golden per view. UPDATE=1 writes the goldens anew: read
the difference before it is committed. After them, what no recording may do: crash the program."""

import json
import os
import pathlib
import random
import re
import subprocess

import pytest

HERE = pathlib.Path(__file__).parent
BINARY = os.environ.get("PGLEAKTRACE", "build/pgleaktrace")
CASES = sorted(p.parent.name for p in HERE.glob("*/recording.ndjson"))
VIEWS = {
    "report.txt": ["--older", "1s"],
    "detail.txt": ["--older", "1s", "-v"],
    "users.txt": ["--older", "1s", "-g", "user", "-q", "--rule", "idle-hoard=3"],
    "report.json": ["--older", "1s", "-o", "json"],
    "metrics.txt": ["--older", "1s", "-o", "openmetrics"],
    "events.ndjson": ["--older", "1s", "-o", "ndjson"],
    "trace.json": ["--older", "1s", "-o", "trace"],
    "lines.txt": ["--older", "1s", "-o", "lines"],
    "explain.txt": ["--older", "1s", "--explain", "p"],
    "plan.txt": ["--older", "1s", "--kill-plan"],
}


def replay(recording, *args, **settings):
    environment = {**os.environ, "LC_ALL": "C.UTF-8", "TZ": "Asia/Tokyo", **settings}
    return subprocess.run([BINARY, "--replay", str(recording), *args], capture_output=True,
                          env=environment, check=False, timeout=60)


@pytest.mark.parametrize("golden", VIEWS)
@pytest.mark.parametrize("case", CASES)
def test_golden(case, golden):
    run = replay(HERE / case / "recording.ndjson", *VIEWS[golden])
    assert run.returncode == 0, run.stderr.decode()
    path = HERE / case / golden
    if os.environ.get("UPDATE"):
        path.write_bytes(run.stdout)
    assert run.stdout.decode() == path.read_text()


@pytest.mark.parametrize("case", CASES)
def test_books_balance_and_schema_holds(case):
    import jsonschema
    report = json.loads(replay(HERE / case / "recording.ndjson", "-o", "json").stdout)
    schema = json.loads((HERE.parent.parent / "docs" / "pgleaktrace.schema.json").read_text())
    jsonschema.validate(report, schema)
    rows = report["scripts"] + report["servers"] + \
        [p for s in report["scripts"] for p in s["process_list"]]
    assert rows
    for row in rows:
        assert row["adopted"] + row["opened"] == row["open"] + row["closed"] + row["abandoned"] + \
            row["hung_up"] + row["refused"] + row["unknown"]


def test_every_rule_has_a_recording_that_it_holds_for():
    ids = {line.split()[0] for line in subprocess.run([BINARY, "--explain", "rules"], capture_output=True,
           text=True, check=True).stdout.splitlines() if line[0] != " "}
    found, resolved = set(), set()
    for case in CASES:
        report = json.loads((HERE / case / "report.json").read_text())
        found |= {f["rule"] for s in (*report["scripts"], {"findings": report["server_findings"]})
                  for f in s["findings"]}
        resolved |= {f["rule"] for f in report["resolved"]}
    assert found == ids and resolved


@pytest.mark.parametrize("older, heading", [("1500ms", "IDLE>1.5s"), ("60s", "IDLE>60s"), ("5m", "IDLE>5m")])
def test_the_heading_says_what_idle_means(older, heading):
    assert f" {heading} " in replay(HERE / "hoard" / "recording.ndjson", "--older", older).stdout.decode()


def test_no_foreign_byte_reaches_the_terminal():
    for args in (["-v"], ["-g", "process"], ["-g", "user"]):
        out = replay(HERE / "hostile" / "recording.ndjson", *args).stdout
        assert not set(out) & (set(range(32)) - {10}), "control characters"
        assert "\u202e" not in out.decode("utf-8")


@pytest.mark.parametrize("case", sorted(set(CASES) - {"hostile"}))     # its names are nobody's ASCII
def test_where_there_is_only_ascii_nothing_else_is_written(case):
    for args in ([], ["-v"], ["-r", "1"], ["-o", "lines"], ["--explain", "p"], ["--kill-plan"]):
        run = replay(HERE / case / "recording.ndjson", "--older", "1s", *args, LC_ALL="C")
        assert run.stdout.isascii() and run.stdout, args


def test_every_torn_end_is_told(tmp_path):
    whole = (HERE / "incident" / "recording.ndjson").read_bytes()
    torn = tmp_path / "torn.ndjson"
    first = whole.index(b"\n") + 1
    for cut in range(first, len(whole) - 1, 997):
        torn.write_bytes(whole[:cut])
        run = replay(torn, "-o", "json")
        assert run.returncode == 0, run.stderr.decode()
        report = json.loads(run.stdout)
        assert report["truncated"] and not report["complete"]


def test_bad_bytes_never_crash(tmp_path):
    whole = (HERE / "incident" / "recording.ndjson").read_bytes()
    first = whole.index(b"\n") + 1
    bad = tmp_path / "bad.ndjson"
    chance = random.Random(20261124)
    for _ in range(150):
        copy = bytearray(whole)
        for _ in range(20):
            copy[chance.randrange(first, len(copy))] = chance.randrange(256)
        bad.write_bytes(copy)
        run = replay(bad, "-v")
        assert run.returncode == 0, run.stderr.decode(errors="replace")


def test_metrics_are_those_of_the_list():
    """docs/METRICS.md lists each family with its type and meaning, and no other."""
    page = replay(HERE / "incident" / "recording.ndjson", "-o", "openmetrics").stdout.decode()
    types = dict(re.findall(r"^# TYPE pgleaktrace_(\S+) (\S+)$", page, re.M))
    helps = dict(re.findall(r"^# HELP pgleaktrace_(\S+) (.+)$", page, re.M))
    document = (HERE.parent.parent / "docs" / "METRICS.md").read_text()
    rows = re.findall(r"^\| `(\w+)` \| (\w+) \|[^|]*\| (.+) \|$", document, re.M)
    assert rows == [(name, types[name], helps[name]) for name in types]


def test_every_count_has_its_metric():
    """A new column of the report is a metric too; a peak is none: Prometheus keeps maxima itself."""
    report = json.loads(replay(HERE / "incident" / "recording.ndjson", "-o", "json").stdout)
    page = replay(HERE / "incident" / "recording.ndjson", "-o", "openmetrics").stdout.decode()
    for key, value in report["scripts"][0].items():
        if isinstance(value, (int, float)) and key not in ("processes", "peak", "process_peak", "concurrent"):
            assert f"# TYPE pgleaktrace_connections_{key}" in page, key


@pytest.mark.parametrize("case", CASES)
def test_metrics_say_what_the_report_says(case):
    report = json.loads(replay(HERE / case / "recording.ndjson", "-o", "json").stdout)
    page = replay(HERE / case / "recording.ndjson", "-o", "openmetrics").stdout.decode()
    for key in ("adopted", "opened", "closed", "abandoned", "hung_up", "refused", "unknown", "failed"):
        said = re.findall(rf"^pgleaktrace_connections_{key}_total\{{.*\}} (\d+)$", page, re.M)
        assert sum(map(int, said)) == sum(s[key] for s in report["scripts"]), key
    for key in ("open", "idle", "fd_leak"):
        said = re.findall(rf"^pgleaktrace_connections_{key}\{{.*\}} (\d+)$", page, re.M)
        assert sum(map(int, said)) == sum(s[key] for s in report["scripts"]), key


@pytest.mark.parametrize("case", CASES)
def test_a_report_fits_100_columns(case):
    for line in (HERE / case / "report.txt").read_text().splitlines():
        assert len(line) <= 100, line


def test_what_is_no_recording_is_refused(tmp_path):
    for content in (b"", b"{}\n", b"hello\n", b'{"schema":"other","type":"session","time":1}\n', b"\0" * 100):
        path = tmp_path / "x"
        path.write_bytes(content)
        run = replay(path)
        assert run.returncode == 1
        assert b"is not a pgleaktrace recording" in run.stderr
    assert replay(tmp_path / "missing").returncode == 1


def test_filters_sort_and_rows(tmp_path):
    recording = HERE / "incident" / "recording.ndjson"

    def names(*args):
        report = json.loads(replay(recording, "-o", "json", *args).stdout)
        return [s["script"] for s in report["scripts"]]

    assert set(names()) == {"scripts/sync-users.py", "scripts/seed.py", "scripts/honest.py", "python3 -c"}
    assert names("--cmdline", "seed|honest", "-s", "closed") == ["scripts/honest.py", "scripts/seed.py"]
    assert names("-s", "failed", "-r", "1") == ["python3 -c"]
    assert names("--comm", "nginx*") == []
    assert names("-u", "nobody") == []
    assert names("--host", "10.0.0.0/8") == []
    assert len(names("--host", "127.0.0.0/8")) == 4
    assert len(names("--host", "127.0.0.1")) == 4
    empty = replay(recording, "-u", "nobody")
    assert b"passes the filters" in empty.stdout and empty.returncode == 0
    nobody = tmp_path / "nobody.ndjson"
    with open(recording, encoding="utf-8") as file:
        nobody.write_text(file.readline())
    assert b"Nothing to show: no process has" in replay(nobody).stdout


def test_full_disk_is_told():
    if not os.path.exists("/dev/full"):
        pytest.fail("/dev/full is missing")
    with open("/dev/full", "wb") as full:
        run = subprocess.run([BINARY, "--replay", str(HERE / "incident" / "recording.ndjson")],
                             stdout=full, stderr=subprocess.PIPE, check=False)
    assert run.returncode == 1
    assert b"could not be written" in run.stderr
