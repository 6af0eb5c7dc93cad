# SPDX-License-Identifier: BSD-2-Clause
"""The systemd unit: its command runs under exactly the privileges that the unit leaves it, and a systemd
that is booted for it starts, reloads, restarts and stops it."""

import contextlib
import json
import os
import pathlib
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import urllib.request

import pytest

from shipped import PROGRAM, ROOT, need

sys.path.insert(0, str(ROOT / "tests" / "live"))
from actors import Sink, tool  # noqa: E402
from pgcluster import free_port, wait_until  # noqa: E402

UNIT = ROOT / "packaging" / "systemd" / "pgleaktrace.service"


def settings():
    """{key: value} of the unit; a key that stands twice is a mistake here."""
    pairs = re.findall(r"^([A-Za-z]+)=(.*)$", UNIT.read_text(), re.M)
    assert len(pairs) == len(dict(pairs))
    return dict(pairs)


def documented():
    """The capabilities to start, as docs/PRIVILEGES.md has them."""
    text = (ROOT / "docs" / "PRIVILEGES.md").read_text()
    return set(re.search(r"setcap ([a-z_,]+)=ep", text)[1].upper().split(","))


def test_capabilities_are_the_documented_ones():
    unit = settings()
    assert set(unit["CapabilityBoundingSet"].split()) == documented()
    assert set(unit["AmbientCapabilities"].split()) == documented()
    assert unit["NoNewPrivileges"] == "yes" and unit["ProtectSystem"] == "strict"


def test_systemd_reads_it():
    need("systemd-analyze", "systemd")
    with tempfile.TemporaryDirectory() as folder:
        text = UNIT.read_text().replace("/usr/sbin/pgleaktrace", PROGRAM)
        path = os.path.join(folder, "pgleaktrace.service")
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        verify = subprocess.run(["systemd-analyze", "verify", "--man=no", path], capture_output=True, text=True,
                                check=False)
        ours = [line for line in (verify.stdout + verify.stderr).splitlines() if "pgleaktrace" in line]
        assert not ours, ours
        score = subprocess.run(["systemd-analyze", "security", "--offline=true", "--threshold=40", path],
                               capture_output=True, text=True, check=False)
        assert score.returncode == 0, score.stdout + score.stderr


def receive(manager, wanted):
    said = manager.recv(100)
    while said != wanted:
        said = manager.recv(100)


def test_it_starts_reloads_and_stops_with_what_the_unit_leaves_it(tmp_path):
    if os.geteuid() != 0:
        pytest.skip("needs root")
    unit = settings()
    caps = ",".join("+" + name.lower().removeprefix("cap_") for name in unit["AmbientCapabilities"].split())
    with tempfile.TemporaryDirectory() as folder, socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        os.chmod(folder, 0o755)
        program = shutil.copy(PROGRAM, folder)
        manager.bind(os.path.join(folder, "notify"))
        os.chmod(os.path.join(folder, "notify"), 0o666)
        manager.settimeout(60)
        given = dict([shlex.split(unit["Environment"])[0].split("=", 1)])
        options = given["PGLEAKTRACE_OPTIONS"].replace("9187", "0")
        command = unit["ExecStart"].replace("/usr/sbin/pgleaktrace", program).replace("$PGLEAKTRACE_OPTIONS", options)
        argv = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", f"--bounding-set=-all,{caps}",
                f"--inh-caps={caps}", f"--ambient-caps={caps}", "--no-new-privs", *command.split()]
        said = tmp_path / "said"
        with open(said, "w", encoding="utf-8") as err:
            service = subprocess.Popen(argv, stdout=err, stderr=err, stdin=subprocess.DEVNULL, start_new_session=True,
                                       env={"NOTIFY_SOCKET": os.path.join(folder, "notify"), "WATCHDOG_USEC": "300000"})
        try:
            receive(manager, b"READY=1")
            receive(manager, b"WATCHDOG=1")
            with open(f"/proc/{service.pid}/status", encoding="ascii") as file:
                status = file.read()
            assert re.search(r"^Uid:\t65534", status, re.M) and re.search(r"^NoNewPrivs:\t1", status, re.M)
            url = re.search(r"metrics at (\S+)", said.read_text())[1]
            page = urllib.request.urlopen(url, timeout=10).read().decode()
            assert "\npgleaktrace_complete 1\n" in page
            subprocess.run(unit["ExecReload"].replace("$MAINPID", str(service.pid)).split(), check=True)
            receive(manager, b"WATCHDOG=1")
            assert "\npgleaktrace_complete 1\n" in urllib.request.urlopen(url, timeout=10).read().decode()
            service.send_signal(signal.SIGTERM)
            receive(manager, b"STOPPING=1")
            assert service.wait(30) == 0, said.read_text()
        finally:
            if service.poll() is None:
                service.kill()
            service.wait()


class Booted:
    """A systemd of this system's own /usr, with nothing in /etc and /var but what is bound there; it has
    the unit, as shipped but for the program's path and what `drop_in` says."""

    def __init__(self, folder, options, drop_in):
        files = {"pgleaktrace.service": UNIT.read_text().replace("/usr/sbin/pgleaktrace", "/pgleaktrace"),
                 "drop-in.conf": f"[Service]\n{drop_in}", "default": f"PGLEAKTRACE_OPTIONS={options}\n"}
        for name, text in files.items():
            (folder / name).write_text(text)
        system = "/etc/systemd/system/pgleaktrace.service"
        bound = {PROGRAM: "/pgleaktrace", folder / "pgleaktrace.service": system,
                 folder / "drop-in.conf": f"{system}.d/test.conf", folder / "default": "/etc/default/pgleaktrace"}
        # Without a seccomp filter and a bounding set that are not the unit's.
        argv = ["systemd-nspawn", "--register=no", "--keep-unit", "--directory=/", "--volatile=yes", "--boot",
                "--capability=CAP_BPF,CAP_PERFMON,CAP_NET_ADMIN", "--system-call-filter=bpf perf_event_open",
                "--console=pipe", *(f"--bind-ro={path}:{there}" for path, there in bound.items()),
                "systemd.unit=pgleaktrace.service"]
        self.log = folder / "console"
        with open(self.log, "w", encoding="utf-8") as log:
            self.nspawn = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)
        self.init = None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for _ in range(2):  # the second time without waiting for its services
            if self.nspawn.poll() is None:
                self.nspawn.terminate()
                with contextlib.suppress(subprocess.TimeoutExpired):
                    self.nspawn.wait(10)
        assert self.nspawn.poll() is not None

    def has_booted(self):
        assert self.nspawn.poll() is None, self.log.read_text()
        children = pathlib.Path(f"/proc/{self.nspawn.pid}/task/{self.nspawn.pid}/children").read_text().split()
        self.init = children and children[0]
        return self.init and self.show("ActiveState") in ("activating", "active", "failed")

    def systemctl(self, *args):
        return subprocess.run(["nsenter", f"--target={self.init}", "--all", "systemctl", *args], capture_output=True,
                              text=True, check=False, timeout=120).stdout.strip()

    def show(self, key):
        return self.systemctl("show", "--value", f"--property={key}", "pgleaktrace")

    def is_active(self, restarts="0"):
        state = self.show("ActiveState")
        assert state != "failed" and self.show("NRestarts") == restarts, self.systemctl("status", "--full", "pgleaktrace")
        return state == "active"

    def main_pid(self):
        """As this side counts it."""
        inside = self.show("MainPID")
        for status in pathlib.Path("/proc").glob("[0-9]*/status"):
            with contextlib.suppress(OSError):
                ours, *theirs = re.search(r"^NSpid:\t(.*)$", status.read_text(), re.M)[1].split()
                if theirs and theirs[-1] == inside and (status.parent / "comm").read_text() == "pgleaktrace\n":
                    return int(ours)
        raise AssertionError(f"no process {inside}")


def page(port):
    return urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10).read().decode()


def test_systemd_starts_it_reloads_it_restarts_it_and_stops_it(tmp_path):
    if os.geteuid() != 0:
        pytest.skip("needs root")
    need("systemd-nspawn", "systemd-container")
    watched, served = free_port(), free_port()
    options = f"--metrics {served} -P {watched} -o ndjson --output-file /var/log/pgleaktrace/events.ndjson"
    # A watchdog and pauses that a test can wait for.
    with Booted(tmp_path, options, "WatchdogSec=2\nTimeoutAbortSec=1\nRestartSec=100ms\n") as system, Sink(watched):
        wait_until(system.has_booted, "systemd runs", 60)
        wait_until(system.is_active, "READY=1 was heard", 60)
        with tool("leaker", "-n", 3, "-H", "127.0.0.1", watched) as leaker:
            leaker.said()
            wait_until(lambda: re.search(r'^pgleaktrace_connections_open{script="leaker".* 3$', page(served), re.M),
                       "three are seen")
        assert "\npgleaktrace_complete 1\n" in page(served)
        log = pathlib.Path(f"/proc/{system.init}/root/var/log/private/pgleaktrace/events.ndjson")
        wait_until(lambda: log.stat().st_size, "events are written")
        log.rename(log.with_suffix(".1"))
        system.systemctl("reload", "pgleaktrace")
        wait_until(log.exists, "the reload has opened it again")
        assert json.loads(log.with_suffix(".1").read_text().splitlines()[-1])
        last = system.show("WatchdogTimestampMonotonic")
        wait_until(lambda: system.show("WatchdogTimestampMonotonic") != last, "it says that it is alive")
        assert system.show("NRestarts") == "0"
        os.kill(system.main_pid(), signal.SIGSTOP)
        wait_until(lambda: system.show("NRestarts") == "1", "the watchdog has missed it", 60)
        wait_until(lambda: system.is_active("1"), "it is there again", 60)
        system.systemctl("stop", "pgleaktrace")
        assert (system.show("ActiveState"), system.show("Result"), system.show("ExecMainStatus")) == ("inactive", "success", "0")
