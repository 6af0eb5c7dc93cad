// SPDX-License-Identifier: BSD-2-Clause
// Prisma, the wrong way: a client that is never disconnected, in a script that never ends.
'use strict';

const { PrismaClient } = require('@prisma/client');
const { PrismaPg } = require('@prisma/adapter-pg');

const prisma = new PrismaClient({
	// The pool would let go of idle connections after 10 s; here it may not.
	adapter: new PrismaPg({ connectionString: process.env.DATABASE_URL, idleTimeoutMillis: 0 }),
});

function work() {
	return Promise.all(Array.from({ length: 4 }, () => prisma.$queryRaw`SELECT pg_sleep(0.1)::text`));
}

work();
setInterval(work, 60000);
