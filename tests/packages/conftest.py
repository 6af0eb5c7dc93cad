# SPDX-License-Identifier: BSD-2-Clause
"""Where things are, for tests of what is shipped beside the program."""

import os
import pathlib
import shutil
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("BUILD", ROOT / "build")).resolve()
PROGRAM = os.path.abspath(os.environ.get("PGLEAKTRACE", BUILD / "pgleaktrace"))
IN_CI = os.environ.get("CI") == "true"

# The helpers of the live tests: tracer, actors, pgcluster.
sys.path.insert(0, str(ROOT / "tests" / "live"))


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """In CI there is no excuse: what was skipped was not proven."""
    report = (yield).get_result()
    if IN_CI and report.skipped and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"{item.nodeid} was skipped in CI: {call.excinfo.value}"


def need(program, package):
    if not shutil.which(program):
        pytest.skip(f"{program} is missing (Debian: apt install {package})")
