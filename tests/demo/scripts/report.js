// SPDX-License-Identifier: BSD-2-Clause
// node-postgres, the right way: a small pool, ended when the work is done.
'use strict';

const { Pool } = require('pg');

async function report() {
	const pool = new Pool({ connectionString: process.env.DATABASE_URL, max: 2 });
	try {
		await Promise.all([1, 2, 3, 4].map(() => pool.query('SELECT 1')));
	} finally {
		await pool.end();
	}
}

setInterval(report, 1500);
