# SPDX-License-Identifier: BSD-2-Clause
"""psycopg2, the wrong way: `with` ends the transaction, not the connection; then it hurries out."""

import os

import psycopg2

kept = []
for _ in range(3):
    with psycopg2.connect("") as connection:
        connection.cursor().execute("SELECT pg_sleep(0.2)")
    kept.append(connection)
os._exit(1)
