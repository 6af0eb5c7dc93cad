# SPDX-License-Identifier: BSD-2-Clause
"""The command line as a person meets it: event lines, Ctrl-C, --once, privileges, nothing left."""

import os
import pty
import re
import shutil
import signal
import subprocess
import tempfile

from actors import tool
from pgcluster import wait_until
from tracer import Tracer, tracer_path

LOCAL = "127.0.0.1"


def bpf_links():
    """{id of every BPF link of the host}: other tracers may run, and come and go, meanwhile."""
    out = subprocess.run(["/usr/sbin/bpftool", "link"], capture_output=True, check=True).stdout
    return {int(link) for link in re.findall(rb"^(\d+):", out, re.M)}


def fdinfo_ids(pid, key, every=False):
    """{the number behind `key`} of each descriptor of a process, as far as it still has it."""
    ids = []
    for fd in os.listdir(f"/proc/{pid}/fdinfo"):
        try:
            with open(f"/proc/{pid}/fdinfo/{fd}", encoding="ascii") as file:
                ids.extend(map(int, re.findall(rf"^{key}:\s*(\d+)$", file.read(), re.M)))
        except FileNotFoundError:
            continue
    return ids if every else set(ids)


def bpf_links_of(pid):
    """{id of each BPF link that this process has a descriptor of}."""
    return fdinfo_ids(pid, "link_id")


def test_event_lines_then_the_report_at_ctrl_c(sink, port):
    with Tracer(port, output="text") as tracer:
        with tool("leaker", "-n", 2, "-c", 1, "-H", LOCAL, port) as leaker:
            leaker.said()
            wait_until(lambda: tracer.text().count("opened") >= 2, "the lines are there")
        tracer.process.send_signal(signal.SIGINT)
        assert tracer.wait() == 0
        lines = tracer.text().splitlines()
    opened = [line for line in lines if re.match(
        rf"\d\d:\d\d:\d\d\.\d{{3}}  opened +{leaker.pid} +-  leaker +127\.0\.0\.1:{port} from port \d+$", line)]
    closed = [line for line in lines if re.match(
        rf"\d\d:\d\d:\d\d\.\d{{3}}  closed +{leaker.pid} +\S+  leaker ", line)]
    assert len(opened) == 2 and len(closed) >= 1
    assert lines[-1] == "Complete: nothing lost." or lines[-1].startswith("Complete: nothing lost;")


def test_nobody_is_there(cluster, port):
    """Whether the port is right is asked only where no server is."""
    def said(at):
        run = subprocess.run([tracer_path(), "--once", "-P", str(at)], capture_output=True, text=True, check=True)
        return run.stdout.split("\n\n")[1]
    assert said(port) == ("Nothing to show: no process has or made a connection to this port.\n"
                          "Is it the right port (-P)?")
    assert said(cluster.port) == "Nothing to show: no process on this host has or made a connection to this port."


def test_once_shows_what_is_open_without_lines(sink, port):
    with tool("leaker", "-n", 3, "-H", LOCAL, port) as leaker:
        leaker.said()
        run = subprocess.run([tracer_path(), "-P", str(port), "--once", "-v"], capture_output=True,
                             text=True, check=False)
        assert run.returncode == 0
        assert "3 open now" in run.stdout.splitlines()[0]
        assert run.stdout.count(f"held by pid {leaker.pid} fd ") == 3
        assert "  found  " not in run.stdout


def test_a_progress_line_on_a_terminal_and_only_there(port):
    ours, theirs = pty.openpty()
    subprocess.run([tracer_path(), "-P", str(port), "-d", "2"], stdout=subprocess.DEVNULL,
                   stderr=theirs, check=True)
    os.close(theirs)
    said = os.read(ours, 65536).decode()
    os.close(ours)
    assert "1s of 2s" in said
    run = subprocess.run([tracer_path(), "-P", str(port), "-d", "2"], capture_output=True, text=True,
                         check=True)
    assert " of 2s" not in run.stderr and "\r" not in run.stderr


def test_without_privilege_it_says_so_in_the_format_asked_for():
    with tempfile.TemporaryDirectory() as folder:  # the tree itself may be root's alone
        os.chmod(folder, 0o755)
        binary = shutil.copy(tracer_path(), folder)
        run = run_as_nobody(binary)
    assert run.returncode == 77, run.stderr
    assert '"type":"error"' in run.stdout and "sudo" in run.stderr


def run_as_nobody(binary):
    return subprocess.run(["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups",
                           "--bounding-set=-all", "--inh-caps=-all",
                           binary, "--once", "-o", "json"], capture_output=True, text=True,
                          check=False)


def test_nothing_stays_attached(port):
    with Tracer(port) as tracer:
        links = bpf_links_of(tracer.process.pid)
        assert len(links) >= 5 and links <= bpf_links()
        tracer.stop()
    wait_until(lambda: not links & bpf_links(), "every link is gone")


def test_files_are_for_the_owner_only(port, tmp_path):
    recording, report = tmp_path / "r.ndjson", tmp_path / "report.json"
    subprocess.run([tracer_path(), "-P", str(port), "-d", "1", "-o", "json", "--output-file", report,
                    "--record", recording], check=True, capture_output=True)
    for path in (recording, report):
        assert path.stat().st_mode & 0o777 == 0o600 and path.stat().st_size > 0
