# SPDX-License-Identifier: BSD-2-Clause
"""A real terminal in a box: tmux on a server of its own, one pane of the size asked for.

`screen()` is what a person would see, `press()` is what their fingers do. Nothing waits for time to
pass: `until()` polls for what must come, and says what was there instead."""

import fcntl
import os
import pathlib
import pty
import select
import shlex
import struct
import subprocess
import termios
import time
import uuid

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
BINARY = os.path.abspath(os.environ.get("PGLEAKTRACE", ROOT / "build" / "pgleaktrace"))
PATIENCE = 30.0


class Terminal:
    """One program in one pane; when it has ended, "status N" stands below what it left."""

    def __init__(self, *args, size=(80, 24), cwd=ROOT, env=None, shell="{}"):
        self.name = f"pgleaktrace-{os.getpid()}-{uuid.uuid4().hex[:8]}"
        self.size, self.cwd = size, cwd
        settings = {"LC_ALL": "C.UTF-8", **(env or {})}
        words = ["env", "-u", "NO_COLOR", *(f"{k}={v}" for k, v in settings.items()), BINARY,
                 *map(str, args)]
        self.command = f"{shell.format(shlex.join(words))}; printf '\\nstatus %s\\n' $?; exec cat"

    def tmux(self, *args):
        run = subprocess.run(["tmux", "-L", self.name, "-f", "/dev/null", *args],
                             capture_output=True, check=False, timeout=PATIENCE)
        assert run.returncode == 0, run.stderr.decode()
        return run.stdout.decode()

    def __enter__(self):
        columns, rows = map(str, self.size)
        self.tmux("-u", "new-session", "-d", "-x", columns, "-y", rows, "-c", str(self.cwd),
                  self.command)
        return self

    def __exit__(self, *_):
        """Nobody of it is left: a server that is still going keeps its folder busy."""
        going = [os.pidfd_open(int(self.pane(who))) for who in ("pid", "pane_pid")]
        subprocess.run(["tmux", "-L", self.name, "kill-server"], capture_output=True, check=False)
        for process in going:
            gone, _, _ = select.select([process], [], [], PATIENCE)
            os.close(process)
            assert gone, "the terminal did not go"

    def screen(self):
        return self.tmux("capture-pane", "-p")

    def colours(self):
        """The screen with its escape sequences."""
        return self.tmux("capture-pane", "-p", "-e")

    def history(self):
        return self.tmux("capture-pane", "-p", "-S", "-")

    def press(self, *keys):
        self.tmux("send-keys", *keys)

    def type(self, text):
        self.tmux("send-keys", "-l", text)

    def resize(self, columns, rows):
        self.tmux("resize-window", "-x", str(columns), "-y", str(rows))

    def pane(self, what):
        return self.tmux("display-message", "-p", "#{%s}" % what).strip()

    def until(self, wanted, look=None):
        """Waits until `wanted`, a text or a predicate of the screen, holds; returns the screen."""
        holds = wanted if callable(wanted) else lambda text: wanted in text
        deadline = time.monotonic() + PATIENCE
        while True:
            text = (look or self.screen)()
            if holds(text):
                return text
            assert time.monotonic() < deadline, f"waited for {wanted!r}; there was:\n{text}"
            time.sleep(0.02)

    def gone(self, text):
        return self.until(lambda screen: text not in screen)

    def ended(self):
        """The exit status; the screen must have been given back."""
        self.until("status ", self.history)
        assert self.pane("alternate_on") == "0", "the alternate screen was not left"
        assert self.pane("cursor_flag") == "1", "the cursor stayed hidden"
        assert self.pane("mouse_any_flag") == "0", "the mouse stayed captured"
        return int(self.history().rsplit("status ", 1)[1].split()[0])


class Line:
    """A terminal without a picture: the very bytes that the program sends, and the moment in which
    the line is cut."""

    def __init__(self, *args, controlling=True, cwd=ROOT):
        self.mine, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
        self.raw = b""
        self.process = subprocess.Popen(
            ["setsid", *(["--ctty"] if controlling else []), BINARY, *map(str, args)], stdin=theirs, stdout=theirs,
            stderr=theirs, cwd=cwd, env={**os.environ, "LC_ALL": "C.UTF-8", "TERM": "xterm-256color"})
        os.close(theirs)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self.cut()

    def until(self, wanted):
        """Reads until the bytes have come."""
        deadline = time.monotonic() + PATIENCE
        while wanted not in self.raw:
            ready, _, _ = select.select([self.mine], [], [], max(0.0, deadline - time.monotonic()))
            assert ready, f"waited for {wanted!r}; there was:\n{self.raw!r}"
            self.raw += os.read(self.mine, 65536)

    def press(self, keys):
        os.write(self.mine, keys)

    def cut(self):
        if self.mine >= 0:
            os.close(self.mine)
        self.mine = -1
