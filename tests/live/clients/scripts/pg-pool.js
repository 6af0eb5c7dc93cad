// SPDX-License-Identifier: BSD-2-Clause
// node-postgres with a pool: --queries=N parallel queries open N connections (ten at most).
// They stay open however long a test takes. --leak never ends the pool; --destroy cuts the sockets without a word to the server.
'use strict';

const { Pool } = require('pg');
const { hold, option } = require('./hold');

const pool = new Pool({ connectionString: process.env.DATABASE_URL, idleTimeoutMillis: 0 });
const sockets = [];

pool.on('connect', (client) => sockets.push(client.connection.stream));
pool.on('error', () => {}); // a destroyed socket is reported here; it is what was asked for

async function main() {
	const queries = Number(option('queries', '5'));
	await Promise.all(Array.from({ length: queries }, () => pool.query('SELECT pg_sleep(0.2)')));
	await hold();
	if (process.argv.includes('--destroy')) {
		sockets.forEach((socket) => socket.destroy());
	} else if (!process.argv.includes('--leak')) {
		await pool.end();
	}
}

main();
