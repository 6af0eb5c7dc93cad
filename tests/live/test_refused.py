# SPDX-License-Identifier: BSD-2-Clause
"""The kernel refuses one bpf() call, by and by each of them: a right answer or a sentence and the
exit status that belongs to it; never a crash, a hang, a wrong number, or anything left attached.

Every other one is tried here; all of them: REFUSE_STEP=1 make check-live.
"""

import json
import os
import re
import subprocess

import pytest

from actors import tool, tool_path
from tracer import Report, assert_balanced, tracer_path

LOCAL = "127.0.0.1"
STEP = int(os.environ.get("REFUSE_STEP", "2"))
FOUND = {13}    # it crashed: libbpf then believes that there is no global data
LOOK, WATCH = ("--once",), ("-q", "-d", "100ms")     # the first makes few calls: the kernel itself makes the others
# One sentence each; the first word of what status it has.
SENTENCES = {77: "not enough privilege to load BPF programs: run it as root, with sudo",
             69: "this kernel refuses a BPF program (",
             1: ("this kernel refuses a BPF program (", "stopped early: ")}


def refuse(number, port, how):
    run = subprocess.run([tool_path("refuse"), str(number), tracer_path(), "-P", str(port), *how,
                          "-o", "json", "--unix=off"], capture_output=True, text=True, check=False, timeout=60)
    notes, calls = re.fullmatch(r"(.*)refuse: (\d+) calls\n", run.stderr, re.S).groups()
    objects = [json.loads(line) for line in run.stdout.splitlines()]
    return run.returncode, notes, objects, int(calls)


def pinned():
    return {os.path.join(path, name) for path, _, names in os.walk("/sys/fs/bpf") for name in names}


def check(number, port, how, pid, before):
    status, notes, objects, _ = refuse(number, port, how)
    if status == 0:
        report = Report(objects[-1])
        assert_balanced(report, complete=False)
        assert report.process(pid)["open"] == 3 and report.process(pid)["adopted"] == 3
    else:
        assert status in SENTENCES, f"exit status {status}: {notes}"
        assert re.fullmatch(r"pgleaktrace: [^\n]+\n", notes), notes
        assert notes[len("pgleaktrace: "):].startswith(SENTENCES[status]), notes
        assert objects[0]["type"] == "error"
        assert not [o for o in objects if o["type"] == "report" and o["complete"]]
    assert pinned() == before       # all else goes with the process: no link is of another kind


@pytest.mark.parametrize("how, most, step", [(LOOK, 5, 1), (WATCH, 50, STEP)])
def test_each_call_refused(sink, port, how, most, step):
    with tool("leaker", "-n", 3, "-H", LOCAL, port) as leaker:
        leaker.said()
        before = pinned()
        status, _, objects, calls = refuse(0, port, how)
        assert status == 0 and objects[-1]["complete"] and calls > most
        for number in sorted({*range(1, calls + 1, step), *(FOUND if how == WATCH else ())}):
            check(number, port, how, leaker.pid, before)
