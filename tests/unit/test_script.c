/* SPDX-License-Identifier: BSD-2-Clause */
/* test_script.c: real command lines and the names a person would give them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/mem.h"
#include "model/script.h"

/* Words are separated by '|' where argv has a NUL. */
static const struct {
	const char *argv, *cwd, *script, *runtime;
} cases[] = {
	{"node|scripts/seed.js", "/app", "scripts/seed.js", "node"},
	{"node|/app/scripts/seed.js", "/app", "scripts/seed.js", "node"},
	{"/usr/bin/node|./seed.js|--force", "/app", "seed.js", "node"},
	{"nodejs|seed.js", NULL, "seed.js", "nodejs"},
	{"node20|seed.js", NULL, "seed.js", "node20"},
	{"node|--max-old-space-size=4096|server.js", NULL, "server.js", "node"},
	{"node|-r|dotenv/config|server.js", NULL, "server.js", "node"},
	{"node|--require|./trace.js|dist/../server.js", NULL, "server.js", "node"},
	{"node|--import|tsx|scripts/sync-users.ts", NULL, "scripts/sync-users.ts", "node"},
	{"node|--env-file|.env|index.mjs", NULL, "index.mjs", "node"},
	{"node|-e|new PrismaClient()", NULL, "node -e", "node"},
	{"node|--inspect=9229|--enable-source-maps|dist/main.js", NULL, "dist/main.js", "node"},
	{"node", NULL, "node", "node"},
	{"node|-", NULL, "node -", "node"},
	{"/usr/bin/python3|-", NULL, "python3 -", "python3"},
	{"node|--import|file:///app/loader.mjs|file:///app/x.mjs", "/app", "x.mjs", "node"},
	{"node|--require|/app/node_modules/tsx/dist/preflight.cjs|--import|file:///app/"
	 "node_modules/tsx/"
	 "dist/loader.mjs|scripts/a.ts",
		"/app", "scripts/a.ts", "node"},
	{"node|/app/node_modules/.bin/tsx|scripts/a.ts", "/app", "scripts/a.ts", "tsx"},
	{"node|/app/node_modules/ts-node/dist/bin.js|-P|tsconfig.json|a.ts", "/app", "a.ts",
		"ts-node"},
	{"tsx|watch|src/server.ts", NULL, "src/server.ts", "tsx"},
	{"ts-node|-O|{}|a.ts", NULL, "a.ts", "ts-node"},
	{"npm run seed          ", NULL, "npm run seed", NULL},
	{"npm|run|seed", NULL, "npm run seed", NULL},
	{"npm|test", NULL, "npm test", NULL},
	{"node|/usr/bin/npm|run|job", NULL, "npm run job", "node"},
	{"node|/usr/lib/node_modules/npm/bin/npm-cli.js|run|build", NULL, "npm run build", "node"},
	{"npx|prisma|db|seed", NULL, "npx prisma", NULL},
	{"node|/usr/bin/yarn|seed", NULL, "yarn seed", "node"},
	{"pnpm|run|migrate", NULL, "pnpm run migrate", NULL},
	{"node|/app/node_modules/.bin/next|dev", "/app", "node_modules/.bin/next", "node"},
	{"sh|-c|node scripts/job.js", "/app", "scripts/job.js", "node"},
	{"sh|-c|node a.js && node b.js", NULL, "sh -c", "sh"},
	{"/bin/bash|/opt/jobs/nightly.sh", "/", "/opt/jobs/nightly.sh", "bash"},
	{"bash|-eu|-o|pipefail|run.sh", NULL, "run.sh", "bash"},
	{"-bash", NULL, "bash", "bash"},
	{"sh|-c|psql -h db", NULL, "psql", "sh"},
	{"python3|manage.py|migrate|--noinput", "/srv", "manage.py migrate", "python3"},
	{"python|-m|app.worker", NULL, "python -m app.worker", "python"},
	{"python3.11|-u|jobs/etl.py", NULL, "jobs/etl.py", "python3.11"},
	{"python3|-W|ignore|-X|dev|x.py", NULL, "x.py", "python3"},
	{"python3|-c|import psycopg2", NULL, "python3 -c", "python3"},
	{"/venv/bin/python|/srv/app/etl.py", "/srv/app", "etl.py", "python"},
	{"python3|-m|pytest|-q", NULL, "python -m pytest", "python3"},
	{"/venv/bin/python3|/venv/bin/gunicorn|app:wsgi", "/srv", "gunicorn app:wsgi", "python3"},
	{"/usr/bin/python3|/usr/bin/"
	 "gunicorn|-b|localhost:80|--access-logfile|-|shop.wsgi:make_app()",
		NULL, "gunicorn shop.wsgi:make_app()", "python3"},
	{"python3|-m|uvicorn|--host|::|--uds|unix:/run/x|main:app", NULL, "uvicorn main:app",
		"python3"},
	{"/usr/bin/python3|/usr/bin/celery|-c|4|worker|--app=proj", NULL, "celery proj", "python3"},
	{"gunicorn|shop", NULL, "gunicorn", NULL},
	{"gunicorn|-w|4|-b|0.0.0.0:8000|app:wsgi", NULL, "gunicorn app:wsgi", NULL},
	{"uvicorn|main:app|--port|8000", NULL, "uvicorn main:app", NULL},
	{"celery|-A|proj|worker", NULL, "celery proj", NULL},
	{"ruby|bin/import.rb", NULL, "bin/import.rb", "ruby"},
	{"ruby3.1|-r|bundler/setup|x.rb", NULL, "x.rb", "ruby3.1"},
	{"bundle|exec|ruby|x.rb", NULL, "x.rb", "ruby"},
	{"puma 6.4.0 (tcp://0.0.0.0:3000) [shop]", NULL, "puma 6.4.0 (tcp://0.0.0.0:3000) [shop]",
		NULL},
	{"perl|-w|load.pl", NULL, "load.pl", "perl"},
	{"perl|-e|print 1", NULL, "perl -e", "perl"},
	{"php|artisan|queue:work", NULL, "artisan queue:work", "php"},
	{"php8.2|-d|memory_limit=1G|cron.php", NULL, "cron.php", "php8.2"},
	{"php-fpm: pool www", NULL, "php-fpm: pool www", NULL},
	{"java|-Xmx2g|-jar|/srv/app.jar|--x", "/srv", "app.jar", "java"},
	{"java|-cp|a.jar:b.jar|-Dx=y|com.example.Main|arg", NULL, "com.example.Main", "java"},
	{"/usr/lib/jvm/bin/java|@args|com.example.Job", NULL, "com.example.Job", "java"},
	{"java|-m|mod/com.example.Main", NULL, "mod/com.example.Main", "java"},
	{"deno|run|-A|main.ts", NULL, "main.ts", "deno"},
	{"deno|task|seed", NULL, "deno task seed", "deno"},
	{"bun|run|index.ts", NULL, "index.ts", "bun"},
	{"bun|seed.ts", NULL, "seed.ts", "bun"},
	{"dotnet|Shop.dll", NULL, "Shop.dll", "dotnet"},
	{"lua5.4|x.lua", NULL, "x.lua", "lua5.4"},
	{"Rscript|model.R", NULL, "model.R", "Rscript"},
	{"env|A=b|node|x.js", NULL, "x.js", "node"},
	{"timeout|5|node|x.js", NULL, "x.js", "node"},
	{"nice|-n|10|python3|x.py", NULL, "x.py", "python3"},
	{"sudo|-E|node|x.js", NULL, "x.js", "node"},
	{"uv|run|python|x.py", NULL, "x.py", "python"},
	{"poetry|run|python|-m|app", NULL, "python -m app", "python"},
	{"psql|-h|db|-U|app", NULL, "psql", NULL},
	{"/usr/bin/pgbench|-C", NULL, "pgbench", NULL},
	{"/usr/local/bin/shop-api|--port|80", NULL, "shop-api", NULL},
	{"pgbouncer|-d|/etc/pgbouncer.ini", NULL, "pgbouncer", NULL},
	{"postgres_exporter", NULL, "postgres_exporter", NULL},
	{"node|a//b/./c.js", NULL, "a/b/c.js", "node"},
	{"node|../x.js", "/app", "../x.js", "node"},
	{"node|/appendix/x.js", "/app", "/appendix/x.js", "node"},
	{"node|/app/../srv/x.js", "/app", "/srv/x.js", "node"},
	{"postgres: app shop 10.0.0.7(40000) idle in transaction", NULL, "postgres: app shop", NULL},
	{"postgres: main: app shop [local] SELECT", NULL, "postgres: main: app shop", NULL},
	{"postgres: walreceiver streaming 0/3000148", NULL, "postgres: walreceiver", NULL},
	{"postgres: parallel worker for PID 77", NULL, "postgres: parallel worker", NULL},
	{"postgres: logical replication worker for subscription 16394", NULL,
		"postgres: logical replication worker for subscription 16394", NULL},
	{"", NULL, "worker", NULL},
	{"||", NULL, "worker", NULL},
};

static void names_real_command_lines(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		size_t length = strlen(cases[i].argv);
		char *argv = xmemdup(cases[i].argv, length);
		struct script_name name;

		for (size_t at = 0; at < length; at++)
			if (argv[at] == '|')
				argv[at] = 0;
		script_identify(&name, argv, length, "worker", NULL, cases[i].cwd);
		if (strcmp(name.script, cases[i].script))
			print_error("%s\n", cases[i].argv);
		assert_string_equal(name.script, cases[i].script);
		if (!cases[i].runtime || !name.runtime)
			assert_true(!cases[i].runtime && !name.runtime);
		else
			assert_string_equal(name.runtime, cases[i].runtime);
		script_free(&name);
		free(argv);
	}
}

static bool works_for(const char *argv, size_t n, const char *parent, size_t m)
{
	return script_is_worker(argv, n, parent, m, "/srv");
}
#define WORKS_FOR(argv, parent) works_for(argv, sizeof(argv) - 1, parent, sizeof(parent) - 1)

static void a_worker_runs_what_its_parent_runs(void **state)
{
	(void)state;
	assert_true(WORKS_FOR(
		"python3\0/usr/bin/gunicorn\0shop:app", "python3\0/usr/bin/gunicorn\0shop:app"));
	assert_true(WORKS_FOR("/usr/bin/node\0/srv/api.js", "node\0api.js"));
	assert_true(
		WORKS_FOR("php-fpm: pool www   ", "php-fpm: master process (/etc/php-fpm.conf)"));
	assert_true(WORKS_FOR(
		"puma: cluster worker 0: 7 [shop]", "puma 6.4.0 (tcp://0.0.0.0:3000) [shop]"));
	assert_false(WORKS_FOR("php-fpm: pool www", "php\0run.php"));
	assert_false(WORKS_FOR("node\0scripts/sync.js", "node\0run-all.js"));
	assert_false(WORKS_FOR("node\0scripts/sync.js", "sh\0-c\0node scripts/sync.js; date"));
	assert_false(WORKS_FOR("node\0sync.js", "timeout\00060\0node\0sync.js"));
	assert_false(WORKS_FOR("node\0sync.js", "sh\0-c\0node sync.js"));
	assert_false(WORKS_FOR("python3\0a.py", ""));
	assert_false(WORKS_FOR("", ""));
}

static void multiprocessing_is_told(void **state)
{
	const char argv[] =
		"python3\0-c\0from multiprocessing.spawn import spawn_main; spawn_main(4)\0--x";

	(void)state;
	assert_true(script_is_multiprocessing(argv, sizeof(argv)));
	assert_false(script_is_multiprocessing(argv, 20));
	assert_false(script_is_multiprocessing("python3\0-c\0import multiprocessing", 34));
}

static void names_at_least_sixty(void **state)
{
	(void)state;
	assert_true(sizeof(cases) / sizeof(cases[0]) >= 60);
}

static void survives_hostile_argv(void **state)
{
	static const char cut[] = "node\0--require", options[] = "nice\0-n\0005";
	size_t length = 2 << 20;
	char *big = xcalloc(1, length + 1);
	struct script_name name;

	(void)state;
	memset(big, 'a', length);
	script_identify(&name, big, length, "x", NULL, "/");
	assert_int_equal(strlen(name.script), length);
	script_free(&name);
	memset(big, 0, length);
	script_identify(&name, big, length, "x", NULL, "/");
	assert_string_equal(name.script, "x");
	script_free(&name);
	script_identify(&name, cut, sizeof(cut) - 1, "x", NULL, NULL);
	assert_string_equal(name.script, "node");
	script_free(&name);
	script_identify(&name, options, sizeof(options), "x", NULL, NULL); /* found by fuzzing */
	assert_string_equal(name.script, "nice");
	script_free(&name);
	script_identify(&name, NULL, 0, NULL, NULL, NULL);
	assert_string_equal(name.script, "?");
	script_free(&name);
	free(big);
}

static void finds_wrappers(void **state)
{
	static const char npm[] = "npm run seed   ", node[] = "node\0/usr/bin/npm\0run\0job",
			  plain[] = "bash";
	char *name = script_wrapper(npm, sizeof(npm));

	(void)state;
	assert_string_equal(name, "npm run seed");
	free(name);
	name = script_wrapper(node, sizeof(node));
	assert_string_equal(name, "npm run job");
	free(name);
	assert_null(script_wrapper(plain, sizeof(plain)));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_real_command_lines),
		cmocka_unit_test(names_at_least_sixty),
		cmocka_unit_test(a_worker_runs_what_its_parent_runs),
		cmocka_unit_test(multiprocessing_is_told),
		cmocka_unit_test(survives_hostile_argv),
		cmocka_unit_test(finds_wrappers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
