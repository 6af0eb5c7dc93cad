# SPDX-License-Identifier: BSD-2-Clause
"""A connection opened before fork(): the parent goes at once, the child keeps it."""

import os
import sys

import psycopg2

from hold import hold

connection = psycopg2.connect("")
child = os.fork()
if child:
    print(f"CHILD {child}", flush=True)
    os._exit(0)
hold()
os._exit(0)
