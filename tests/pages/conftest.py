# SPDX-License-Identifier: BSD-2-Clause
"""A page per recording, and one Chromium for all tests."""

import os
import pathlib
import subprocess
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from browser import browser as start_browser  # noqa: E402

ROOT = pathlib.Path(__file__).parent.parent.parent
REPLAY = ROOT / "tests" / "replay"
BINARY = os.environ.get("PGLEAKTRACE", "build/pgleaktrace")


def report(recording, *args):
    """What the program prints of a recording."""
    run = subprocess.run([BINARY, "--replay", str(recording), *args], capture_output=True, check=False,
                         env={**os.environ, "LC_ALL": "C.UTF-8"}, timeout=120)
    assert run.returncode == 0, run.stderr.decode()
    return run.stdout


@pytest.fixture(scope="session")
def browser():
    with start_browser() as running:
        yield running


@pytest.fixture
def desk(browser):
    """The browser as on a desk: large, light, with JavaScript."""
    browser.size(1280, 900)
    browser.media()
    browser.script(True)
    yield browser
    browser.script(True)
    browser.media()


@pytest.fixture(scope="session")
def page(tmp_path_factory):
    """page(case, *args) → path of that recording's report as HTML."""
    folder = tmp_path_factory.mktemp("pages")

    def make(case, *args):
        recording = case if isinstance(case, pathlib.Path) else REPLAY / case / "recording.ndjson"
        path = folder / f"{recording.parent.name}-{len(list(folder.iterdir()))}.html"
        path.write_bytes(report(recording, "-o", "html", *(args or ("--older", "1s"))))
        return path
    return make
