// SPDX-License-Identifier: BSD-2-Clause
// The same work, mended: whatever happens, the client is disconnected at the end.
'use strict';

const { PrismaClient } = require('@prisma/client');
const { PrismaPg } = require('@prisma/adapter-pg');
const { hold, option } = require('./hold');

const prisma = new PrismaClient({
	adapter: new PrismaPg({ connectionString: process.env.DATABASE_URL }),
});

async function main() {
	const queries = Number(option('queries', '10'));
	try {
		await Promise.all(
			Array.from({ length: queries }, () => prisma.$queryRaw`SELECT pg_sleep(0.2)::text`),
		);
		await hold();
	} finally {
		await prisma.$disconnect();
	}
}

main();
