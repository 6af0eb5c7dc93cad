# SPDX-License-Identifier: BSD-2-Clause
"""Whatever text of a recording is hostile, nothing of it reaches a terminal as it is: each string of each
kind of event in turn ends in an escape sequence and turns the line around."""

import json
import os
import pathlib
import subprocess

import pytest

HERE = pathlib.Path(__file__).parent
BINARY = os.path.abspath(os.environ.get("PGLEAKTRACE", "build/pgleaktrace"))
HOSTILE = "\x1b]0;x\x07\u202e"
OURS = {"schema", "type", "cookie", "cgroup", "server", "local", "client"}      # numbers and addresses as text
CASES = ["hosts", "orphan", "relay", "growing", "command"]
VIEWS = [[], ["-v"], ["-g", "user", "-v"], ["-g", "container"], ["-g", "server"], ["-o", "lines"],
         ["--explain", "p"], ["--explain", "abandoned"], ["--kill-plan"]]


def places(value, path=()):
    """The path of each string in a value."""
    if isinstance(value, str):
        yield path
    elif isinstance(value, (dict, list)):
        for key, inner in value.items() if isinstance(value, dict) else enumerate(value):
            if path or key not in OURS:
                yield from places(inner, (*path, key))


def spoil(value, path):
    """Makes the string at that path hostile, if there is one."""
    *way, last = path
    try:
        for key in way:
            value = value[key]
        value[last] += HOSTILE
    except (KeyError, IndexError, TypeError):
        pass


def events_of(case):
    events = [json.loads(line) for line in (HERE / case / "recording.ndjson").read_text().splitlines()]
    for event in events:
        if event["type"] == "process":
            event.update(container="c0ffee", unit="shop.service",
                         ancestors=[{"pid": 5, "start": 1, "comm": "npm", "argv": ["npm", "run", "seed"]}])
    return events


@pytest.mark.parametrize("case", CASES)
def test_no_string_of_a_recording_reaches_a_terminal_as_it_is(case, tmp_path):
    fields = {(event["type"], *path) for event in events_of(case) for path in places(event)}
    assert len(fields) > 15
    for kind, *path in sorted(fields, key=str):
        events = events_of(case)
        for event in events:
            if event["type"] == kind:
                spoil(event, path)
        file = tmp_path / "hostile.ndjson"
        file.write_text("".join(json.dumps(event) + "\n" for event in events))
        for args in VIEWS:
            run = subprocess.run([BINARY, "--replay", file, "--older", "1s", *args], capture_output=True, check=False,
                                 timeout=60, env={**os.environ, "LC_ALL": "C.UTF-8"})
            shown = (run.stdout + run.stderr).decode()
            assert run.returncode == 0 and not set(shown) & {"\x1b", "\x07", "\u202e"}, (kind, path, args)
