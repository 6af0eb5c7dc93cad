# SPDX-License-Identifier: BSD-2-Clause
"""--explain and --kill-plan: the documents are what the program says, and nothing foreign gets out
of a comment. UPDATE=1 writes the documents anew."""

import json
import os
import pathlib
import re
import shlex
import subprocess

import pytest

HERE = pathlib.Path(__file__).parent
DOCS = HERE.parent.parent / "docs"
BINARY = os.environ.get("PGLEAKTRACE", "build/pgleaktrace")
CASES = sorted(p.parent for p in HERE.glob("*/recording.ndjson"))


def say(*args):
    run = subprocess.run([BINARY, *map(str, args)], capture_output=True, text=True, check=False,
                         env={**os.environ, "LC_ALL": "C.UTF-8"}, timeout=60)
    assert run.returncode == 0, run.stderr
    return run.stdout


def listed(what):
    """The ids of --explain rules, or libraries."""
    return [line.split()[0] for line in say("--explain", what).splitlines() if line[0] != " "]


@pytest.mark.parametrize("what, document", [("rules", "FINDINGS.md"), ("libraries", "LIBRARIES.md")])
def test_the_document_is_what_explain_says(what, document):
    path = DOCS / document
    text = path.read_text()
    head = text[:text.index("\n## ")]
    wanted = head + "".join(f"\n## {name}\n\n```\n{say('--explain', name)}```\n" for name in listed(what))
    if os.environ.get("UPDATE"):
        path.write_text(wanted)
    assert path.read_text() == wanted
    assert len(listed(what)) > 10


def test_a_rule_explained_of_a_recording_tells_of_each_finding():
    recording = HERE / "incident" / "recording.ndjson"
    text = say("--replay", recording, "--explain", "abandoned")
    assert text.startswith(say("--explain", "abandoned"))
    assert "leak: abandoned: scripts/seed.py" in text
    assert "It does not hold" in say("--replay", recording, "--explain", "growing")


def test_a_script_is_found_by_its_file_or_a_part_of_its_name():
    recording = HERE / "incident" / "recording.ndjson"
    whole = say("--replay", recording, "--explain", "scripts/seed.py")
    assert whole.startswith("scripts/seed.py\n")
    for word in ("seed.py", "seed"):
        assert say("--replay", recording, "--explain", word) == whole
    assert "scripts/seed.py" in say("--replay", recording, "--explain", "nonesuch")


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_plan_names_culprits_only_and_nothing_escapes_its_comments(case):
    recording = case / "recording.ndjson"
    plan = say("--replay", recording, "--older", "1s", "--kill-plan")
    report = json.loads(say("--replay", recording, "--older", "1s", "-o", "json"))
    culprits = {p["process"]["pid"] for s in report["scripts"] for p in s["process_list"]
                if {f["rule"] for f in s["findings"]} & {"idle-hoard", "growing", "fan-out", "left-open"}
                and s.get("role") != "relay" and not p["process"]["gone"]}
    for line in plan.splitlines():
        if not line or line.startswith(("# ", "-- ")) or line in ("#", "--"):
            continue
        kill = re.fullmatch(r"""test "\$\(sed 's/\.\*\) //' /proc/(\d+)/stat \| cut -d' ' -f20\)" = \d+ """
                            r"""&& kill -TERM (\d+)""", line)
        if kill:
            assert kill[1] == kill[2] and int(kill[1]) in culprits
        else:
            assert re.fullmatch(r"SELECT pg_terminate_backend\(pid\) FROM pg_stat_activity WHERE pid = \d+ "
                                r"AND backend_start < '[0-9TZ:.-]+';", line), line


def test_every_option_may_stand_beside_its_own_form_only():
    for args in (["--explain", "x", "-o", "json"], ["--kill-plan", "--explain", "x"],
                 ["--kill-plan", "-g", "user"], ["--explain", "x", "--metrics", "1"]):
        run = subprocess.run([BINARY, *args], capture_output=True, text=True, check=False, timeout=60)
        assert run.returncode == 64, shlex.join(args)
