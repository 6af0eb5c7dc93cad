// SPDX-License-Identifier: BSD-2-Clause
// One client for the whole process, with a pool sized to the budget; every module takes this one.
'use strict';

const { PrismaClient } = require('@prisma/client');
const { PrismaPg } = require('@prisma/adapter-pg');

if (!globalThis.sharedPrisma) {
	globalThis.sharedPrisma = new PrismaClient({
		adapter: new PrismaPg({ connectionString: process.env.DATABASE_URL, max: 2, idleTimeoutMillis: 0 }),
	});
}

module.exports = globalThis.sharedPrisma;
