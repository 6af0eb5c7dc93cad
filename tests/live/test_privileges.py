# SPDX-License-Identifier: BSD-2-Clause
"""What is needed to start, what is kept to watch, and that an ordinary user with file capabilities
sees as much as root."""

import os
import re
import shutil
import subprocess
import tempfile

import pytest

from actors import ROOT, tool
from pgcluster import wait_until
from tracer import Tracer, tracer_path

LOCAL = "127.0.0.1"
CAPS = {"cap_dac_override": 1, "cap_dac_read_search": 2, "cap_kill": 5, "cap_setpcap": 8,
        "cap_net_admin": 12, "cap_sys_ptrace": 19, "cap_sys_admin": 21, "cap_perfmon": 38, "cap_bpf": 39}
TO_START = "cap_bpf,cap_perfmon,cap_net_admin,cap_sys_ptrace,cap_dac_read_search"
AS_NOBODY = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups")


def status_of(pid):
    with open(f"/proc/{pid}/status", encoding="utf-8") as file:
        return dict(re.findall(r"^(\w+):\s*(.*)$", file.read(), re.M))


def names_of(mask):
    mask = int(mask, 16)
    known = {name for name, bit in CAPS.items() if mask >> bit & 1}
    rest = mask & ~sum(1 << bit for bit in CAPS.values())
    assert not rest, f"more than the known capabilities: {rest:x}"
    return known


def kept_to_watch():
    """docs/PRIVILEGES.md, to watch; CAP_BPF goes by the kernel's age."""
    release = tuple(int(n) for n in re.match(r"(\d+)\.(\d+)", os.uname().release).groups())
    kept = {"cap_sys_ptrace", "cap_dac_read_search"}
    return kept if release >= (6, 5) else kept | {"cap_bpf"}


@pytest.fixture
def capable():
    """A copy of the program for nobody, with file capabilities that the test chooses."""
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        binary = shutil.copy(tracer_path(), folder)
        os.chmod(binary, 0o755)

        def give(caps=TO_START):
            if caps:
                subprocess.run(["setcap", f"{caps}=ep", binary], check=True)
            return binary
        yield give


def test_a_run_that_can_t_begin_leaves_the_recording_of_the_one_before(capable, port):
    binary = capable("")
    recording = os.path.join(os.path.dirname(binary), "r.ndjson")
    with open(recording, "w", encoding="utf-8") as file:
        file.write("the incident\n")
    os.chown(recording, 65534, 65534)
    run = subprocess.run([*AS_NOBODY, binary, "-P", str(port), "-d", "1", "--record", recording], capture_output=True,
                         text=True, check=False, timeout=30)
    assert run.returncode == 77 and "not enough privilege" in run.stderr
    with open(recording, encoding="utf-8") as file:
        assert file.read() == "the incident\n"


def test_root_keeps_only_what_watching_needs(sink, port):
    with Tracer(port) as tracer:
        wait_until(lambda: status_of(tracer.process.pid)["NoNewPrivs"] == "1", "it has given up the rest")
        status = status_of(tracer.process.pid)
        for which in ("CapEff", "CapPrm"):
            assert names_of(status[which]) == kept_to_watch(), which
        for which in ("CapInh", "CapBnd", "CapAmb"):
            assert int(status[which], 16) == 0, which
        with tool("leaker", "-n", 2, "-H", LOCAL, port, prefix=AS_NOBODY) as leaker:
            leaker.said()
            report = tracer.stop()
        row = report.script("leaker")
        assert row["open"] == 2
        assert row["process_list"][0]["process"]["working_directory"]


def test_a_file_of_another_user_s_folder_can_still_be_written(sink, port, tmp_path):
    os.chown(tmp_path, 65534, 65534)
    with Tracer(port, "--output-file", tmp_path / "report.json") as tracer:
        wait_until(lambda: status_of(tracer.process.pid)["NoNewPrivs"] == "1", "it has given up the rest")
        assert names_of(status_of(tracer.process.pid)["CapEff"]) == kept_to_watch() | {"cap_dac_override"}


def test_an_ordinary_user_with_file_capabilities_sees_as_much(capable, sink, port, monkeypatch):
    binary = capable()
    monkeypatch.setenv("PGLEAKTRACE", binary)
    with tool("leaker", "-n", 3, "-H", LOCAL, port) as adopted:  # root's, for nobody to see
        adopted.said()
        with Tracer(port, "-i", "100ms", prefix=AS_NOBODY) as tracer:
            assert status_of(tracer.process.pid)["Uid"].split()[0] == "65534"
            with tool("leaker", "-n", 2, "-c", 1, "-H", LOCAL, port) as opened:
                opened.said()
                wait_until(lambda: status_of(tracer.process.pid)["NoNewPrivs"] == "1", "it gave up")
                assert names_of(status_of(tracer.process.pid)["CapPrm"]) == kept_to_watch()
                report = tracer.stop()
    row = report.process(adopted.pid)
    assert row["adopted"] == 3 and row["process"]["working_directory"] == os.getcwd()
    assert all(c["holders"] for c in row["connection_list"])
    row = report.process(opened.pid)
    assert row["opened"] == 2 and row["closed"] == 1 and row["open"] == 1


@pytest.mark.parametrize("more", ["", ",cap_sys_ptrace"], ids=["not-told", "not-entered"])
def test_a_folder_that_is_not_for_us_costs_its_name_and_no_count(capable, sink, port, monkeypatch, tmp_path, more):
    """Whoever may not trace others is not told where they work; whoever may is not let into a closed folder."""
    binary = capable(",".join(TO_START.split(",")[:3]) + more)
    monkeypatch.setenv("PGLEAKTRACE", binary)
    tmp_path.chmod(0o700)
    with tool("leaker", "-n", 3, "-H", LOCAL, port, cwd=tmp_path) as adopted:
        adopted.said()
        with Tracer(port, prefix=AS_NOBODY) as tracer, \
                tool("leaker", "-n", 2, "-H", LOCAL, port, cwd=tmp_path) as opened:
            opened.said()
            report = tracer.stop()
        with Tracer(port, "--once", "-v", output="text", prefix=AS_NOBODY, armed=False) as once:
            assert once.wait() == 0
            text = once.text()
    row = report.process(adopted.pid)
    assert row["adopted"] == row["open"] == 3
    assert row["process"].get("working_directory") == (str(tmp_path) if more else None)
    row = report.process(opened.pid)
    assert row["opened"] == row["open"] == 2
    assert row["process"]["working_directory"] == str(tmp_path)     # the kernel told, when it connected
    assert ("user root, in ?" in text) == (not more)


def check(binary):
    return subprocess.run([*AS_NOBODY, binary, "--check"], capture_output=True, text=True, check=False)


def test_check_says_what_is_missing_and_how_to_give_it(capable):
    run = check(capable(""))
    assert run.returncode == 77
    assert f"sudo setcap {TO_START}=ep" in run.stderr
    for name in TO_START.split(","):
        assert re.search(rf"^missing .*\b{name}\b", run.stderr, re.M), name
    # What cannot be told without them is no fault of the kernel's, nor of how /proc is mounted.
    assert "Linux 6." not in run.stderr and "hidepid" not in run.stderr, run.stderr
    run = check(capable("cap_bpf,cap_perfmon,cap_net_admin"))
    assert run.returncode == 0, run.stderr
    assert re.search(r"^ok .*\bcap_bpf\b", run.stderr, re.M)
    assert re.search(r"^missing .*\bcap_sys_ptrace\b", run.stderr, re.M)
    run = check(capable())
    assert run.returncode == 0 and "missing" not in run.stderr, run.stderr


@pytest.mark.parametrize("absent", TO_START.split(",")[:3])
def test_each_of_the_three_is_needed_to_watch(capable, absent):
    binary = capable(",".join(c for c in TO_START.split(",") if c != absent))
    run = subprocess.run([*AS_NOBODY, binary, "-d", "1", "-P", "1"], capture_output=True, text=True, check=False)
    assert run.returncode == 77, run.stderr


def test_a_container_with_processes_of_its_own_is_told_so():
    """A look finds the processes of its own pid namespace, and nobody would notice."""
    apart = ("unshare", "--pid", "--fork", "--mount-proc", tracer_path())
    row = r"^{} .*pid namespace"
    run = subprocess.run([*apart, "--check"], capture_output=True, text=True, check=False)
    assert run.returncode == 0 and re.search(row.format("missing"), run.stderr, re.M), run.stderr
    run = subprocess.run([tracer_path(), "--check"], capture_output=True, text=True, check=False)
    assert re.search(row.format("ok"), run.stderr, re.M), run.stderr
    for argv, said in ((apart, 1), ((*apart, "-q"), 0), ((tracer_path(),), 0)):
        run = subprocess.run([*argv, "-d", "100ms", "-P", "1"], capture_output=True, text=True, check=True)
        assert run.stderr.count("not in the host's pid namespace") == said, run.stderr


def test_the_page_says_the_same_command():
    assert f"sudo setcap {TO_START}=ep" in (ROOT / "docs" / "PRIVILEGES.md").read_text()
