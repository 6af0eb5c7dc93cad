// SPDX-License-Identifier: BSD-2-Clause
// node-postgres, the wrong way: a new Client for every mail, and none of them is ended.
'use strict';

const { Client } = require('pg');

async function mail() {
	const client = new Client({ connectionString: process.env.DATABASE_URL });
	await client.connect();
	await client.query('SELECT 1');
}

setInterval(mail, 1000);
