# SPDX-License-Identifier: BSD-2-Clause
"""The live core on other kernels, in QEMU: what guest.sh found, against what its tools say they did.

KERNELS="6.1 6.12" chooses; by default the two that Debian stable and oldstable run, and the newest
that stable can be given. A series that the package sources do not have any more is a failure: the
matrix must be true.
"""

import json
import os
import re

import pytest

import kernels
from tracer import Report, assert_balanced, assert_schema, expect

CHOSEN = os.environ.get("KERNELS", "6.1 6.12 newest").split()
TOO_OLD = ("5.10",)


@pytest.fixture(scope="session")
def archive():
    return kernels.initramfs()


@pytest.fixture(scope="session", params=CHOSEN)
def guest(request, archive):
    image = kernels.fetch(request.param)
    assert image, f"no Debian kernel {request.param}: take it out of the matrix"
    guest = kernels.boot(image, archive)
    if request.param == "newest":
        assert int(guest["release"].split(".")[0]) >= 7, guest["release"]
    else:
        assert guest["release"].startswith(request.param)
    guest.too_old = request.param in TOO_OLD
    return guest


def works(guest):
    if guest.too_old:
        pytest.skip("this kernel is too old, see test_too_old")


def report_of(guest, part, complete=True, unknown=0):
    notes = guest[f"{part} notes"]
    assert notes.splitlines()[-1] == "exit 0", notes
    data = json.loads(guest[part])
    assert_schema(data)
    report = Report(data)
    assert_balanced(report, complete=complete, unknown=unknown)
    return report


def test_too_old(guest):
    if not guest.too_old:
        assert guest["check"].splitlines()[-1] == "exit 0", guest["check"]
        return
    assert "exit 69" in guest["once notes"]
    assert "Linux 6.1 or newer" in guest["once notes"]
    assert guest["check"].splitlines()[-1] == "exit 69", guest["check"]


def test_nothing_is_open_at_first(guest):
    works(guest)
    assert report_of(guest, "once").total("open") == 0


def test_storm(guest):
    works(guest)
    truth = json.loads(guest["storm truth"])
    report = report_of(guest, "storm", complete=False)
    expect(report.process(truth["pid"]), opened=truth["opened"], closed=truth["closed"],
           abandoned=truth["left"])


def test_short_lives(guest):
    works(guest)
    truth = json.loads(guest["spawn truth"])
    report = report_of(guest, "spawn")
    for pid, job, opened, closed, _ in truth["jobs"]:
        row = report.process(pid)
        expect(row, opened=opened, closed=closed, abandoned=opened - closed)
        assert job in row["process"]["command_args"]


def test_a_clock_that_is_set(guest):
    """Ages and the duration are of the boot clock, which nobody sets."""
    works(guest)
    report = report_of(guest, "clock")
    assert (report.total("opened"), report.total("open")) == (5, 2)
    assert (report.total("closed"), report.total("abandoned")) == (1, 2)
    assert 2 <= report["duration"] < 600
    assert all(0 <= row["age"] < 600 for row in report.connections())


def test_postgres(guest):
    works(guest)
    pids = {what: [int(pid) for pid in re.findall(rf"^{what} (\d+)$", guest["postgres truth"], re.M)]
            for what in ("adopted", "killed", "stays")}
    hooked = "ok       connect() of unix sockets" in guest["check"]
    report = report_of(guest, "postgres", complete=hooked, unknown=0 if hooked else None)
    expect(report.process(*pids["adopted"]), adopted=1, open=1)
    for pid in pids["killed"]:
        expect(report.process(pid), opened=1, abandoned=1)
    for pid in pids["stays"]:
        expect(report.process(pid), opened=1, open=1)
    assert report.total("open") == 3
    # Before Linux 6.7 short ones through the unix socket are counted by their backend's end, and
    # nobody has seen how a client ended that was gone by then.
    assert report.total("closed") + report.total("unknown") == 4 and report.total("closed") >= 2
    assert {server["max_connections"] for server in report.servers} == {23}
    # Both addresses of the one server tell of them.
    orphans = {(orphan["backend_pid"], orphan["client_pid"]) for server in report.servers
               for orphan in server["orphan_slots"]}
    assert sorted(client for _, client in orphans) == sorted(pids["killed"]), "the killed clients' queries go on"
