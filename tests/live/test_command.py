# SPDX-License-Identifier: BSD-2-Clause
"""`pgleaktrace -- CMD`: only the command's tree, its own status, streams, signals and user, and the
gate that --fail-on makes of it.
"""

import json
import os
import pwd
import signal
import subprocess
import sys
import textwrap
import time

import pytest

from actors import tool, tool_path
from pgcluster import wait_until
from tracer import Report, assert_balanced, assert_schema, expect, tracer_path

LOCAL = "127.0.0.1"
SESSION = dict(text=True, capture_output=True, timeout=60, check=False)

LEAKY = """
    const { Client } = require('pg');
    (async () => {
        const client = new Client({ connectionString: process.env.DATABASE_URL });
        await client.connect();
        await client.query('SELECT 1');
        console.log('1 passing');
        process.exit(0);        // as mocha --exit does: nobody ends the client
    })();
"""
CLEAN = LEAKY.replace("process.exit(0);", "await client.end();")

# A child that leaves its parent, its session and its name behind, then leaves a connection.
DAEMON = """
    import os, sys
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            os.execv(sys.argv[1], ["renamed", *sys.argv[2:]])
        os._exit(0)
    os.wait()
"""


def under(port, *command, options=(), folder=None, **more):
    """One run under a command: (the finished process, the checked report or None)."""
    report = os.path.join(folder, "report.json") if folder else None
    out = ["-o", "json", "--output-file", report] if report else []
    run = subprocess.run([tracer_path(), "-P", str(port), *out, *options, "--", *map(str, command)],
                         **{**SESSION, **more})
    return run, read_report(report) if report else None


def read_report(path):
    with open(path, encoding="utf-8") as file:
        data = json.loads(file.read().splitlines()[-1])
    assert_schema(data)
    report = Report(data)
    assert_balanced(report)
    return report


def leaker(port, *options):
    return [tool_path("leaker"), *map(str, options), LOCAL, str(port)]


def npm_project(folder, node_project, script):
    (folder / "package.json").write_text('{"name":"shop","scripts":{"test":"node test.js"}}')
    (folder / "test.js").write_text(textwrap.dedent(script))
    (folder / "node_modules").symlink_to(node_project / "node_modules")


@pytest.mark.parametrize("script, status", [(LEAKY, 23), (CLEAN, 0)], ids=["leaking", "clean"])
def test_npm_test_as_a_gate(cluster, node_project, tmp_path, script, status):
    npm_project(tmp_path, node_project, script)
    run, report = under(cluster.port, "npm", "test", options=["--fail-on", "leak"],
                        folder=tmp_path, cwd=tmp_path, env=cluster.env(app="shop"))
    assert run.returncode == status, run.stderr
    assert "1 passing" in run.stdout
    expect(report.script("test.js"), opened=1, **{"abandoned" if status else "closed": 1})
    assert report["command"]["command_args"] == ["npm", "test"]
    assert report["command"]["exit_status"] == 0 and report["command"]["ended"]
    assert ("--fail-on: abandoned (leak)" in run.stderr) == bool(status)


def test_streams_are_the_commands(port, tmp_path):
    run, _ = under(port, "sh", "-c", "cat; echo err >&2; exit 7", folder=tmp_path, input="in\n")
    assert (run.returncode, run.stdout, run.stderr) == (7, "in\n", "err\n")


def test_the_report_goes_to_standard_error(sink, port):
    run, _ = under(port, *leaker(port, "-n", 2), stdin=subprocess.DEVNULL)
    assert json.loads(run.stdout)["opened"] == 2
    assert run.returncode == 0
    assert run.stderr.startswith("Command: ") and "exit status 0" in run.stderr.splitlines()[0]
    assert "Complete: nothing lost" in run.stderr


def test_exit_status_of_a_signal_and_of_no_program(port, tmp_path):
    run, report = under(port, "sh", "-c", "kill -KILL $$", folder=tmp_path)
    assert run.returncode == 128 + 9 and report["command"]["signal"] == 9
    assert under(port, "nonesuch-program")[0].returncode == 127
    run = under(port, "/etc/passwd")[0]
    assert run.returncode == 126
    assert run.stderr == "pgleaktrace: cannot run /etc/passwd: Permission denied\n"


def test_no_command_runs_untraced(port):
    """Without the privilege to watch it, it is not run at all."""
    run = subprocess.run(["setpriv", "--bounding-set=-all", "--inh-caps=-all", "--reuid=65534",
                          "--clear-groups", tracer_path(), "-P", str(port), "--", "echo", "ran"],
                         **SESSION)
    if run.returncode == 126 or "Permission denied" in run.stderr and "setpriv" in run.stderr:
        pytest.skip("the tracer's folder is closed to other users")
    assert run.returncode == 77 and "ran" not in run.stdout


def test_nobody_outside_the_tree_counts(sink, port, tmp_path):
    with tool("leaker", "-n", 2, "-H", LOCAL, port) as before:
        before.said()
        script = (f"{tool_path('leaker')} -n 1 -c 1 {LOCAL} {port}; echo READY; read go")
        with subprocess.Popen([tracer_path(), "-P", str(port), "-o", "json", "--output-file",
                               tmp_path / "report.json", "--", "sh", "-c", script],
                              stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as run:
            while run.stdout.readline() != "READY\n":
                assert run.poll() is None
            with tool("leaker", "-n", 3, "-c", 1, LOCAL, port) as meanwhile:
                meanwhile.said()
                meanwhile.finish()
            run.stdin.write("go\n")
            run.stdin.close()
            assert run.wait(30) == 0
    report = read_report(tmp_path / "report.json")
    assert [counts["opened"] for counts in report.scripts] == [1]
    assert report.total("adopted") == 0 and report.total("closed") == 1


def test_a_daemons_grandchild_counts_and_what_it_keeps_is_named(sink, port, tmp_path):
    script = tmp_path / "daemon.py"
    script.write_text(textwrap.dedent(DAEMON))
    os.mkfifo(tmp_path / "said")
    keep_read, keep_write = os.pipe()       # the daemon holds until this closes
    try:
        began = time.monotonic()
        run, report = under(port, "bash", "-c", f'"$@" <&{keep_read} >said 2>/dev/null & read line <said',
                            "sh", sys.executable, script, *leaker(port, "-n", 2, "-H"),
                            options=["--grace", "700ms", "--fail-on", "left-open"],
                            folder=tmp_path, cwd=tmp_path, pass_fds=[keep_read],
                            stdin=subprocess.DEVNULL)
        took = time.monotonic() - began
    finally:
        os.close(keep_write)
        os.close(keep_read)
    assert run.returncode == 23, run.stderr
    assert took >= 0.7
    row, = report.scripts
    expect(row, opened=2, open=2)
    finding = next(f for f in row["findings"] if f["rule"] == "left-open")
    assert finding["evidence"] == {"open": 2, "grace": 0.7}
    holders = {h["pid"] for c in report.connections("open") for h in c["holders"]}
    assert holders == {row["process_list"][0]["process"]["pid"]}


def test_the_grace_ends_with_the_last_descendant(sink, port, tmp_path):
    began = time.monotonic()
    run, report = under(port, "sh", "-c", '"$@" >/dev/null & exit 0', "sh",
                        *leaker(port, "-n", 2, "-c", 2, "-w", 300), options=["--grace", "30s"],
                        folder=tmp_path, stdin=subprocess.DEVNULL)
    assert run.returncode == 0
    assert time.monotonic() - began < 20
    expect(report.scripts[0], opened=2, closed=2)


def test_without_grace_it_ends_at_once(sink, port, tmp_path):
    run, report = under(port, "sh", "-c", '"$@" >/dev/null & exit 0', "sh", "sleep", "5",
                        options=["--grace", "0"], folder=tmp_path)
    assert run.returncode == 0 and report["duration"] < 4


def test_children_of_a_few_milliseconds_are_named(sink, port, tmp_path):
    run, report = under(port, "sh", "-c",
                        'for i in 1 2 3 4 5 6 7 8 9 10; do "$0" -n 1 -T job-$i "$@"; done',
                        tool_path("leaker"), LOCAL, port, folder=tmp_path)
    assert run.returncode == 0
    expect(report.script("leaker"), opened=10, abandoned=10)
    tags = {arg for p in report.processes() for arg in p["process"]["command_args"] if "job-" in arg}
    assert tags == {f"job-{i}" for i in range(1, 11)}


def test_sigterm_is_passed_on_and_the_end_waited_for(port, tmp_path):
    script = 'trap "echo caught; exit 5" TERM; echo READY; while :; do sleep 0.05; done'
    with subprocess.Popen([tracer_path(), "-P", str(port), "--", "sh", "-c", script],
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as run:
        assert run.stdout.readline() == "READY\n"
        run.send_signal(signal.SIGTERM)
        assert run.stdout.readline() == "caught\n"
        assert run.wait(20) == 5
        assert "exit status 5" in run.stderr.read()


def test_ctrl_c_of_the_terminal_reaches_both_once(port):
    """The whole foreground group gets it; the tracer stays until the command has ended."""
    script = 'trap "echo caught" INT; echo READY; while :; do sleep 0.05; done'
    ours, theirs = os.openpty()
    with subprocess.Popen([tracer_path(), "-P", str(port), "--", "sh", "-c", script], stdin=theirs,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                          preexec_fn=lambda: own_terminal(theirs)) as run:
        os.close(theirs)
        assert run.stdout.readline() == "READY\n"
        os.write(ours, b"\x03")
        assert run.stdout.readline() == "caught\n"
        assert run.poll() is None
        run.send_signal(signal.SIGTERM)         # passed on: ends the shell
        assert run.wait(20) == 128 + signal.SIGTERM
        assert run.stdout.read() == ""          # caught once
        assert "killed by signal 15" in run.stderr.read()
    os.close(ours)


def own_terminal(fd):
    import fcntl
    import termios
    os.setsid()
    fcntl.ioctl(fd, termios.TIOCSCTTY, 0)


def test_through_sudo_it_runs_as_the_user(port, tmp_path):
    user = pwd.getpwnam("postgres")
    env = dict(os.environ, SUDO_UID=str(user.pw_uid), SUDO_GID=str(user.pw_gid), HOME="/root",
               USER="root", LOGNAME="root", KEPT="yes")
    run, report = under(port, "sh", "-c",
                        "id -u; id -g; id -G; echo $HOME $USER $LOGNAME $KEPT; "
                        "grep CapEff /proc/self/status",
                        folder=tmp_path, env=env, cwd="/")
    uid, gid, groups, words, caps = run.stdout.splitlines()
    assert (int(uid), int(gid)) == (user.pw_uid, user.pw_gid)
    assert set(map(int, groups.split())) == set(os.getgrouplist("postgres", user.pw_gid))
    assert words == f"{user.pw_dir} postgres postgres yes"
    assert int(caps.split()[1], 16) == 0
    assert report["command"]["exit_status"] == 0


def test_a_signal_reaches_the_users_command(port):
    """It is another user's process by then: passing a signal on takes a privilege of its own."""
    user = pwd.getpwnam("postgres")
    env = dict(os.environ, SUDO_UID=str(user.pw_uid), SUDO_GID=str(user.pw_gid))
    script = 'trap "exit 5" TERM; echo READY; while :; do sleep 0.05; done'
    with subprocess.Popen([tracer_path(), "-P", str(port), "-q", "--", "sh", "-c", script],
                          stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=env,
                          cwd="/") as run:
        assert run.stdout.readline() == "READY\n"
        run.send_signal(signal.SIGTERM)
        assert run.wait(20) == 5


def test_it_inherits_no_descriptor_of_ours(port, tmp_path):
    run, _ = under(port, "python3", "-c", "import os; print(*sorted(map(int, os.listdir('/proc/self/fd'))))",
                   options=["--metrics", "0", "--record", tmp_path / "r"], folder=tmp_path)
    *ours, listing = map(int, run.stdout.split())
    assert ours == [0, 1, 2] and listing == 3, "3: its own, for the listing"


def test_an_unclear_sudo_user_is_no_reason_to_run_as_root(port):
    env = dict(os.environ, SUDO_UID="", SUDO_GID="0")
    run, _ = under(port, "id", env=env)
    assert run.returncode == 1 and run.stdout == ""
    assert "SUDO_UID" in run.stderr


def test_a_recording_replays_to_the_same_report_and_gate(sink, port, tmp_path):
    recording = tmp_path / "run.ndjson"
    run, report = under(port, *leaker(port, "-n", 2, "-c", 1), "-T", "--password=secret",
                        options=["--record", recording, "--fail-on", "leak"], folder=tmp_path,
                        stdin=subprocess.DEVNULL)
    assert run.returncode == 23
    assert "secret" not in recording.read_text()
    again = subprocess.run([tracer_path(), "--replay", recording, "-o", "json", "--fail-on", "leak",
                            "--error-exitcode", "99"], **SESSION)
    assert again.returncode == 99
    assert json.loads(again.stdout) == report.data


def test_the_gate_without_a_command(sink, port):
    with tool("leaker", "-n", 1, "-c", 1, LOCAL, port) as clean:
        clean.said()
        clean.finish()
    watch = [tracer_path(), "-P", str(port), "-d", "1", "--fail-on", "leak,failed"]
    assert subprocess.run(watch, **SESSION).returncode == 0
    with subprocess.Popen(watch, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as run:
        wait_until(lambda: b"watching" in os.read(run.stderr.fileno(), 4096), "it is armed")
        with tool("leaker", "-n", 1, LOCAL, port) as leaking:
            leaking.said()
            leaking.finish()
        run.communicate()
    assert run.returncode == 23


@pytest.mark.parametrize("arguments, says", [
    (["--"], "behind it"),
    (["--fail-on", "leek"], "leek"),
    (["--fail-on", "leak,"], '""'),
    (["--replay", "f", "--", "true"], "--replay"),
    (["--once", "--", "true"], "--once"),
    (["-d", "1", "--", "true"], "-d"),
    (["--grace", "2s"], "--grace"),
    (["--error-exitcode", "3"], "--fail-on"),
    (["--fail-on", "leak", "--error-exitcode", "0"], "from 1"),
    (["true"], "behind --"),
])
def test_wrong_usage(arguments, says):
    run = subprocess.run([tracer_path(), *arguments], **SESSION)
    assert run.returncode == 64 and says in run.stderr and run.stdout == ""
