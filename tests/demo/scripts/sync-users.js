// SPDX-License-Identifier: BSD-2-Clause
// Prisma, the wrong way: a client that is never disconnected, in a script that never ends.
'use strict';

const { PrismaClient } = require('@prisma/client');
const { PrismaPg } = require('@prisma/adapter-pg');

const prisma = new PrismaClient({
	adapter: new PrismaPg({ connectionString: process.env.DATABASE_URL }),
});

function work() {
	return Promise.all(Array.from({ length: 4 }, () => prisma.$queryRaw`SELECT pg_sleep(0.1)::text`));
}

work();
setInterval(work, 9000);
