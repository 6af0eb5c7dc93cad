# SPDX-License-Identifier: BSD-2-Clause
# Right: opened for the work, closed after it.
import contextlib
import time

import psycopg2

for _ in range(4):
    with contextlib.closing(psycopg2.connect("")) as client:
        client.cursor().execute("select 1")
    time.sleep(0.2)
