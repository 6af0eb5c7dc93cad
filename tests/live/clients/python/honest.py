# SPDX-License-Identifier: BSD-2-Clause
"""psycopg2 as it should be used: COUNT connections, every one closed."""

import sys

import psycopg2

from hold import hold

connections = [psycopg2.connect("") for _ in range(int(sys.argv[1]))]
hold()
for connection in connections:
    connection.close()
