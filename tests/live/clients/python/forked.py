# SPDX-License-Identifier: BSD-2-Clause
"""A connection opened before fork(): the parent goes at once, the child keeps it."""

import os

import psycopg2

from hold import hold

connection = psycopg2.connect("")
gone, alive = os.pipe()
child = os.fork()
if child:
    print(f"CHILD {child}", flush=True)
    os._exit(0)
os.close(alive)
os.read(gone, 1)    # the parent has spoken and is gone: two never speak at once
hold()
os._exit(0)
