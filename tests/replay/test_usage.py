# SPDX-License-Identifier: BSD-2-Clause
"""The command line: what is wrong is a sentence and 64, what is right is taken; --help, -V, --check."""

import os
import pathlib
import pty
import re
import subprocess

import pytest

HERE = pathlib.Path(__file__).parent
BINARY = os.path.abspath(os.environ.get("PGLEAKTRACE", "build/pgleaktrace"))
RECORDING = HERE / "incident" / "recording.ndjson"


def run(*args, **more):
    return subprocess.run([BINARY, *map(str, args)], **{"capture_output": True, "text": True, "check": False,
                                                        "timeout": 60, **more})


@pytest.mark.parametrize("args, says", [
    (["-P", ""], "which port?"), (["-P", "x"], "a port is a number from 1 to 65535"), (["-P", "0"], "from 1 to 65535"),
    (["-P", ",".join(map(str, range(1, 18)))], "at most 16 ports"), (["--unix", "maybe"], "on or off"),
    (["-d", "soon"], "a time is a number"), (["-d", "0"], "--once looks once"), (["--once", "-d", "3"], "one of the two"),
    (["-i", "1ms"], "at least 100ms"), (["-p", "0"], "greater than 0"), (["-p", "x"], "not a number"),
    (["-p", "4000000"], "did you mean the port, `-P 4000000`?"), (["--host", "db"], "not an IPv4 or IPv6 address"),
    (["--host", "10.0.0.0/33"], "not a number from 0 to 32"), (["--cmdline", "("], "--cmdline ("),
    (["--max-connections", "0"], "at least 1"), (["--rule", "x"], "ID=off"), (["--rule", "churn=0"], "at least 1"),
    (["-g", "moon"], "group by script"), (["-s", "x"], "the columns are adopted, open, idle, oldest"),
    (["-o", "yaml"], "the formats are text"), (["--metrics", "db:1"], "9187"), (["--metrics", "1", "--once"], "one of the two"),
    (["-o", "openmetrics", "-g", "user"], "counts everything by script"), (["--speed", "0"], "from 0.1 to 1000"),
    (["--speed", "2"], "--speed is for --replay"), (["--replay", "x", "--once"], "no --record, --once or -d"),
    (["--explain", "x", "--kill-plan"], "--kill-plan is a form of its own"), (["--kill-plan", "-g", "user"], "no -g user"),
    (["--ring-size", "5000"], "a power of two"), (["--max-tracked", "0"], "at least 1"),
    (["--fail-on", "x"], "no severity"), (["--error-exitcode", "3"], "on what? (--fail-on)"),
    (["--fail-on", "leak", "--error-exitcode", "0"], "from 1 to 255"), (["--grace", "1"], "after which command?"),
    (["--"], "-- what?"), (["--once", "--", "true"], "no --replay, --once or -d"), (["--nonsense"], "unrecognized"),
    (["5432"], "the port, `-P 5432`?"), (["last.ndjson"], "`--replay last.ndjson`?"), (["npm", "test"], "`pgleaktrace -- npm`"),
])
def test_what_is_wrong_is_a_sentence_and_64(args, says):
    done = run(*args)
    assert done.returncode == 64 and says in done.stderr, done.stderr


def test_a_recording_is_not_written_over_by_its_report(tmp_path):
    recording, link = tmp_path / "r.ndjson", tmp_path / "link"
    recording.write_bytes(RECORDING.read_bytes())
    link.symlink_to(recording)
    for name in (recording, link):
        done = run("--replay", recording, "-o", "html", "--output-file", name)
        assert done.returncode == 64 and "it would be lost" in done.stderr
    assert recording.read_bytes() == RECORDING.read_bytes()
    done = run("--record", tmp_path / "new", "--output-file", tmp_path / "new")
    assert done.returncode == 64 and "a file for each" in done.stderr
    assert run("--replay", RECORDING, "--output-file", "/dev/null").returncode == 0


def test_values_that_are_taken():
    done = run("--replay", RECORDING,
               "-P", "5432,6432", "-u", "root", "--comm", "*", "--cmdline", "seed|node", "--cgroup", "", "--container", "",
               "--host", "::/0", "--rule", "churn=5", "--rule", "fan-out=off", "--rule", "growing=on", "-s", "open",
               "-r", "2", "--older", "1500ms", "--max-connections", "50", "--unix", "off", "--no-source",
               "--no-color", "--no-redact", "--no-wire", "--ring-size", "64K", "--max-tracked", "5000", "-i", "2s", "-q")
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("name", ["-", "/dev/stdin", "/dev/fd/0"])
def test_a_recording_may_come_through_a_pipe(name):
    """As from `<(zcat incident.ndjson.gz)`: it is the same to its first line."""
    through = subprocess.run([BINARY, "--replay", name, "-o", "json"], input=RECORDING.read_bytes(), capture_output=True,
                             check=True, timeout=60)
    assert through.stdout.decode() == run("--replay", RECORDING, "-o", "json").stdout


def test_a_port_named_twice_is_watched_once():
    done = run("-P", ",".join(["5432", "6432"] * 20), "--replay", "/")
    assert done.returncode == 1 and "cannot open the recording /: Is a directory" in done.stderr


@pytest.mark.parametrize("view", ["html", "trace"])
def test_what_a_program_opens_goes_to_no_terminal(view):
    ours, theirs = pty.openpty()
    try:
        done = run("--replay", RECORDING, "-o", view, capture_output=False, stdout=theirs, stderr=subprocess.PIPE)
        assert done.returncode == 64 and "--output-file" in done.stderr
        done = run("--replay", RECORDING, "-o", view, "--output-file", "/dev/null", capture_output=False, stdout=theirs)
        assert done.returncode == 0
    finally:
        os.close(ours)
        os.close(theirs)


def test_help_names_every_option_of_the_readme():
    text = run("--help").stdout
    readme = (HERE.parent.parent / "README.md").read_text()
    formats = text.partition("FORMATS\n")[2].partition("\n\n")[0]
    examples = text.partition("EXAMPLES\n")[2].partition("\n\n")[0]
    assert all(line.startswith("  ") for line in (formats + "\n" + examples).splitlines()), "a line is too long"
    assert not re.search(r"^ +$", text, re.M)
    options = set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", readme))
    assert options and all(option in text for option in options), options
    assert run("-h").stdout == text


def test_the_version_tells_what_it_was_built_with():
    said = run("-V").stdout
    assert re.match(r"pgleaktrace \d+\.\d+\.\d+\nformats: text", said) and "libbpf" in said


def test_check_says_what_is_there_and_what_mends_the_rest():
    """Wherever it runs: the status follows from the needs that it names, what is missing has its mend."""
    done = run("--check")
    rows = [re.fullmatch(r"(ok|missing) +(\S.*)", line) for line in done.stderr.splitlines()]
    assert len(rows) >= 8 and all(rows) and not done.stdout
    missing = [row[2] for row in rows if row[1] == "missing"]
    assert all(": " in row for row in missing)
    privilege = any(row.startswith("privilege to load") for row in missing)
    kernel = any(row.startswith(("kernel type information", "BPF programs load")) for row in missing)
    assert done.returncode == (77 if privilege else 69 if kernel else 0)
