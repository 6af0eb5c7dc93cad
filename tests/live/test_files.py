# SPDX-License-Identifier: BSD-2-Clause
"""Files written as root where another user was first: nothing of theirs is written through, nothing
of ours is theirs to read. (What the kernel's fs.protected_* settings would refuse is refused by
pgleaktrace itself: they may be off.)"""

import os
import signal
import subprocess

import pytest

from actors import ROOT
from pgcluster import wait_until
from tracer import Tracer, tracer_path

NOBODY = 65534
RECORDING = ROOT / "tests" / "replay" / "incident" / "recording.ndjson"


@pytest.fixture
def trap(tmp_path):
    """A folder that anybody may write in, as /tmp, and root's file that must stay as it is."""
    folder = tmp_path / "trap"
    folder.mkdir()
    folder.chmod(0o1777)
    secret = tmp_path / "secret"
    secret.write_text("mine")
    secret.chmod(0o600)
    yield folder
    assert secret.read_text() == "mine" and secret.stat().st_mode & 0o777 == 0o600


def plant_symlink(path):
    path.symlink_to(path.parent.parent / "secret")
    os.lchown(path, NOBODY, NOBODY)


def plant_hard_link(path):
    path.hardlink_to(path.parent.parent / "secret")


def plant_fifo(path):
    os.mkfifo(path, 0o666)
    os.chown(path, NOBODY, NOBODY)


def plant_file(path):
    path.write_text("theirs")
    os.chown(path, NOBODY, NOBODY)


PLANTED = [(plant_symlink, "is a symbolic link of another user (uid 65534)"),
           (plant_hard_link, "is there and has a second name (hard link)"),
           (plant_fifo, "is there and belongs to another user (uid 65534)"),
           (plant_file, "is there and belongs to another user (uid 65534)")]


@pytest.mark.parametrize("plant, says", PLANTED, ids=[p[0].__name__ for p in PLANTED])
@pytest.mark.parametrize("option", ["--record", "--output-file"])
def test_what_another_user_planted_is_refused(port, trap, option, plant, says):
    target = trap / "out"
    plant(target)
    before = target.lstat()
    run = subprocess.run([tracer_path(), "-P", str(port), "--once", "-o", "json", option, target],
                         capture_output=True, text=True, check=False, timeout=30)
    assert run.returncode == 1
    assert "cannot write " in run.stderr and f"{target}: out {says}" in run.stderr
    assert target.lstat().st_ino == before.st_ino and target.lstat().st_size == before.st_size


@pytest.mark.parametrize("args", [["--record"], ["-o", "json", "--output-file"],
                                  ["-o", "openmetrics", "--output-file"]],
                         ids=["record", "output-file", "openmetrics"])
def test_a_folder_that_is_another_user_s_link_is_refused(port, trap, args):
    inner = trap.parent / "inner"
    inner.mkdir()
    (trap / "detour").symlink_to(inner)
    os.lchown(trap / "detour", NOBODY, NOBODY)
    run = subprocess.run([tracer_path(), "-P", str(port), "-d", "1", *args, trap / "detour" / "x.prom"],
                         capture_output=True, text=True, check=False, timeout=30)
    assert run.returncode == 1 and "detour is a symbolic link of another user (uid 65534)" in run.stderr
    assert not list(inner.iterdir())


def test_the_collector_s_file_takes_the_place_of_what_was_planted(port, trap):
    target = trap / "x.prom"
    for plant in (plant_symlink, plant_hard_link, plant_file):
        target.unlink(missing_ok=True)
        plant(target)
        subprocess.run([tracer_path(), "-P", str(port), "-d", "1", "-o", "openmetrics", "--output-file", target],
                       capture_output=True, check=True, timeout=30)
        assert target.lstat().st_uid == 0 and "# TYPE pgleaktrace_" in target.read_text()
        assert [p.name for p in trap.iterdir()] == ["x.prom"]


def test_a_log_that_was_exchanged_is_not_reopened_through_the_trap(port, trap):
    log = trap / "log"
    with Tracer(port, "--output-file", log, "-i", "100ms", output="ndjson") as tracer:
        wait_until(lambda: log.stat().st_size, "it writes")
        log.unlink()
        plant_symlink(log)
        tracer.process.send_signal(signal.SIGHUP)
        assert tracer.wait() == 1
        assert f"cannot reopen {log}: log is a symbolic link of another user (uid 65534)" in tracer.notes()


def test_a_recording_never_becomes_standard_error(port, tmp_path):
    run = subprocess.run(["sh", "-c", 'exec "$@" >&- 2>&-', "sh", tracer_path(), "-P", str(port), "-d", "1",
                          "--record", "r"], cwd=tmp_path, check=False, timeout=30)
    assert run.returncode == 1, "the report went nowhere"
    assert all(line.startswith("{") for line in (tmp_path / "r").read_text().splitlines())


def test_standard_output_and_devices_are_files_as_well():
    for name, says in (("/dev/stdout", b'"type":"report"'), ("/dev/null", b"")):
        run = subprocess.run([tracer_path(), "--replay", RECORDING, "-o", "json", "--output-file", name],
                             capture_output=True, check=True, timeout=30)
        assert says in run.stdout
