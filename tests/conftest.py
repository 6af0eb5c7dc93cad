# SPDX-License-Identifier: BSD-2-Clause
"""For every suite: in CI there is no excuse, what was skipped was not proven; what a sanitizer says
is a failure, whatever became of the program's exit status.
"""

import os
import signal

import pytest

IN_CI = os.environ.get("CI") == "true"

# A shell that puts a job in the background lets it ignore SIGINT, nohup(1) SIGHUP, and what it starts
# inherits that: both are part of what is tested.
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGHUP, signal.SIG_DFL)


@pytest.fixture(scope="session", autouse=True)
def sanitizers(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sanitizers")
    for name in ("ASAN_OPTIONS", "UBSAN_OPTIONS"):
        os.environ[name] = f"log_path={folder}/said:exitcode=99"
    yield
    said = [file.read_text(errors="replace") for file in folder.iterdir()]
    assert not said, "\n".join(said)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    report = (yield).get_result()
    if IN_CI and report.skipped and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"{item.nodeid} was skipped in CI: {call.excinfo.value}"
