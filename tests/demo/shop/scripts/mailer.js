// SPDX-License-Identifier: BSD-2-Clause
// Right: whatever happens, the pool ends.
const { Pool } = require("pg");
const pool = new Pool({ max: 2 });
pool.query("select 1").catch(() => {}).finally(() => pool.end());
