# SPDX-License-Identifier: BSD-2-Clause
"""A long watch in small: more processes come and go than are remembered one by one. `make soak` (tests/soak.py) is
the long one."""

import json
import re
import shutil
import signal
import urllib.request

from actors import tool, tool_path
from pgcluster import wait_until
from test_metrics import parse, value
from tracer import Report, Tracer, assert_balanced, expect

LOCAL = "127.0.0.1"
NAMES, EACH = 10, 1300
BATCH = 1000  # of the gone, that are folded together: docs/RECORDING.md, "The long gone"


def served(tracer):
    url = re.search(r"metrics at (\S+)", tracer.notes())[1]
    return parse(urllib.request.urlopen(url, timeout=30).read().decode())


def test_what_is_kept_is_bounded_and_what_is_counted_is_exact(sink, port, tmp_path):
    truth = {"opened": 0, "closed": 0, "abandoned": 0}
    by_name = {}
    with Tracer(port, "--metrics", 0, "-i", "200ms") as tracer:
        for number in range(NAMES):
            job = tmp_path / f"job-{number}"
            shutil.copy(tool_path("leaker"), job)
            with tool("spawn", job, LOCAL, port, EACH) as spawner:
                by_name[job.name] = spawner.said(120)
                spawner.finish()
            truth = {key: truth[key] + by_name[job.name][key] for key in truth}
        wait_until(lambda: all(value(served(tracer), f"connections_{key}_total") == truth[key] for key in truth),
                   "all is counted", 120)
        # Books and identities of who is gone leave the kernel's maps, some at each look.
        for name in ("ledgers", "processes"):
            wait_until(lambda: value(served(tracer), "map_entries", map=name) < EACH / 7, f"{name} are given back", 300)
        samples = served(tracer)
        tracer.process.send_signal(signal.SIGINT)
        assert tracer.wait() == 0
        report = Report(json.loads(tracer.text().splitlines()[-1]))
    # One for each name, one more where its container was told late, and those without a name.
    assert value(samples, "series") <= 2 * NAMES + 1 and value(samples, "complete") == 1
    assert_balanced(report)
    rows = report.processes()
    folds = [row["process"]["folded"] for row in rows if "folded" in row["process"]]
    assert sum(folds) >= BATCH and len(rows) == NAMES * EACH - sum(folds) + len(folds)
    assert len(report.connections()) == 10000
    for name, said in by_name.items():
        expect(report.script(name), **{key: said[key] for key in truth})
        assert report.script(name)["processes"] == EACH
