# SPDX-License-Identifier: BSD-2-Clause
# Wrong: three connections, none closed, and the process lives on.
import time

import psycopg2

clients = [psycopg2.connect("") for _ in range(3)]
for client in clients:
    client.cursor().execute("select 1")
time.sleep(60)
