# SPDX-License-Identifier: BSD-2-Clause
"""psycopg2: a query that is cancelled by the one who asked it, on a connection of its own."""

import threading

import psycopg2

from hold import hold

connection = psycopg2.connect("")
cursor = connection.cursor()
timer = threading.Timer(0.3, connection.cancel)
timer.start()
try:
    cursor.execute("SELECT pg_sleep(60)")
except psycopg2.errors.QueryCanceled:
    connection.rollback()
timer.join()
hold()
connection.close()
