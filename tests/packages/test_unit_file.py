# SPDX-License-Identifier: BSD-2-Clause
"""The systemd unit: its command runs under exactly the privileges that the unit leaves it."""

import os
import re
import shlex
import shutil
import signal
import socket
import subprocess
import tempfile
import urllib.request

import pytest

from shipped import PROGRAM, ROOT, need

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
