<?php
// SPDX-License-Identifier: BSD-2-Clause
// PHP, the wrong way: forced new connections, never closed in a worker that never ends.
$kept = [];
while (true) {
	$kept[] = pg_connect("", PGSQL_CONNECT_FORCE_NEW);
	pg_query(end($kept), "SELECT 1");
	sleep(3);
}
