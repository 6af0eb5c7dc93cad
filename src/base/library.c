/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * library.c: the table. Order matters where signs overlap: a framework before the driver below it,
 * a driver before libpq.
 */
#include <string.h>

#include "base/library.h"

const struct library_row library_rows[] = {
	{.id = "prisma-engine",
		.name = "Prisma up to 6",
		.mapped = "*/libquery_engine-*.so.node",
		.exe = "*/query-engine-*",
		.pool_text = "CPUs x 2 + 1 per PrismaClient",
		.bound_by = "connection_limit in the URL",
		.idle_closing = "after 300 s",
		.creates = {"new PrismaClient("},
		.closes = {"$disconnect("},
		.sized = {"connection_limit"},
		.close = "await prisma.$disconnect() in a finally block",
		.limit = "connection_limit=N in the URL",
		.wrong = "const prisma = new PrismaClient()\n"
			 "await work(prisma)              // no $disconnect()",
		.correct = "const prisma = new PrismaClient()\n"
			   "try { await work(prisma) }\n"
			   "finally { await prisma.$disconnect() }",
		.best = "// db.js, imported by all; DATABASE_URL=...?connection_limit=2\n"
			"export const prisma = new PrismaClient()"},
	{.id = "prisma",
		.name = "Prisma 7",
		.package = "@prisma/client",
		.pool = 10,
		.pool_text = "10 per PrismaClient (the pool of @prisma/adapter-pg)",
		.bound_by = "max of the adapter; connection_limit in the URL is ignored",
		.idle_closing = "after 10 s",
		.creates = {"new PrismaClient("},
		.closes = {"$disconnect("},
		.sized = {"max"},
		.sized_at = "new PrismaPg(",
		.close = "await prisma.$disconnect() in a finally block",
		.limit = "new PrismaPg({ connectionString, max: N }); connection_limit in the URL "
			 "is ignored",
		.wrong = "const prisma = new PrismaClient({ adapter })\n"
			 "await work(prisma)              // no $disconnect()",
		.correct = "const prisma = new PrismaClient({ adapter })\n"
			   "try { await work(prisma) }\n"
			   "finally { await prisma.$disconnect() }",
		.best = "// db.js, imported by all\n"
			"const adapter = new PrismaPg({ connectionString, max: 2 })\n"
			"export const prisma = new PrismaClient({ adapter })"},
	{.id = "pg",
		.name = "node-postgres",
		.package = "pg",
		.pool = 10,
		.pool_text = "10 per Pool, 1 per Client",
		.bound_by = "max in new Pool({ max })",
		.idle_closing = "after 10 s (idleTimeoutMillis)",
		.creates = {"new Pool(", "new Client(", "new pg.Pool(", "new pg.Client("},
		.closes = {".end("},
		.sized = {"max"},
		.close = "await pool.end() (or client.end()) in a finally block",
		.limit = "new Pool({ max: N })",
		.wrong = "const client = new Client()\n"
			 "await client.connect()          // once per call, no end()",
		.correct = "const client = new Client()\n"
			   "await client.connect()\n"
			   "try { await work(client) } finally { await client.end() }",
		.best = "// db.js, imported by all\n"
			"export const pool = new Pool({ max: 2 })\n"
			"await pool.query(sql)           // takes one and gives it back"},
	{.id = "postgres-js",
		.name = "postgres.js",
		.package = "postgres",
		.pool = 10,
		.pool_text = "10 per postgres()",
		.bound_by = "max",
		.idle_closing = "never (idle_timeout)",
		.creates = {"postgres("},
		.closes = {".end("},
		.sized = {"max"},
		.close = "await sql.end() in a finally block",
		.limit = "postgres(url, { max: N, idle_timeout: 20 })",
		.wrong = "const sql = postgres(url)\n"
			 "await sql`select 1`             // no end()",
		.correct = "const sql = postgres(url)\n"
			   "try { await work(sql) } finally { await sql.end() }",
		.best = "// db.js, imported by all\n"
			"export const sql = postgres(url, { max: 2, idle_timeout: 20 })"},
	{.id = "django",
		.name = "Django",
		.argument = "manage.py",
		.pool = 1,
		.pool_text = "1 per thread",
		.bound_by = "CONN_MAX_AGE",
		.idle_closing = "at the end of the request",
		.closes = {"close_old_connections(", "connection.close(", "connections.close_all("},
		.close = "django.db.connections.close_all() at the end of a command or thread",
		.limit = "fewer worker threads, CONN_MAX_AGE = 0",
		.wrong = "for job in jobs:                # each thread gets a connection of its "
			 "own\n"
			 "    Thread(target=work, args=[job]).start()",
		.correct = "def work(job):\n"
			   "    try: ...\n"
			   "    finally: django.db.connections.close_all()",
		.best = "with ThreadPoolExecutor(max_workers=2) as pool:\n"
			"    pool.map(work, jobs)        # work() closes as above"},
	{.id = "sqlalchemy",
		.name = "SQLAlchemy",
		.mapped = "*/sqlalchemy/c*.so",
		.pool = 15,
		.pool_text = "5 + 10 per Engine",
		.bound_by = "pool_size, max_overflow",
		.idle_closing = "never",
		.creates = {"create_engine(", "create_async_engine("},
		.closes = {".dispose("},
		.sized = {"pool_size"},
		.close = "engine.dispose() at the end; one Engine per process",
		.limit = "create_engine(url, pool_size=N, max_overflow=0)",
		.wrong = "def query(sql):\n"
			 "    engine = create_engine(url) # a pool per call\n"
			 "    return engine.connect().execute(sql)",
		.correct = "engine = create_engine(url)\n"
			   "try: work(engine)\n"
			   "finally: engine.dispose()",
		.best = "# db.py, imported by all\n"
			"engine = create_engine(url, pool_size=2, max_overflow=0)\n"
			"with engine.connect() as conn: ..."},
	{.id = "psycopg",
		.name = "psycopg 3",
		.mapped = "*/psycopg_binary/*.so",
		.mapped2 = "*/psycopg_c/*.so",
		.pool = 4,
		.pool_text = "4 per ConnectionPool, 1 per connect()",
		.bound_by = "max_size",
		.idle_closing = "after 600 s",
		.creates = {"psycopg.connect(", "AsyncConnection.connect(", "ConnectionPool("},
		.closes = {".close(", "with psycopg.connect(", "with ConnectionPool("},
		.sized = {"max_size"},
		.close = "with psycopg.connect(...) as conn: closes it at the end of the block",
		.limit = "ConnectionPool(conninfo, max_size=N)",
		.wrong = "conn = psycopg.connect(url)\n"
			 "work(conn)                      # no close()",
		.correct = "with psycopg.connect(url) as conn:\n"
			   "    work(conn)                  # closed here",
		.best = "with ConnectionPool(url, max_size=2) as pool:\n"
			"    with pool.connection() as conn: work(conn)"},
	{.id = "psycopg2",
		.name = "psycopg2",
		.mapped = "*/psycopg2/_psycopg*.so",
		.pool_text = "no pool: 1 per connect()",
		.bound_by = "-",
		.idle_closing = "never; `with connect()` does not close",
		.creates = {"psycopg2.connect(", "SimpleConnectionPool(",
			"ThreadedConnectionPool("},
		.closes = {".close(", ".closeall(", "closing("},
		.sized = {"maxconn"},
		.close = "with contextlib.closing(psycopg2.connect(...)) as conn: plain `with` "
			 "does not close",
		.limit = "one connection per process, or ThreadedConnectionPool(1, N, url)",
		.wrong = "with psycopg2.connect(url) as conn:\n"
			 "    work(conn)                  # commits, does not close",
		.correct = "conn = psycopg2.connect(url)\n"
			   "try: work(conn)\n"
			   "finally: conn.close()",
		.best = "with contextlib.closing(psycopg2.connect(url)) as conn:\n"
			"    for job in jobs: work(conn, job)"},
	{.id = "asyncpg",
		.name = "asyncpg",
		.mapped = "*/asyncpg/protocol/*.so",
		.pool = 10,
		.pool_text = "10 at once per create_pool()",
		.bound_by = "max_size (min_size is opened at once)",
		.idle_closing = "after 300 s",
		.creates = {"asyncpg.connect(", "create_pool("},
		.closes = {".close(", "async with asyncpg.create_pool("},
		.sized = {"max_size"},
		.close = "await pool.close() (or conn.close()) in a finally block",
		.limit = "create_pool(dsn, min_size=1, max_size=N)",
		.wrong = "pool = await asyncpg.create_pool(dsn)\n"
			 "await work(pool)                # no close()",
		.correct = "pool = await asyncpg.create_pool(dsn)\n"
			   "try: await work(pool)\n"
			   "finally: await pool.close()",
		.best = "async with asyncpg.create_pool(dsn, min_size=1, max_size=2) as pool:\n"
			"    await work(pool)"},
	{.id = "hikaricp",
		.name = "HikariCP",
		.jar = "HikariCP-*.jar",
		.pool = 10,
		.pool_text = "10 per HikariDataSource",
		.bound_by = "maximumPoolSize",
		.idle_closing = "after 10 min, if minimumIdle < maximumPoolSize",
		.close = "close the HikariDataSource; give connections back in try-with-resources",
		.limit =
			"config.setMaximumPoolSize(N); leakDetectionThreshold finds the code place",
		.wrong = "Connection c = ds.getConnection();\n"
			 "work(c);                        // never given back",
		.correct = "try (Connection c = ds.getConnection()) {\n"
			   "    work(c);\n"
			   "}",
		.best = "config.setMaximumPoolSize(2);\n"
			"config.setMinimumIdle(0);\n"
			"try (var ds = new HikariDataSource(config)) { ... }"},
	{.id = "pgjdbc",
		.name = "PostgreSQL JDBC",
		.jar = "postgresql*.jar",
		.pool_text = "no pool: 1 per getConnection()",
		.bound_by = "-",
		.idle_closing = "never",
		.close = "try (Connection c = DriverManager.getConnection(...)) closes it",
		.limit = "a pool, HikariCP with maximumPoolSize = N",
		.wrong = "Connection c = DriverManager.getConnection(url);\n"
			 "work(c);                        // no close()",
		.correct = "try (Connection c = DriverManager.getConnection(url)) {\n"
			   "    work(c);\n"
			   "}",
		.best = "one connection for all jobs, or a small pool:\n"
			"config.setMaximumPoolSize(2);"},
	{.id = "pgx",
		.name = "pgx (Go)",
		.module = "github.com/jackc/pgx",
		.pool_text = "pgxpool: max(4, CPUs); database/sql: no bound",
		.bound_by = "pool_max_conns in the URL; SetMaxOpenConns with database/sql",
		.idle_closing = "pgxpool: after 30 min; database/sql: beyond 2 idle at once",
		.close = "defer pool.Close() (conn.Close(ctx)); os.Exit and log.Fatal skip defers",
		.limit = "pool_max_conns=N in the URL, or db.SetMaxOpenConns(N)",
		.wrong = "pool, _ := pgxpool.New(ctx, url) // per call, no Close()\n"
			 "pool.Query(ctx, sql)",
		.correct = "pool, err := pgxpool.New(ctx, url)\n"
			   "defer pool.Close()",
		.best = "one pool per process, ...?pool_max_conns=2;\n"
			"rows, err := pool.Query(ctx, sql); defer rows.Close()"},
	{.id = "lib-pq",
		.name = "lib/pq (Go)",
		.module = "github.com/lib/pq",
		.pool_text = "database/sql: no bound",
		.bound_by = "SetMaxOpenConns",
		.idle_closing = "beyond 2 idle at once",
		.close = "defer db.Close(), and defer rows.Close() for every Query",
		.limit = "db.SetMaxOpenConns(N)",
		.wrong = "rows, _ := db.Query(sql)        // no rows.Close():\n"
			 "for rows.Next() { return }      // the connection stays taken",
		.correct = "rows, err := db.Query(sql)\n"
			   "defer rows.Close()",
		.best = "db, err := sql.Open(\"postgres\", url)\n"
			"defer db.Close()\n"
			"db.SetMaxOpenConns(2)"},
	{.id = "php-pgsql",
		.name = "PHP pgsql",
		.mapped = "*/pgsql.so",
		.mapped2 = "*/pdo_pgsql.so",
		.pool = 1,
		.pool_text = "1 per worker process with pg_pconnect()",
		.bound_by = "the number of workers (pm.max_children)",
		.idle_closing = "never, if persistent",
		.creates = {"pg_connect(", "pg_pconnect(", "new PDO("},
		.closes = {"pg_close("},
		.close = "pg_connect() instead of pg_pconnect(); pg_close() when done",
		.limit = "pm.max_children = N",
		.wrong = "$c = pg_pconnect($dsn);         // each worker keeps one for ever",
		.correct = "$c = pg_connect($dsn);\n"
			   "try { work($c); } finally { pg_close($c); }",
		.best = "a pooler (pgbouncer) in between, and pm.max_children as large as needed"},
	{.id = "libpq",
		.name = "libpq",
		.mapped = "*/libpq.so*",
		.pool_text = "no pool: 1 per PQconnectdb()",
		.bound_by = "-",
		.idle_closing = "never",
		.close = "PQfinish() on every path",
		.limit = "one connection per process",
		.wrong = "PGconn *c = PQconnectdb(url);\n"
			 "if (PQstatus(c) != CONNECTION_OK) return; /* must be finished too */",
		.correct = "PGconn *c = PQconnectdb(url);\n"
			   "...\n"
			   "PQfinish(c);",
		.best = "one connection for the life of the process, PQreset() when it broke"},
};
const size_t library_count = sizeof(library_rows) / sizeof(library_rows[0]);

const struct library_row *library_find(const char *id)
{
	for (size_t i = 0; id && i < library_count; i++)
		if (!strcmp(library_rows[i].id, id))
			return &library_rows[i];
	return NULL;
}
