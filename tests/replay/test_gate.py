# SPDX-License-Identifier: BSD-2-Clause
"""A recording as a gate (--fail-on), through a pipe, and what goes wrong told in the form asked for."""

import json
import os
import pathlib
import subprocess

import pytest

HERE = pathlib.Path(__file__).parent
BINARY = os.path.abspath(os.environ.get("PGLEAKTRACE", "build/pgleaktrace"))


def replay(case, *args, **more):
    return subprocess.run([BINARY, "--replay", str(HERE / case / "recording.ndjson"), "--older", "1s", *args],
                          **{"capture_output": True, "text": True, "check": False, "timeout": 60, **more})


@pytest.mark.parametrize("case, what, status, why", [
    ("hoard", "leak", 23, "idle-hoard (leak), leaky.py"), ("hoard", "refused", 23, "refused connections: 1"),
    ("hoard", "abandoned", 0, ""), ("hoard", "abandoned,idle-hoard", 23, "idle-hoard (leak), leaky.py"),
    ("hosts", "warning", 23, "abandoned (leak), leaky.py"), ("hosts", "fd-leak", 23, "fd-leak (warning), honest.py"),
    ("hosts", "failed", 0, ""), ("resolved", "leak", 0, ""), ("churn", "leak,warning", 0, ""),
    ("churn", "note", 23, "churn (note), pgbench"),
])
def test_the_gate(case, what, status, why):
    run = replay(case, "--fail-on", what)
    assert run.returncode == status, run.stderr
    assert why in run.stderr and bool(run.stderr) == bool(status)
    assert replay(case, "--fail-on", what, "--error-exitcode", "3").returncode == (3 if status else 0)


def test_the_gate_judges_what_rows_hide_and_not_what_filters_leave_out():
    assert replay("hosts", "--fail-on", "fd-leak", "-r", "1").returncode == 23
    assert replay("hosts", "--fail-on", "fd-leak", "--cmdline", "leaky").returncode == 0
    assert replay("hosts", "--fail-on", "fd-leak", "--rule", "fd-leak=off").returncode == 0
    assert replay("hosts", "--fail-on", "fd-leak", "-q").stderr == ""


def test_through_a_pipe():
    text = (HERE / "hosts" / "recording.ndjson").read_text()
    run = subprocess.run([BINARY, "--replay", "-", "--older", "1s"], input=text, capture_output=True, text=True,
                         check=True, timeout=60)
    assert run.stdout == (HERE / "hosts" / "report.txt").read_text()


@pytest.mark.parametrize("form, said", [("text", ""), ("json", None), ("ndjson", None)])
def test_an_error_has_the_form_asked_for(tmp_path, form, said):
    run = subprocess.run([BINARY, "--replay", str(tmp_path / "none"), "-o", form], capture_output=True, text=True,
                         check=False, timeout=60)
    assert run.returncode == 1 and "No such file or directory" in run.stderr
    if said is not None:
        assert run.stdout == said
        return
    error = json.loads(run.stdout)
    assert error["type"] == "error" and "No such file or directory" in error["message"]
