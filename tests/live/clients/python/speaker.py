# SPDX-License-Identifier: BSD-2-Clause
"""Speaks the protocol byte by byte, as no driver does: speaker.py HOW HOST PORT.

HOW is one of the functions below. It says READY when it has done its part, waits until standard input
ends, and then leaves without close(): only what was said tells a clean ending from an abandoned one.
"""

import os
import socket
import struct
import sys

from hold import hold

STARTUP = b"user\0postgres\0database\0postgres\0application_name\0speaker\0\0"
TERMINATE = b"X\0\0\0\4"


def packet(code, body=b""):
    return struct.pack("!II", 8 + len(body), code) + body


def startup():
    return packet(3 << 16, STARTUP)


def message(kind, body):
    return kind + struct.pack("!I", 4 + len(body)) + body


def until(peer, last):
    """Reads until a whole message of that type has come; the server's end counts too."""
    data = b""
    while True:
        at = 0
        while len(data) >= at + 5 and len(data) >= at + 1 + int.from_bytes(data[at + 1:at + 5], "big"):
            if data[at:at + 1] == last:
                return
            at += 1 + int.from_bytes(data[at + 1:at + 5], "big")
        more = peer.recv(4096)
        if not more:
            return
        data += more


def in_pieces(peer, data, size=1):
    for at in range(0, len(data), size):
        peer.sendall(data[at:at + size])


def split_startup(peer):
    in_pieces(peer, startup())
    until(peer, b"Z")


def split_terminate(peer):
    """Its last bytes come two segments later."""
    peer.sendall(startup())
    until(peer, b"Z")
    in_pieces(peer, TERMINATE, 2)
    peer.recv(1)


def not_terminate(peer):
    """What looks like a Terminate was in the middle of a message: more follows."""
    peer.sendall(startup())
    until(peer, b"Z")
    query = message(b"Q", b"SELECT '" + b"X" * 20 + b"'\0")
    peer.sendall(query)
    until(peer, b"Z")
    whole = message(b"P", b"\0SELECT $1\0\0\0") + message(b"B", b"\0\0\0\0\0\1\0\0\0\5" + TERMINATE + b"\0\0")
    cut = whole.index(TERMINATE) + len(TERMINATE)
    peer.sendall(whole[:cut])
    peer.sendall(whole[cut:] + message(b"E", b"\0\0\0\0\0") + message(b"S", b""))
    until(peer, b"Z")


def pipelined(peer):
    """Start, ask and say goodbye in one segment."""
    peer.sendall(startup() + message(b"Q", b"SELECT 1\0") + TERMINATE)
    while peer.recv(4096):
        pass


def pipelined_tls(peer):
    """A startup packet behind the question whether TLS may be: the server refuses that."""
    peer.sendall(packet(80877103) + startup())
    while peer.recv(4096):
        pass


def main():
    how, host, port = sys.argv[1:]
    peer = socket.create_connection((host, int(port)))
    peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    globals()[how](peer)
    hold()
    os._exit(0)


main()
