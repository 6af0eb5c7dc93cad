# SPDX-License-Identifier: BSD-2-Clause
"""The live screen as a person meets it: in a terminal, with keys. Played from recordings, so that it
needs no root and shows the same each time. UPDATE=1 writes the goldens anew: read the difference."""

import os
import pathlib
import random
import re
import shutil
import signal
import subprocess

import pytest

from terminal import BINARY, PATIENCE, ROOT, Line, Terminal

HERE = pathlib.Path(__file__).parent
INCIDENT = ROOT / "tests" / "replay" / "incident" / "recording.ndjson"
SLOTS = ROOT / "tests" / "replay" / "slots" / "recording.ndjson"
HOSTILE = ROOT / "tests" / "replay" / "hostile" / "recording.ndjson"
COLOUR = re.compile(r"\x1b\[([0-9]+;)*(3[0-8]|4[0-8]|9[0-7])[;m]")
REVERSE = re.compile(r"\x1b\[([0-9]+;)*7m")

if not shutil.which("tmux"):
    pytest.skip("tmux is missing (Debian: apt install tmux)", allow_module_level=True)


def play(*args, recording=INCIDENT, **more):
    return Terminal("--replay", recording, "--older", "1s", "--speed", "1000", *args, **more)


def selected(terminal):
    """The line under the cursor: the only one in reverse between the title and the foot."""
    lines = terminal.colours().splitlines()[1:-1]
    rows = [re.sub(r"\x1b\[[0-9;]*m", "", line) for line in lines if REVERSE.search(line)]
    return rows[0] if rows else ""


def golden(terminal, name):
    path = HERE / "golden" / f"{name}.txt"
    if os.environ.get("UPDATE"):
        path.parent.mkdir(exist_ok=True)
        path.write_text(terminal.screen())
    want = path.read_text()
    terminal.until(lambda screen: screen == want)


@pytest.mark.parametrize("size", [(80, 24), (100, 30), (200, 50)])
@pytest.mark.parametrize("recording", [INCIDENT, SLOTS], ids=lambda path: path.parent.name)
def test_golden(recording, size):
    name = "%dx%d" % size
    with play(size=size, recording=recording) as terminal:
        terminal.until(" END ")
        golden(terminal, f"{recording.parent.name}-{name}")
        terminal.press("*")
        terminal.until("PORT")
        golden(terminal, f"{recording.parent.name}-open-{name}")
        terminal.press("?")
        terminal.until("keys")
        golden(terminal, f"help-{name}")


def test_help_scrolls_no_further_than_it_goes():
    with play() as terminal:
        terminal.until(" END ")
        terminal.press("?", *["Down"] * 60)
        terminal.until("quit; then comes the report")
        terminal.press("Up")
        terminal.gone("quit; then comes the report")
        terminal.press(*["Up"] * 60)
        terminal.until("next row")
        terminal.press("q")
        terminal.until("sync-users.py")


def test_the_gauge_says_slots_rate_and_time_left():
    with play(recording=SLOTS) as terminal:
        screen = terminal.until(" END ")
        assert "14/20 slots, 3 reserved, 1 orphan" in screen
        assert "+95/min, full in ~1.8s" in screen
        bar = re.search("[█▒░·]{20}", screen)[0]
        assert bar.count("█") == 13 and bar.count("▒") == 1 and bar.count("·") == 3
        assert re.search("[▁▂▃▄▅▆▇█]{20} ", screen.splitlines()[2])


def test_the_row_of_a_server_opens_into_its_orphans():
    with play(recording=SLOTS, size=(120, 30)) as terminal:
        terminal.until(" END ")
        terminal.press("Up", "Enter")
        terminal.until("without a client for 3.0s, was scripts/stuck.py")
        terminal.press("Down")
        terminal.until("The client was pid")


def test_details_grow_and_hide():
    with play(recording=SLOTS) as terminal:
        terminal.until(" END ")
        terminal.resize(80, 20)
        terminal.press("Down", "Down")
        terminal.until(" more: d ")
        assert "source: scripts" not in terminal.screen()
        terminal.press("d")
        terminal.until("source: scripts/stuck.py:2")
        assert "stuck.py" in selected(terminal)
        terminal.press("d")
        terminal.gone("never closed")
        terminal.press("d")
        terminal.until(" more: d ")


def test_the_cursor_is_on_the_worst_until_it_is_moved():
    with Terminal("--replay", SLOTS, "--older", "1s", "--speed", "2") as terminal:
        terminal.until(lambda _: "sync.py" in selected(terminal))
        terminal.until(lambda _: "seed.py" in selected(terminal))
        terminal.press("Down")
        terminal.until(" END ")
        assert "seed.py" not in selected(terminal)


def test_rows_left_out_are_told():
    with play("--rows", "2") as terminal:
        terminal.until(" END ")
        terminal.until("and 2 more, left out by --rows")


def test_foreign_text_stays_text():
    with play(recording=HOSTILE, size=(120, 40)) as terminal:
        terminal.until(" END ")
        golden(terminal, "hostile-120x40")
        terminal.press("*", "e")
        terminal.until("PORT")
        shown = terminal.screen()
        assert not set(map(ord, shown)) & (set(range(32)) - {10}) and "\u202e" not in shown


def test_rows_open_and_close():
    with play() as terminal:
        terminal.until(" END ")
        assert "sync-users.py" in selected(terminal)
        terminal.press("Enter")
        terminal.until("14201")
        terminal.press("Down")
        terminal.until(lambda _: "14201" in selected(terminal))
        assert "in /" in terminal.screen(), "the details tell where the process runs"
        terminal.press("Right")
        terminal.until("50382")
        terminal.press("Down")
        terminal.until("from port 50382; ")
        terminal.press("Left")
        terminal.until(lambda _: "14201" in selected(terminal))
        terminal.press("Left")
        terminal.gone("50382")
        terminal.press("Left", "Left")
        terminal.gone("14201")


def test_who_was_there_before_is_told_without_a_thread():
    with Terminal("--replay", INCIDENT, "--speed", "1000", size=(100, 40)) as terminal:
        terminal.until(" END ")
        terminal.press("*")
        terminal.until("50380")
        terminal.press(*["Down"] * 8)
        terminal.until(lambda screen: re.search(r"open since \S+Z or longer, age ≥\S+, idle ", screen))
        assert "by thread 0" not in terminal.screen()


def test_filter_as_typed():
    with play() as terminal:
        terminal.until(" END ")
        terminal.press("/")
        terminal.type("SEED")
        terminal.gone("sync-users")
        terminal.press("BSpace", "BSpace", "BSpace", "BSpace")
        terminal.until("honest")
        terminal.type("zzz")
        terminal.until("Nothing matches the filter.")
        terminal.press("Escape")
        terminal.until("honest")
        terminal.press("/")
        terminal.type("14201")
        terminal.gone("honest")
        terminal.press("Enter")
        terminal.until("3 of 4 hidden")
        terminal.press("q")
        assert terminal.ended() == 0


def test_group_sort_and_older():
    with play() as terminal:
        terminal.until(" END ")
        terminal.press("g", "g")
        terminal.until("USER  ")
        terminal.press("g", "g", "g")
        terminal.until("SCRIPT  ")
        while "sorted by opened" not in terminal.screen():
            before = terminal.screen()
            terminal.press("s")
            terminal.until(lambda screen, before=before: screen != before)
        terminal.until(lambda screen: screen.index("seed.py") < screen.index("sync-users"))
        while "sorted by idle" not in terminal.screen():
            before = terminal.screen()
            terminal.press("r")
            terminal.until(lambda screen, before=before: screen != before)
        terminal.until("IDLE>1s▼")
        terminal.press("+")
        terminal.until("IDLE>2s")
        terminal.press("-", "-")
        terminal.until("IDLE>1s")


def test_ended_rows_on_demand():
    with play() as terminal:
        terminal.until(" END ")
        terminal.press("Down")
        terminal.until(lambda _: "seed.py" in selected(terminal))
        terminal.press("Enter")
        terminal.until("▾ scripts/seed.py")
        terminal.press("e")
        terminal.until(lambda screen: "killed" in screen or "exit status" in screen)


def test_mouse_scrolls_and_clicks():
    with play() as terminal:
        terminal.until(" END ")
        lines = terminal.screen().splitlines()
        line = next(i for i, text in enumerate(lines) if "honest" in text)
        terminal.type("\x1b[M %s%s" % (chr(33 + 5), chr(33 + line)))
        terminal.until(lambda _: "honest" in selected(terminal))
        terminal.type("\x1b[M`!!")
        terminal.until(lambda _: "sync-users" in selected(terminal))
        terminal.type("\x1b[Ma!!")
        terminal.until(lambda _: "python3 -c" in selected(terminal))


def test_seek_pause_and_speed():
    with play() as terminal:
        terminal.until(" END ")
        terminal.press("p", "[")
        terminal.until("PAUSED 0.0s of 4.0s")
        terminal.until("No process has or made a connection")
        terminal.press("]")
        golden_end = terminal.until(" END ")
        assert "7 open, 7 idle > 1s; 4 at the start, 15 opened" in golden_end
        terminal.press("[", "<")
        terminal.until("x500")
        terminal.press("p")
        terminal.until("7 open, 7 idle > 1s; 4 at the start, 15 opened")


def test_at_its_own_speed_the_middle_is_seen():
    with Terminal("--replay", INCIDENT) as terminal:
        seen = terminal.until(lambda screen: " PLAYING " in screen and "of 4.0s x1" in screen
                              and "4 at the start" in screen)
        assert " END " not in seen
        terminal.until(lambda screen: re.search(r"^[+±] ", screen, re.M))  # just opened
        terminal.until(" END ")


def test_save_shows_what_was_on_screen(tmp_path):
    with play(cwd=tmp_path) as terminal:
        terminal.until(" END ")
        terminal.press("S")
        name = re.search(r"saved as (\S+)", terminal.until("saved as"))[1]
        saved = (tmp_path / name).read_text()
        assert saved.splitlines()[:-1] == terminal.screen().splitlines()[:-1]
        assert (tmp_path / name).stat().st_mode & 0o777 == 0o600
        terminal.press("S")
        terminal.until("-2.txt")
        assert len(list(tmp_path.iterdir())) == 2


def test_resize():
    with play() as terminal:
        terminal.until(" END ")
        terminal.resize(200, 50)
        terminal.until("HUNG UP")
        terminal.resize(40, 10)
        terminal.until(lambda screen: "OLDEST" not in screen and "users.py" in screen)
        terminal.resize(80, 24)
        golden(terminal, "incident-80x24")
        terminal.press("q")
        assert terminal.ended() == 0


def test_quit_leaves_the_report():
    with play() as terminal:
        terminal.until(" END ")
        terminal.press("q")
        assert terminal.ended() == 0
        assert "watched for 4.0s" in terminal.history()
        assert "pgleaktrace  db1" not in terminal.history(), "the screen itself is gone"


def pid_of(terminal):
    shell = terminal.pane("pane_pid")
    return int(subprocess.run(["pgrep", "-P", shell, "-f", "pgleaktrace"], capture_output=True,
                              check=True, text=True).stdout.split()[0])


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_signals_end_it_with_the_report(number):
    with play() as terminal:
        terminal.until(" END ")
        os.kill(pid_of(terminal), number)
        assert terminal.ended() == 0
        assert "watched for" in terminal.history()


def test_a_terminal_that_is_not_known_gets_the_report():
    with Terminal("--replay", INCIDENT, env={"TERM": "xterm-of-tomorrow"}) as terminal:
        assert terminal.ended() == 0
        said = terminal.history()
        assert 'no live screen: the terminal "xterm-of-tomorrow" is not known' in said.replace("\n", "")
        assert "Complete: nothing lost." in said


@pytest.mark.parametrize("controlling", [True, False])
def test_a_terminal_that_is_gone_ends_it(controlling):
    """With SIGHUP, as the controlling terminal sends it, and without: an end, not a process that
    spins."""
    with Line("--replay", INCIDENT, controlling=controlling) as line:
        line.until(b"PLAYING")
        line.cut()
        line.process.wait(PATIENCE)


KEYS = ["j", "k", "Enter", "Left", "Right", "*", "g", "s", "r", "+", "-", "e", "d", "p", "[", "]", "{", "}", ">", "<",
        "?", "/", "Escape", "PageUp", "PageDown", "Home", "End", "x", "BSpace"]


def test_any_keys_at_any_size():
    """Two hundred fingers on the keyboard, and a window that is pulled about: it lives."""
    fingers = random.Random(5)
    with play(recording=SLOTS) as terminal:
        for _ in range(20):
            terminal.press(*fingers.choices(KEYS, k=10))
            terminal.resize(fingers.randint(5, 220), fingers.randint(2, 60))
        terminal.resize(100, 30)
        terminal.press("Escape", "Escape")
        terminal.until("pgleaktrace")
        os.kill(pid_of(terminal), signal.SIGTERM)
        assert terminal.ended() == 0


def test_no_flicker():
    """After the first frame nothing is erased: only what has changed is sent."""
    with Line("--replay", SLOTS, "--speed", "2") as line:
        line.until(b"PLAYING")
        began = len(line.raw)
        line.press(b"jjkk")
        line.until(b"END")
        assert b"\x1b[2J" not in line.raw[began:] and b"\x1b[J" not in line.raw[began:]
        whole = 80 * 24
        assert len(line.raw) - began < 25 * whole / 2, "frames as a whole"
        line.press(b"q")
        line.until(b"orphan slot: backend")


@pytest.mark.parametrize("number", [signal.SIGSEGV, signal.SIGABRT, signal.SIGQUIT])
def test_a_crash_gives_the_terminal_back(number):
    with play() as terminal:
        terminal.until(" END ")
        os.kill(pid_of(terminal), number)
        assert terminal.ended() == 128 + number
        terminal.type("echoed")
        terminal.until("echoed")


def test_suspended_and_continued():
    with play(shell="set -m; {}; read go; fg") as terminal:
        terminal.until(" END ")
        terminal.press("C-z")
        terminal.until(lambda _: terminal.pane("alternate_on") == "0")
        terminal.press("Enter")
        golden(terminal, "incident-80x24")
        terminal.press("q")
        assert terminal.ended() == 0


@pytest.mark.parametrize("how", ["NO_COLOR", "--no-color"])
def test_without_colours(how):
    with play() as terminal:
        terminal.until(" END ")
        assert COLOUR.search(terminal.colours()), "colours, unless they are not wanted"
    args = {"NO_COLOR": {"env": {"NO_COLOR": "1"}}, "--no-color": {}}[how]
    with play(*(["--no-color"] if how == "--no-color" else []), **args) as terminal:
        terminal.until(" END ")
        assert not COLOUR.search(terminal.colours())
        golden(terminal, "incident-80x24")


def test_ascii():
    with play(env={"LC_ALL": "C"}) as terminal:
        terminal.until(" END ")
        terminal.press("*")
        terminal.until("PORT")
        assert terminal.screen().isascii()
        golden(terminal, "incident-ascii-80x24")


def test_no_terminal_no_screen():
    run = subprocess.run([BINARY, "--replay", INCIDENT], capture_output=True, text=True,
                         stdin=subprocess.DEVNULL, check=False)
    assert run.returncode == 0 and "\x1b" not in run.stdout and "watched for" in run.stdout
    with Terminal("--replay", INCIDENT, "-o", "text", size=(120, 50)) as terminal:
        assert terminal.ended() == 0, "a format that was asked for is no screen"
