# SPDX-License-Identifier: BSD-2-Clause
"""The cases that must be exact, one by one, with the socket tools and without PostgreSQL.

Truth is what the tools say they did, what their server accepted, and /proc. Every count of every
row is compared: what a test does not name must be zero.
"""

import contextlib
import os
import socket
import subprocess
import time

import pytest

from actors import Sink, holders_of, sockets_to, tool, tool_path
from pgcluster import wait_until
from tracer import Tracer, expect

LOCAL = "127.0.0.1"


def connection_of(report, pid):
    """The only connection of a process."""
    rows = report.process(pid)["connection_list"]
    assert len(rows) == 1
    return rows[0]


def holder_pairs(connection):
    return {(h["pid"], h["fd"]) for h in connection["holders"]}


# -- the plain ones -------------------------------------------------------------------------------


def test_nothing_happened(sink, port):
    with Tracer(port) as tracer:
        report = tracer.stop()
    assert report.scripts == []
    assert [server["port"] for server in report.servers] == [port], "it is seen to listen"
    expect(report.servers[0])


def test_open_and_closed(sink, port):
    with Tracer(port) as tracer, \
            tool("leaker", "-n", 5, "-c", 2, "-H", "-T", "plain", LOCAL, port) as leaker:
        truth = leaker.said()
        report = tracer.stop()
        row = report.process(leaker.pid)
        expect(row, opened=5, closed=2, open=3)
        assert row["peak"] == 5
        assert row["process"]["command_args"] == [
            tool_path("leaker"), "-n", "5", "-c", "2", "-H", "-T", "plain", LOCAL, str(port)]
        still_open = {c["local_port"] for c in row["connection_list"] if c["state"] == "open"}
        assert still_open == set(truth["ports"][2:]) == set(sockets_to(port))
        for local_port, inode in sockets_to(port).items():
            assert holder_pairs(report.connection(local_port)) == holders_of(inode)
        assert not report.has_process(sink.pid), "the server's end is not a client"
    expect(report.script("leaker"), opened=5, closed=2, open=3)
    assert sink.finish_said()["accepted"] == 5


@pytest.mark.parametrize("end", ["exit", "_exit", "kill"])
def test_abandoned_at_exit(sink, port, end):
    with Tracer(port) as tracer, tool("leaker", "-n", 4, "-c", 1, "-e", end, LOCAL, port) as leaker:
        truth = leaker.said()
        status = leaker.finish()
        report = tracer.stop()
    assert status == (-9 if end == "kill" else 0)
    expect(report.process(truth["pid"]), opened=4, closed=1, abandoned=3)
    endings = [report.connection(p)["ending"] for p in truth["ports"]]
    assert endings == ["closed", "abandoned", "abandoned", "abandoned"]


def test_killed_from_outside(sink, port):
    with Tracer(port) as tracer, tool("leaker", "-n", 3, "-H", LOCAL, port) as leaker:
        leaker.said()
        leaker.kill()
        report = tracer.stop()
    expect(report.process(leaker.pid), opened=3, abandoned=3)


def test_thread_that_is_not_the_leader(sink, port):
    with Tracer(port) as tracer, tool("leaker", "-n", 3, "-c", 1, "-t", "-H", LOCAL, port) as leaker:
        leaker.said()
        report = tracer.stop()
        expect(report.process(leaker.pid), opened=3, closed=1, open=2)
    assert len(report.processes()) == 1, "the process is reported, not the thread"


@pytest.mark.parametrize("what", ["half", "reset"])
def test_ways_of_closing(sink, port, what):
    with Tracer(port) as tracer, tool("odd", what, LOCAL, port) as odd:
        odd.said()
        report = tracer.stop()
    expect(report.process(odd.pid), opened=1, closed=1)


def test_one_socket_connected_twice(sink, port):
    with Tracer(port) as tracer, tool("odd", "again", LOCAL, port) as odd:
        odd.said()
        report = tracer.stop()
    expect(report.process(odd.pid), opened=2, closed=2)
    assert sink.finish_said()["accepted"] == 2


def test_one_look_knows_how_long_all_was_silent(sink, port):
    """Of a server that is no PostgreSQL of this host, whose backends would tell more."""
    with tool("leaker", "-n", 2, "-H", LOCAL, port) as leaker:
        leaker.said()
        time.sleep(0.6)
        with Tracer(port, "--once", "--older", "500ms", armed=False) as tracer:
            report = tracer.report()
    assert report.total("idle") == report.total("open") == 2
    assert all(c["age_at_least"] and 0.5 < c["idle"] <= c["age"] for c in report.connections())


def test_idle_is_counted_by_age_of_silence(sink, port):
    with Tracer(port, "--older", "1s") as tracer, \
            tool("leaker", "-n", 2, "-H", LOCAL, port) as old:
        old.said()
        with tool("leaker", "-n", 1, "-w", 1300, "-e", "exit", LOCAL, port) as clock:
            clock.said()
            clock.finish()              # 1.3 s later, by the tool's own wait
        with tool("leaker", "-n", 3, "-H", LOCAL, port) as young:
            young.said()
            report = tracer.stop()
    assert report.process(old.pid)["idle"] == 2
    assert report.process(young.pid)["idle"] == 0
    assert 1.3 <= report.process(old.pid)["oldest"] < 10


# -- already open when the tracer comes -----------------------------------------------------------


def test_adopted_500(sink, port):
    with tool("leaker", "-n", 500, "-H", LOCAL, port) as leaker:
        truth = leaker.said()
        with Tracer(port) as tracer:
            report = tracer.stop()
        expect(report.process(leaker.pid), adopted=500, open=500)
        assert {c["local_port"] for c in report.connections("open")} == set(truth["ports"])

        with Tracer(port) as tracer:
            leaker.finish()
            report = tracer.stop()
        expect(report.process(leaker.pid), adopted=500, abandoned=500)


def first_look(port, once, unix=False):
    """What a watch adopts, or --once, which has programs of its own."""
    if once:
        with Tracer(port, "--once", armed=False, unix=unix) as tracer:
            return tracer.report()
    with Tracer(port, unix=unix) as tracer:
        return tracer.stop()


@pytest.mark.parametrize("once", [False, True])
def test_adopted_with_a_port_of_its_own_choice(sink, port, once):
    """bind() before connect(): told from a server's end, which has the same look, by who listens."""
    with tool("leaker", "-n", 3, "-b", port + 100, "-H", LOCAL, port) as bound, \
            tool("leaker", "-n", 4, "-H", LOCAL, port) as free:
        truth = bound.said()["ports"] + free.said()["ports"]
        report = first_look(port, once)
        bound.finish()
        free.finish()
    expect(report.process(bound.pid), adopted=3, open=3)
    expect(report.process(free.pid), adopted=4, open=4)
    connections = report.connections("open")
    assert sorted(c["local_port"] for c in connections) == sorted(truth)
    assert all(len(c["holders"]) == 1 for c in connections)


@pytest.mark.parametrize("once", [False, True])
def test_a_server_s_end_is_not_adopted(port, once):
    """Its client's port is the watched one."""
    with Sink(port + 1) as other, tool("leaker", "-n", 1, "-b", port, "-H", LOCAL, port + 1) as leaker:
        assert leaker.said()["ports"] == [port]
        report = first_look(port, once)
        leaker.finish()
        other.finish_said()
    assert report.scripts == []


def test_who_is_in_thousands_of_groups_is_known_as_well(sink, port):
    groups = ",".join(map(str, range(100000, 102000)))
    with tool("leaker", "-n", 1, "-H", LOCAL, port, prefix=("setpriv", "--groups", groups)) as leaker:
        leaker.said()
        with Tracer(port) as tracer:
            report = tracer.stop()
    assert report.process(leaker.pid)["process"]["namespace_pid"] == leaker.pid


def test_one_look(sink, port):
    with tool("leaker", "-n", 7, "-H", LOCAL, port) as leaker:
        leaker.said()
        with Tracer(port, "--once", armed=False) as tracer:
            report = tracer.report()
    expect(report.process(leaker.pid), adopted=7, open=7)


def test_nothing_is_missed_or_doubled_while_attaching(sink, port):
    """Connections open before, while and after the tracer attaches: each is counted once."""
    number = 6000
    with tool("leaker", "-n", number, "-H", LOCAL, port,
              prefix=("prlimit", "--nofile=20000", "--")) as leaker:
        wait_until(lambda: len(sockets_to(port)) > 200, "the leaker is under way", every=0.001)
        with Tracer(port) as tracer:
            leaker.said()
            report = tracer.stop()
    row = report.process(leaker.pid)
    assert row["adopted"] + row["opened"] == number
    assert row["adopted"] > 0 and row["open"] == number


# -- connections that change hands ----------------------------------------------------------------


def test_fork_with_the_parent_gone(sink, port):
    with Tracer(port) as tracer, tool("mover", "fork", LOCAL, port) as parent:
        truth = parent.said()
        parent.process.wait(10)
        (inode,) = sockets_to(port).values()
        assert {pid for pid, _ in holders_of(inode)} == {truth["child"]}
        report = tracer.stop()
        row = connection_of(report, parent.pid)
        assert row["state"] == "open" and row["local_port"] == truth["port"]
        assert holder_pairs(row) == holders_of(inode)
    expect(report.process(parent.pid), opened=1, open=1)


def test_fork_then_the_child_ends(sink, port):
    with Tracer(port) as tracer, tool("mover", "fork", LOCAL, port) as parent:
        truth = parent.said()
        parent.process.wait(10)         # the parent first, or the child would not be the last
        parent.finish()
        wait_until(lambda: truth["port"] not in sockets_to(port), "the child let go")
        report = tracer.stop()
    expect(report.process(parent.pid), opened=1, abandoned=1)
    row = connection_of(report, parent.pid)
    assert row["ending"] == "abandoned" and row["closer"]["pid"] == truth["child"]


def test_fork_adopted_after_the_parent_is_gone(sink, port):
    with tool("mover", "fork", LOCAL, port) as parent:
        truth = parent.said()
        parent.process.wait(10)
        with Tracer(port) as tracer:
            report = tracer.stop()
        expect(report.process(truth["child"]), adopted=1, open=1)


def test_dup_is_one_connection(sink, port):
    with Tracer(port) as tracer, tool("mover", "dup", LOCAL, port) as mover:
        truth = mover.said()
        (inode,) = sockets_to(port).values()
        report = tracer.stop()
        expect(report.process(mover.pid), opened=1, open=1)
        assert holder_pairs(report.connection(truth["port"])) == holders_of(inode)
        assert len(holders_of(inode)) == 2


def test_dup_closed_once(sink, port):
    with Tracer(port) as tracer, tool("mover", "dup", LOCAL, port) as mover:
        mover.said()
        assert mover.finish() == 0
        report = tracer.stop()
    expect(report.process(mover.pid), opened=1, closed=1)


def test_exec_keeps_the_connection(sink, port):
    with Tracer(port) as tracer, tool("mover", "exec-keep", LOCAL, port) as mover:
        truth = mover.said()
        wait_until(lambda: comm_of(mover.pid) == "cat", "it is `cat` now")
        (inode,) = sockets_to(port).values()
        report = tracer.stop()
        row = report.connection(truth["port"])
        assert row["state"] == "open"
        assert holder_pairs(row) == holders_of(inode) == {(mover.pid, truth["fd"])}
    expect(report.script("mover"), opened=1, open=1)    # who opened it, whatever runs there now


def test_exec_keeps_it_and_exit_abandons_it(sink, port):
    with Tracer(port) as tracer, tool("mover", "exec-keep", LOCAL, port) as mover:
        mover.said()
        mover.finish()
        report = tracer.stop()
    expect(report.script("mover"), opened=1, abandoned=1)
    assert report.connections()[0]["closer"]["pid"] == mover.pid


def test_exec_closes_the_connection(sink, port):
    with Tracer(port) as tracer, tool("mover", "exec-close", LOCAL, port) as mover:
        mover.said()
        wait_until(lambda: not sockets_to(port), "close-on-exec closed it", every=0.001)
        report = tracer.stop()
        assert comm_of(mover.pid) == "cat", "the process lives on"
    expect(report.script("mover"), opened=1, closed=1)


@pytest.mark.parametrize("holder_end,ending", [("close", "closed"), ("exit", "abandoned")])
def test_passed_to_another_process(sink, port, tmp_path, holder_end, ending):
    path = str(tmp_path / "channel")
    with tool("holder", path, holder_end) as holder:
        holder.said()
        with Tracer(port) as tracer, tool("mover", "send", LOCAL, port, path) as mover:
            truth = mover.said()
            taken = holder.said()
            (inode,) = sockets_to(port).values()
            assert holders_of(inode) == {(holder.pid, taken["fd"])}
            holder.finish()
            mover.finish()
            report = tracer.stop()
    expect(report.process(mover.pid), opened=1, **{ending: 1})
    row = report.connection(truth["port"])
    assert row["ending"] == ending and row["closer"]["pid"] == holder.pid


def test_passed_and_held(sink, port, tmp_path):
    path = str(tmp_path / "channel")
    with tool("holder", path) as holder:
        holder.said()
        with Tracer(port) as tracer, tool("mover", "send", LOCAL, port, path) as mover:
            truth = mover.said()
            taken = holder.said()
            mover.finish()
            report = tracer.stop()
    expect(report.process(mover.pid), opened=1, open=1)
    assert holder_pairs(report.connection(truth["port"])) == {(holder.pid, taken["fd"])}


def test_in_flight_is_open(sink, port):
    """Sent into a socket nobody reads: no process has a descriptor, and the connection lives."""
    with Tracer(port) as tracer, tool("mover", "flight", LOCAL, port) as mover:
        truth = mover.said()
        report = tracer.stop()
        assert report.connection(truth["port"])["holders"] == []
    expect(report.process(mover.pid), opened=1, open=1)


def comm_of(pid):
    with open(f"/proc/{pid}/comm", encoding="utf-8") as file:
        return file.read().strip()


# -- attempts that come to nothing, and what is no connection -------------------------------------


def test_connection_refused(port):
    with Tracer(port) as tracer, tool("leaker", "-n", 3, "-H", LOCAL, port) as leaker:
        truth = leaker.said()
        report = tracer.stop()
    assert truth["failed"] == 3 and truth["error"] == 111      # ECONNREFUSED, from loopback itself
    expect(report.process(leaker.pid), failed=3)


@pytest.mark.parametrize("what", ["give-up", "give-up-exit"])
def test_connect_given_up(port, what):
    """A listener whose queue is full answers no SYN: connects stay in SYN_SENT until given up."""
    with Sink(port, LOCAL, "-m"), tool("leaker", "-n", 1, "-H", LOCAL, port) as filler:
        filler.said()
        with Tracer(port) as tracer, tool("odd", what, LOCAL, port) as odd:
            odd.said()
            if what == "give-up-exit":
                odd.finish()
            report = tracer.stop()
        expect(report.process(filler.pid), adopted=1, open=1)
    expect(report.process(odd.pid), failed=1)


def test_udp_is_not_a_connection(sink, port):
    with Tracer(port) as tracer, tool("odd", "udp", LOCAL, port) as odd:
        odd.said()
        report = tracer.stop()
    assert report.scripts == []


def test_a_client_port_with_the_number_of_the_watched_one(port):
    """Source port = the watched port, destination = another server: not our business."""
    with Sink(port + 1) as other, Tracer(port) as tracer, \
            tool("leaker", "-n", 1, "-c", 1, "-b", port, LOCAL, port + 1) as leaker:
        truth = leaker.said()
        assert truth["opened"] == 1 and truth["ports"] == [port]
        leaker.finish()
        report = tracer.stop()
        assert other.finish_said()["accepted"] == 1
    assert report.scripts == []


# -- the server ends it ---------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["-c", "-r"])
def test_hung_up_and_kept(port, how):
    with Sink(port, LOCAL, how, "0"), Tracer(port) as tracer, \
            tool("odd", "keep", LOCAL, port) as odd:
        odd.said()
        report = tracer.stop()
        expect(report.process(odd.pid), opened=1, hung_up=1, fd_leak=1)


@pytest.mark.parametrize("once", [False, True])
def test_who_an_adopted_one_is(sink, port, once):
    """A look of --once is told it by the kernel, a watch asks /proc: the same, namespaces and real user too."""
    prefix = ("unshare", "--pid", "--fork", "--kill-child", "setpriv", "--ruid=65534", "--clear-groups")
    with tool("leaker", "-n", 3, "-H", LOCAL, port, prefix=prefix) as leaker:
        leaker.said()
        report = first_look(port, once)
        (who,) = (row["process"] for row in report.processes())
        expect(report.process(who["pid"]), adopted=3, open=3)
        proc = f"/proc/{who['pid']}"
        with open(f"{proc}/status", encoding="ascii") as file:
            status = dict(line.split(":", 1) for line in file)
        assert who["parent_pid"] == int(status["PPid"]) == leaker.pid
        assert who["user_id"] == int(status["Uid"].split()[0]) == 65534
        assert who["namespace_pid"] == int(status["NSpid"].split()[-1]) == 1
        assert who["name"] == status["Name"].strip() == "leaker"
        assert who["pid_namespace"] == os.stat(f"{proc}/ns/pid").st_ino != os.stat("/proc/self/ns/pid").st_ino
        assert who["network_namespace"] == os.stat(f"{proc}/ns/net").st_ino
        leaker.finish()


@pytest.mark.parametrize("once", [False, True])
def test_hung_up_before_the_tracer(port, once):
    with Sink(port, LOCAL, "-c", "0"), tool("odd", "keep", LOCAL, port) as odd:
        odd.said()
        report = first_look(port, once)
        expect(report.process(odd.pid), adopted=1, hung_up=1, fd_leak=1)


@pytest.mark.parametrize("once", [False, True])
@pytest.mark.parametrize("still", [0, 1])
@pytest.mark.parametrize("family", [socket.AF_INET, socket.AF_UNIX])
def test_a_peak_is_what_was_seen_open(port, tmp_path, family, still, once):
    """What was hung up before holds no slot: it was not open together with what is."""
    address = (LOCAL, port) if family == socket.AF_INET else str(tmp_path / f".s.PGSQL.{port}")
    with socket.socket(family) as server, contextlib.ExitStack() as stack:
        server.bind(address)
        server.listen()
        clients = [stack.enter_context(socket.socket(family)) for _ in range(3)]
        for client in clients:
            client.connect(address)
        ends = [stack.enter_context(server.accept()[0]) for _ in clients]
        for client, end in list(zip(clients, ends))[still:]:
            end.close()
            assert client.recv(1) == b""
        report = first_look(port, once, family == socket.AF_UNIX)
        mine = report.process(os.getpid())
        expect(mine, adopted=3, open=still, hung_up=3 - still, fd_leak=3 - still)
        assert all(row["peak"] == row["open"] for row in (mine, *report.scripts, *report.servers))


def test_hung_up_and_let_go(port):
    with Sink(port, LOCAL, "-c", "0"), Tracer(port) as tracer, \
            tool("odd", "keep", LOCAL, port) as odd:
        odd.said()
        odd.finish()
        report = tracer.stop()
        expect(report.process(odd.pid), opened=1, hung_up=1)


# -- addresses and namespaces ---------------------------------------------------------------------


@pytest.mark.parametrize("server,client,shown", [
    ("::1", "::1", "::1"),
    ("0.0.0.0", "127.0.0.1", "127.0.0.1"),
    ("0.0.0.0", "::ffff:127.0.0.1", "127.0.0.1"),
    ("::", "127.0.0.1", "127.0.0.1"),
])
def test_addresses(port, server, client, shown):
    with Sink(port, server), Tracer(port) as tracer, \
            tool("leaker", "-n", 2, "-c", 1, "-H", client, port) as leaker:
        leaker.said()
        report = tracer.stop()
    expect(report.process(leaker.pid), opened=2, closed=1, open=1)
    assert [(s["address"], s["port"]) for s in report.servers] == [(shown, port)]


def test_another_network_namespace(port, netns):
    with Sink(port, LOCAL, prefix=netns), \
            tool("leaker", "-n", 2, "-H", LOCAL, port, prefix=netns) as early:
        early.said()
        with Tracer(port) as tracer, \
                tool("leaker", "-n", 3, "-c", 1, "-H", LOCAL, port, prefix=netns) as late:
            late.said()
            report = tracer.stop()
    expect(report.process(early.pid), adopted=2, open=2)
    expect(report.process(late.pid), opened=3, closed=1, open=2)


def test_the_same_address_in_two_namespaces_is_two_servers(port, netns):
    with Sink(port, LOCAL, prefix=netns), Sink(port), Tracer(port) as tracer, \
            tool("leaker", "-n", 2, "-H", LOCAL, port, prefix=netns) as there, \
            tool("leaker", "-n", 3, "-H", LOCAL, port) as here:
        there.said()
        here.said()
        report = tracer.stop()
    assert sorted(s["open"] for s in report.servers) == [2, 3]


# -- many -----------------------------------------------------------------------------------------


def test_two_thousand_short_lives(sink, port):
    """Each lives a few ms and has a command line of its own; all are named, none is unknown."""
    with Tracer(port) as tracer, \
            tool("spawn", tool_path("leaker"), LOCAL, port, 2000) as spawner:
        truth = spawner.said(120)
        spawner.finish()
        report = tracer.stop()
    expect(report.script("leaker"), opened=truth["opened"], closed=truth["closed"],
           abandoned=truth["abandoned"])
    assert report.script("leaker")["processes"] == 2000
    seen = {}
    for row in report.processes():
        args = row["process"]["command_args"]
        seen[args[args.index("-T") + 1]] = (row["process"]["pid"], row["opened"], row["closed"],
                                            row["abandoned"], args[-2:])
    wanted = {tag: (pid, opened, closed, opened - closed, [LOCAL, str(port)])
              for pid, tag, opened, closed, _ in truth["jobs"]}
    assert seen == wanted
    assert sink.finish_said()["accepted"] == truth["opened"]


def test_storm(port):
    """100,000 connects and closes: the books hold whatever detail lines were lost."""
    with Tracer(port) as tracer, tool("storm", port, 100000, "-j", 2, "-k", 100) as storm:
        assert storm.said(180)["opened"] == 100000
        storm.finish()
        report = tracer.stop(complete=False)
    expect(report.process(storm.pid), opened=100000, closed=99900, abandoned=100)


def test_a_ring_too_small_is_told_and_costs_no_count(sink, port):
    with Tracer(port, "--ring-size", 4096) as tracer:
        with tracer.held_up(), tool("spawn", tool_path("leaker"), LOCAL, port, 300, 16) as spawner:
            truth = spawner.said(60)
            spawner.finish()
        report = tracer.stop(complete=False)
    assert report.total("opened") == truth["opened"]
    assert report.total("closed") == truth["closed"]
    assert report.total("abandoned") == truth["abandoned"]
    assert report["complete"] is False
    assert report["losses"]["ring_full"] > 0


# -- recordings -----------------------------------------------------------------------------------


def test_a_recording_gives_the_same_report(sink, port, tmp_path):
    recording = tmp_path / "recording.ndjson"
    with tool("leaker", "-n", 2, "-H", LOCAL, port) as early:
        early.said()
        with Tracer(port, "--record", recording) as tracer, \
                tool("spawn", tool_path("leaker"), LOCAL, port, 20) as spawner:
            spawner.said()
            spawner.finish()
            tracer.stop()
            live = tracer.text()
            binary = tracer.argv[0]
    again = subprocess.run([binary, "--replay", str(recording), "-o", "json"],
                           capture_output=True, text=True, check=True, timeout=60)
    assert again.stdout == live
