// SPDX-License-Identifier: BSD-2-Clause
// The incident's pattern: a client per script, never disconnected. Ten parallel queries open the
// adapter's whole pool of ten; each connection is idle until the pool lets go of it, 10 s later.
'use strict';

const { PrismaClient } = require('@prisma/client');
const { PrismaPg } = require('@prisma/adapter-pg');
const { hold, option } = require('./hold');

const prisma = new PrismaClient({
	adapter: new PrismaPg({ connectionString: process.env.DATABASE_URL }),
});

async function main() {
	const queries = Number(option('queries', '10'));
	await Promise.all(
		Array.from({ length: queries }, () => prisma.$queryRaw`SELECT pg_sleep(0.2)::text`),
	);
	await hold();
}

main();
