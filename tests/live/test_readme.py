# SPDX-License-Identifier: BSD-2-Clause
"""README's commands, as written: each is run by a shell that finds `pgleaktrace`, and a `sudo` that
does nothing, since the tests are root. What waits for a time or a Ctrl-C gets the Ctrl-C."""

import os
import re
import signal
import subprocess
import sys

import pytest

from actors import ROOT
from pgcluster import wait_until
from tracer import ARMED, tracer_path

sys.path.append(str(ROOT / "tests" / "pages"))
from recordings import Recording  # noqa: E402

README = (ROOT / "README.md").read_text()
USE = README.split("\n## Use\n")[1].split("\n## ")[0]
COMMANDS = [line.replace("\\|", "|") for line in re.findall(r"`([^`]*)`", USE)]
PROGRAMS = [text for text in COMMANDS if re.match(r"(sudo )?pgleaktrace ?", text)]
OPTIONS = [text for text in COMMANDS if text.startswith("-") and text not in ("-v", "--help", "--no-redact")]


@pytest.fixture
def home(tmp_path):
    """A folder with the two programs, a package with tests, and a recording of an incident."""
    folder = tmp_path / "bin"
    folder.mkdir()
    (folder / "pgleaktrace").symlink_to(tracer_path())
    (folder / "sudo").write_text('#!/bin/sh\nexec "$@"\n')
    (folder / "sudo").chmod(0o755)
    (tmp_path / "package.json").write_text('{"scripts": {"test": "true"}}')
    recording = Recording(tmp_path / "incident.ndjson")
    recording.process(7, ["node", "seed.js"])
    for n in range(12):
        recording.connection(7, 1 + n / 10)
    recording.totals(7, 100, opened=12, open=12, peak=12)
    recording.close(100)
    return tmp_path


def shell(home, command):
    """The exit status, and what it said."""
    env = {**os.environ, "PATH": f"{home / 'bin'}:{os.environ['PATH']}"}
    with open(home / "said", "wb+") as said:
        process = subprocess.Popen(["sh", "-c", f"exec {command}"], cwd=home, env=env, stdout=said, stderr=said,
                                   stdin=subprocess.DEVNULL)
        try:
            def text():
                return os.pread(said.fileno(), 1 << 20, 0).decode()
            wait_until(lambda: process.poll() is not None or ARMED in text() or "serving metrics" in text(),
                       command, timeout=60)
            if process.poll() is None:
                process.send_signal(signal.SIGINT)
            return process.wait(60), text()
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()


def test_there_are_commands():
    assert len(PROGRAMS) >= 6 and len(OPTIONS) >= 8


@pytest.mark.parametrize("command", PROGRAMS)
def test_a_command_runs(home, command):
    status, said = shell(home, command)
    assert status == 0, said


@pytest.mark.parametrize("options", OPTIONS)
def test_options_are_taken(home, options):
    """Those that are not a whole command: over the recording, or, if they make one, over the host."""
    start = "-d 1 " if "--record" in options else "" if "--replay" in options else "--replay incident.ndjson "
    status, said = shell(home, f"pgleaktrace {start}{options}")
    assert status == 0, said
    for name in re.findall(r"\S+\.(?:html|json|ndjson)\b", options):
        assert (home / name).stat().st_size > 100, name
