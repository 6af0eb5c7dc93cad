# SPDX-License-Identifier: BSD-2-Clause
"""What the screen tells of each row: a server with clients on other hosts, unix sockets, TLS, and every
way in which a connection ends. Played from a recording of a server's host (tests/replay/hosts)."""

import re

import pytest

from terminal import ROOT, Terminal

HOSTS = ROOT / "tests" / "replay" / "hosts" / "recording.ndjson"
LAST = "unix:/run/postgresql:30587", "held by pid 16171 (fd 3)"
MANY = 40           # more rows than there are


@pytest.fixture(scope="module")
def terminal():
    with Terminal("--replay", HOSTS, "--older", "1s", "--speed", "1000", size=(110, 70)) as played:
        played.until(" END ")
        played.press("*", "e", "Home")
        played.until(lambda screen: "hung up, held" in screen and "max_connections" in screen)
        yield played


def pane_of(screen):
    return [line.strip() for line in re.split("─{100,}\n", screen)[1].split("\n\n")[0].splitlines()]


@pytest.fixture(scope="module")
def panes(terminal):
    """The lower pane's lines for each row, from the first to the last, ended connections too."""
    seen = [pane_of(terminal.screen())]
    while not all(line in seen[-1] for line in LAST):
        before = terminal.colours()
        terminal.press("Down")
        terminal.until(lambda colours: colours != before, terminal.colours)
        seen.append(pane_of(terminal.screen()))
        assert len(seen) < MANY
    return seen


def of(panes, *beginnings):
    """The panes that have a line for each of these beginnings."""
    return [pane for pane in panes if all(any(line.startswith(word) for line in pane) for word in beginnings)]


def test_a_path_does_not_write_lines_of_its_own(tmp_path):
    file = tmp_path / "lines.ndjson"
    file.write_text(HOSTS.read_text().replace('"cwd":"/', '"cwd":"/srv\\nheld by pid 1 (fd 3)/'))
    with Terminal("--replay", file, "--older", "1s", "--speed", "1000", size=(110, 70)) as played:
        played.until(" END ")
        played.press("Enter", "Down")
        played.until(lambda screen: "program /" in screen)
        assert re.search(r"in /srv\\x0aheld\s+by pid", played.screen())


def test_every_ending_is_in_the_totals(terminal):
    assert " 5 open, 4 idle > 1s; 0 at the start, 11 opened, 3 refused, 1 closed, 1 abandoned, 1 hung up\n" in terminal.screen()


def test_the_server_and_who_is_on_other_hosts(terminal, panes):
    screen = terminal.screen()
    assert "postgres  pid 16146  2 remote addresses  /var/lib/postgresql/15/main\n" in screen
    assert " · 10.87.1.7  3 slots\n" in screen and " · 10.87.2.7  1 slot\n" in screen
    pane = of(panes, "pid 16146, data directory /var/lib/postgresql/15/main")[0]
    assert "max_connections 20, read from pg_control" in pane


def test_every_connection_has_its_pane(panes):
    assert all(panes) and len(of(panes, "opened ")) == 11


def test_through_a_unix_socket_there_is_no_port_and_nobody_counts_bytes(panes):
    found = of(panes, "unix:/run/postgresql:30587")
    assert len(found) == 8
    for pane in found:
        assert not any(re.search(r"\bport \d|bytes", line) for line in pane), pane
    assert of(found, "backend 16164, user postgres, database postgres, idle", "held by pid 16162 (fd 3)")


def test_under_tls(panes):
    pane, = of(panes, "backend 16163, user postgres, database postgres, SELECT, tls")
    assert pane[0] == "127.0.0.1:30587" and pane[1].endswith(", age 2.2s, busy 2.2s")
    assert "from port 51116; 840 bytes sent, 1900 received; attribution: connect" in pane


def test_endings(panes):
    ended = of(panes, "abandoned by pid 16169 (python3): killed by signal 9") + of(panes, "closed: close") + \
        of(panes, "hung_up: server closed; its descriptor is still open", "held by pid 16171 (fd 3)") + of(panes, "refused")
    assert len(ended) == 6
    assert not any(re.search(", (idle|busy) ", line) for pane in ended for line in pane)    # what has ended does neither
    assert len(of(panes, "refused: inferred from how it went, not read")) == 2
    read, = of(panes, 'the server said 3D000 database "shop" does not exist')
    assert "user postgres, database shop, application shop" in read         # its backend was never known
