# SPDX-License-Identifier: BSD-2-Clause
# Wrong: leaves through the back door, as a crash would.
import os

import psycopg2

client = psycopg2.connect("")
client.cursor().execute("select 1")
os._exit(1)
