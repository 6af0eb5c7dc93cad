# SPDX-License-Identifier: BSD-2-Clause
"""A connection given to another process with SCM_RIGHTS; its opener closes its own and goes."""

import os
import socket

import psycopg2

from hold import hold

ours, theirs = socket.socketpair()
child = os.fork()
if child:
    theirs.close()
else:       # forked before there was a connection: it can only come through the socket
    ours.close()
    _, descriptors, _, _ = socket.recv_fds(theirs, 1, 1)
    theirs.send(b"+")
    theirs.recv(1)      # the opener is gone
    hold()
    os._exit(0)
print(f"CHILD {child}", flush=True)
connection = psycopg2.connect("")
socket.send_fds(ours, [b"c"], [connection.fileno()])
assert ours.recv(1) == b"+"
os._exit(0)
