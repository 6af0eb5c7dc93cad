# SPDX-License-Identifier: BSD-2-Clause
"""Says READY once a script holds its connections, then waits until standard input ends."""

import sys


def hold():
    print("READY", flush=True)
    sys.stdin.read()
