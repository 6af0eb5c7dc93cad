// SPDX-License-Identifier: BSD-2-Clause
// The best pattern: every part of the program uses the shared client; ten parallel queries take
// turns on its two connections, and it is disconnected once, at the end.
'use strict';

const prisma = require('./shared-client');
const { hold, option } = require('./hold');

async function main() {
	const queries = Number(option('queries', '10'));
	try {
		await Promise.all(
			Array.from({ length: queries }, () => prisma.$queryRaw`SELECT pg_sleep(0.05)::text`),
		);
		await hold();
	} finally {
		await prisma.$disconnect();
	}
}

main();
