// SPDX-License-Identifier: BSD-2-Clause
// Wrong: a pool that never ends, in a process that never ends.
const { Pool } = require("pg");
const pool = new Pool({ max: 2, idleTimeoutMillis: 0 });
Promise.all([pool.query("select 1"), pool.query("select 2")]).catch(() => {});
setTimeout(() => {}, 60000);
