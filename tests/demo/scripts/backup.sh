#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# psql, as most shell scripts use it: one short connection at a time.
while :; do
	psql -XAtq -c 'SELECT 1' >/dev/null
	sleep 2
done
