// SPDX-License-Identifier: BSD-2-Clause
// node-postgres without a pool: --clients=N connections, opened and ended one after the other.
'use strict';

const { Client } = require('pg');
const { hold, option } = require('./hold');

async function main() {
	for (let i = 0; i < Number(option('clients', '3')); i++) {
		const client = new Client({ connectionString: process.env.DATABASE_URL });
		await client.connect();
		await client.query('SELECT 1');
		await client.end();
	}
	await hold();
}

main();
