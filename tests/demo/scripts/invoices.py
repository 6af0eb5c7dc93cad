# SPDX-License-Identifier: BSD-2-Clause
"""psycopg2, the right way: closed, whatever happens."""

import time
from contextlib import closing

import psycopg2

while True:
    with closing(psycopg2.connect("")) as connection:
        connection.cursor().execute("SELECT 1")
    time.sleep(1)
