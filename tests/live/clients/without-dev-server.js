// SPDX-License-Identifier: BSD-2-Clause
// Preloaded before `prisma generate`: hides @prisma/dev, Prisma's local database server, from the
// command. generate never uses it, and loading it needs require() of an ES module, which
// Debian 12's Node 18 can't do.
'use strict';

const Module = require('module');
const load = Module._load;

Module._load = function (name, ...rest) {
	if (name === '@prisma/dev' || name.startsWith('@prisma/dev/')) {
		return {};
	}
	return load.call(this, name, ...rest);
};
