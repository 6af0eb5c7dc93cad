# SPDX-License-Identifier: BSD-2-Clause
"""Running the tracer and reading its report.

`with Tracer(port) as tracer:` returns once it is armed: attached, seeded, nothing missed from here
on. `tracer.stop()` is the first Ctrl-C; it returns the Report. Every report is checked against the
books (adopted + opened = open + closed + abandoned + hung_up + refused + unknown) and against the
JSON schema before a test sees it.
"""

import contextlib
import json
import os
import signal
import subprocess
import tempfile

from actors import ROOT, build_folder
from pgcluster import wait_until

ARMED = "pgleaktrace: watching "
SCHEMA = ROOT / "docs" / "pgleaktrace.schema.json"
ENDINGS = ("closed", "abandoned", "hung_up", "refused", "unknown")
ADDED = ("adopted", "opened", "open", "idle", "failed", "fd_leak", *ENDINGS)


def tracer_path():
    path = os.environ.get("PGLEAKTRACE") or str(build_folder() / "pgleaktrace")
    if not os.access(path, os.X_OK):
        raise FileNotFoundError(f"{path} is missing: run `make` first")
    return os.path.abspath(path)


class Report:
    """The report object with the look-ups tests need. Counts are plain dictionaries."""

    def __init__(self, data):
        self.data = data
        self.scripts = data["scripts"]
        self.servers = data["servers"]

    def __getitem__(self, key):
        return self.data[key]

    def script(self, name):
        """The script's row: by its whole name, or by the last part of its path."""
        rows = [s for s in self.scripts if s["script"] == name]
        rows = rows or [s for s in self.scripts if s["script"].rsplit("/", 1)[-1] == name]
        assert len(rows) == 1, f"{name}: {len(rows)} rows in {self.names()}"
        return rows[0]

    def names(self):
        return [s["script"] for s in self.scripts]

    def processes(self):
        return [p for s in self.scripts for p in s["process_list"]]

    def process(self, pid):
        """The one process with that pid that had connections."""
        rows = [p for p in self.processes() if p["process"].get("pid") == pid]
        assert len(rows) == 1, f"pid {pid}: {len(rows)} rows"
        return rows[0]

    def has_process(self, pid):
        return any(p["process"].get("pid") == pid for p in self.processes())

    def connections(self, state=None):
        rows = [c for p in self.processes() for c in p["connection_list"]]
        return [c for c in rows if state is None or c["state"] == state]

    def connection(self, local_port):
        rows = [c for c in self.connections() if c["local_port"] == local_port]
        assert len(rows) == 1, f"local port {local_port}: {len(rows)} rows"
        return rows[0]

    def total(self, key):
        return sum(s[key] for s in self.scripts)

    def totals(self):
        return {key: self.total(key) for key in ADDED}


def counts_of(row):
    """The counts that add up, idle apart: that one is a matter of age."""
    return {key: row[key] for key in ADDED if key != "idle"}


def expect(row, **counts):
    """Every additive count of the row is as given; those not named must be 0."""
    wanted = {key: counts.get(key, 0) for key in ADDED if key != "idle"}
    got = counts_of(row)
    wrong = {key: f"{got[key]}, not {wanted[key]}" for key in wanted if got[key] != wanted[key]}
    assert not wrong, f"{row.get('script') or row.get('process')}: {wrong}"


def assert_balanced(report, complete=True, unknown=0):
    """The books of every script, process and server balance, and lower rows add up to upper ones."""
    for row in (*report.scripts, *report.processes(), *report.servers):
        began = row["adopted"] + row["opened"]
        ended = sum(row[key] for key in ENDINGS)
        assert began == row["open"] + ended, f"the books do not balance: {row_name(row)}"
        assert row["peak"] >= row["open"], f"peak below open: {row_name(row)}"
    for script in report.scripts:
        assert script["processes"] == sum(p["process"].get("folded", 1) for p in script["process_list"])
        for key in ADDED:
            assert script[key] == sum(p[key] for p in script["process_list"]), \
                f"{key} of {script['script']} is not the sum of its processes"
    for key in ("adopted", "opened", "open", *ENDINGS):
        assert report.total(key) == sum(s[key] for s in report.servers), \
            f"{key} of scripts and of servers differ"
    if complete:
        assert report["complete"] is True, f"incomplete: {report['losses']}"
        assert not any(lost_numbers(report["losses"])), f"losses: {report['losses']}"
    if unknown is not None:
        assert report.total("unknown") == unknown


def lost_numbers(losses):
    """Losses that cost something. A recursion miss alone costs nothing: it is only told."""
    return [value for key, value in losses.items() if key != "recursion_misses"]


def row_name(row):
    return {key: row[key] for key in row if not key.endswith("_list")}


def assert_schema(data):
    """Against the JSON schema, when the tree and the machine have what that needs."""
    if not SCHEMA.exists():
        return
    import jsonschema
    with open(SCHEMA, encoding="utf-8") as file:
        jsonschema.validate(data, json.load(file))


def assert_events(recording):
    """Each line of it against the schema of its kind."""
    import jsonschema
    schema = json.loads((ROOT / "docs" / "pgleaktrace-event.schema.json").read_text())
    kinds = {kind["title"]: jsonschema.Draft202012Validator(kind) for kind in schema["oneOf"]}
    with open(recording, encoding="utf-8") as file:
        for line in file:
            event = json.loads(line)
            kinds[event["type"]].validate(event)


# A mount namespace without cgroup2: nothing can be hooked there.
WITHOUT_CGROUP2 = ("unshare", "-m", "sh", "-c", "umount -a -t cgroup2 && exec \"$@\"", "sh")


class Tracer:
    """One run of the tracer over a port, its output in files so that it can never block."""

    def __init__(self, port, *args, output="json", prefix=(), armed=True, unix=False):
        # The tests' own questions go through the unix socket: only tests of it watch it.
        self.argv = [*prefix, tracer_path(), "-P", str(port), "-o", output,
                     f"--unix={'on' if unix else 'off'}", *map(str, args)]
        self.wants_armed = armed
        self.process = None

    def __enter__(self):
        self.out = tempfile.TemporaryFile("w+", encoding="utf-8")
        self.err = tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace")
        self.process = subprocess.Popen(self.argv, stdin=subprocess.DEVNULL, stdout=self.out,
                                        stderr=self.err, start_new_session=True)
        if self.wants_armed:
            try:
                wait_until(self._is_armed, "the tracer is armed")
            except BaseException:
                self.__exit__()
                raise
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self.out.close()
        self.err.close()

    def _is_armed(self):
        notes = self.notes()
        if any(line.startswith(ARMED) for line in notes.splitlines()):
            return True
        if self.process.poll() is not None:
            raise AssertionError(f"the tracer ended ({self.process.returncode}): {notes}")
        return False

    def notes(self):
        """What it said on stderr so far."""
        return os.pread(self.err.fileno(), 1 << 20, 0).decode(errors="replace")

    def text(self):
        """What it wrote to stdout so far."""
        return os.pread(self.out.fileno(), 1 << 30, 0).decode(errors="replace")  # it may end within a character

    def wait(self, timeout=60.0):
        """Its exit status, once it ends by itself."""
        return self.process.wait(timeout)

    @contextlib.contextmanager
    def held_up(self):
        """Meanwhile it takes nothing from its ring: what does not fit is lost, on any machine."""
        self.process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self.process.send_signal(signal.SIGCONT)

    def stop(self, complete=True, unknown=0):
        """Ctrl-C, and the checked report."""
        self.process.send_signal(signal.SIGINT)
        return self.report(complete, unknown)

    def report(self, complete=True, unknown=0):
        """The checked report of a run that ends by itself (--once, -d)."""
        status = self.wait()
        assert status == 0, f"exit status {status}: {self.notes()}"
        data = json.loads(self.text().strip().splitlines()[-1])
        assert data["schema"] == "pgleaktrace/1" and data["type"] == "report"
        assert_schema(data)
        report = Report(data)
        assert_balanced(report, complete, unknown)
        return report
