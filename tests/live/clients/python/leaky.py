# SPDX-License-Identifier: BSD-2-Clause
"""psycopg2 without close(): COUNT connections, and `with` blocks that only end transactions.

How it ends decides what the kernel sees. By default CPython's destructors still close each
connection; with `hurry` os._exit() leaves them to the kernel.
"""

import os
import sys

import psycopg2

from hold import hold

connections = []
for _ in range(int(sys.argv[1])):
    with psycopg2.connect("") as connection:    # commits at the end; does not close
        connection.cursor().execute("SELECT 1")
    connections.append(connection)
hold()
if "hurry" in sys.argv:
    os._exit(3)
