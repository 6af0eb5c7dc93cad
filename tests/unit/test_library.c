/* SPDX-License-Identifier: BSD-2-Clause */
/* test_library.c: each library is found by its sign, in a /proc and a root built for the test; what
 * is not certain stays unnamed; source hints name lines and never print what is written there. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <elf.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "stream/below.h"
#include "stream/library.h"
#include "stream/maps.h"

static char folder[64]; /* proc/ is the process's /proc, root/ its file system */

static void make_folders(const char *path)
{
	char part[512];

	for (const char *at = path; (at = strchr(at + 1, '/'));) {
		snprintf(part, sizeof(part), "%.*s", (int)(at - path), path);
		mkdir(part, 0755);
	}
}

static void put_bytes(const char *name, const void *bytes, size_t size)
{
	char path[512];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	make_folders(path);
	file = fopen(path, "w");
	assert_non_null(file);
	assert_int_equal(fwrite(bytes, 1, size, file), size);
	fclose(file);
}

static void put(const char *name, const char *text)
{
	put_bytes(name, text, strlen(text));
}

static int begin(void **state)
{
	(void)state;
	snprintf(folder, sizeof(folder), "/tmp/pgleaktrace-test-XXXXXX");
	if (!mkdtemp(folder))
		return -1;
	put("root/keep", "");
	put("proc/maps", "");
	put("proc/fd/keep", "");
	char to[128], from[128];
	snprintf(to, sizeof(to), "%s/root", folder);
	snprintf(from, sizeof(from), "%s/proc/root", folder);
	return symlink(to, from);
}

static int end(void **state)
{
	char command[128];

	(void)state;
	snprintf(command, sizeof(command), "rm -rf %s", folder);
	return system(command) == 0 ? 0 : -1;
}

static struct library_facts facts;

/* argv: words, each with its NUL. */
#define LOOK(exe, cwd, argv) look(exe, cwd, argv, sizeof(argv), true)
static const char *look(const char *exe, const char *cwd, const char *argv, size_t n, bool source)
{
	char proc[128];
	struct library_query query = {
		.proc = proc, .exe = exe, .cwd = cwd, .argv = argv, .argv_length = n, .source = source};

	snprintf(proc, sizeof(proc), "%s/proc", folder);
	library_facts_free(&facts);
	library_look(&facts, &query);
	return facts.row ? facts.row->id : "";
}

static int forget(void **state)
{
	library_facts_free(&facts);
	memset(&facts, 0, sizeof(facts));
	return end(state);
}

static void by_mapped_file(void **state)
{
	static const struct {
		const char *id, *path;
	} cases[] = {
		{"prisma-engine", "/app/node_modules/.prisma/client/libquery_engine-debian-openssl-3.0.x.so.node"},
		{"psycopg2", "/usr/lib/python3/dist-packages/psycopg2/_psycopg.cpython-311-x86_64-linux-gnu.so"},
		{"psycopg", "/v/site-packages/psycopg_binary/pq.cpython-311-x86_64-linux-gnu.so"},
		{"psycopg", "/v/site-packages/psycopg_c/pq.cpython-311-x86_64-linux-gnu.so"},
		{"asyncpg", "/v/site-packages/asyncpg/protocol/protocol.cpython-311-x86_64-linux-gnu.so"},
		{"sqlalchemy", "/v/site-packages/sqlalchemy/cyextension/collections.cpython-311.so"},
		{"php-pgsql", "/usr/lib/php/20220829/pgsql.so"},
		{"php-pgsql", "/usr/lib/php/20220829/pdo_pgsql.so"},
		{"libpq", "/usr/lib/x86_64-linux-gnu/libpq.so.5.15"},
		{"", "/usr/lib/x86_64-linux-gnu/libc.so.6"},
	};
	char maps[2048];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		snprintf(maps, sizeof(maps),
			"7f0000000000-7f0000001000 r--p 00000000 08:01 77  /usr/lib/libc.so.6\n"
			"7f0000001000-7f0000002000 rw-p 00000000 00:00 0 \n"
			"7f0000002000-7f0000003000 r-xp 00001000 08:01 99                 %s\n",
			cases[i].path);
		put("proc/maps", maps);
		assert_string_equal(LOOK("/usr/bin/python3", "/app", "python3\0x"), cases[i].id);
		if (*cases[i].id)
			assert_string_equal(facts.sign, cases[i].path);
	}
}

struct seen {
	const char *wanted;
	bool found;
};

static void note(void *data, const char *path)
{
	struct seen *seen = data;

	seen->found |= strstr(path, seen->wanted) != NULL;
}

/* Also from a kernel that can be asked: what it says is what its text does. */
static void a_living_process_is_asked(void **state)
{
	static const char *const wanted[] = {"/libc.so", "/libcmocka.so", "/libmicrohttpd.so"};
	char copy[160], *text;
	size_t size;
	FILE *maps = fopen("/proc/self/maps", "re"), *to = open_memstream(&text, &size);

	(void)state;
	for (int c; (c = fgetc(maps)) != EOF;)
		fputc(c, to);
	fclose(maps);
	fclose(to);
	put("proc/maps", text);
	free(text);
	snprintf(copy, sizeof(copy), "%s/proc/maps", folder);
	for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++) {
		struct seen asked = {wanted[i], false}, read = {wanted[i], false};

		maps_each("/proc/self/maps", note, &asked);
		maps_each(copy, note, &read);
		assert_int_equal(asked.found, i < 2);
		assert_int_equal(read.found, i < 2);
	}
}

static void a_framework_before_its_driver_before_libpq(void **state)
{
	(void)state;
	put("proc/maps", "7f0-7f1 r-xp 0 08:01 1 /usr/lib/libpq.so.5\n"
			 "7f0-7f1 r-xp 0 08:01 1 /v/psycopg2/_psycopg.cpython-311.so\n");
	assert_string_equal(LOOK("/usr/bin/python3", "/app", "python3\0x"), "psycopg2");
	put("proc/maps", "7f0-7f1 r-xp 0 08:01 1 /v/psycopg2/_psycopg.cpython-311.so\n"
			 "7f0-7f1 r-xp 0 08:01 1 /v/sqlalchemy/cyextension/util.cpython-311.so\n");
	assert_string_equal(LOOK("/usr/bin/python3", "/app", "python3\0x"), "sqlalchemy");
	assert_string_equal(LOOK("/usr/bin/python3", "/app", "python3\0manage.py\0migrate"), "django");
}

static void by_executable(void **state)
{
	(void)state;
	assert_string_equal(LOOK("/app/node_modules/@prisma/engines/query-engine-debian-openssl-3.0.x",
				    "/app", "query-engine"),
		"prisma-engine");
	assert_non_null(strstr(facts.config, " CPUs x 2 + 1"));
	assert_string_equal(LOOK("/usr/bin/query", "/app", "query"), "");
}

static void install(const char *package, const char *version)
{
	char path[256], json[256];

	snprintf(path, sizeof(path), "root/srv/shop/node_modules/%s/package.json", package);
	snprintf(json, sizeof(json), "{\n  \"name\": \"%s\",\n  \"version\": \"%s\"\n}\n", package, version);
	put(path, json);
}

static void by_package(void **state)
{
	(void)state;
	install("pg", "8.16.3");
	install("postgres", "3.4.0");
	install("@prisma/client", "7.0.1");
	put("root/srv/shop/scripts/pg.js", "const { Pool } = require('pg');\nconst pool = new Pool();\n");
	put("root/srv/shop/scripts/pjs.mjs", "import postgres from \"postgres\"\n\nconst sql = postgres(url)\n");
	put("root/srv/shop/scripts/seed.js",
		"const { PrismaClient } = require('@prisma/client');\nconst p = new PrismaClient();\n");
	put("root/srv/shop/scripts/both.js", "require('pg'); require\n('x');\nrequire('postgres');\n");
	put("root/srv/shop/scripts/none.js", "console.log(1)\n");
	assert_string_equal(LOOK("/usr/bin/node", "/srv/shop", "node\0scripts/pg.js"), "pg");
	assert_string_equal(facts.sign, "/srv/shop/node_modules/pg 8.16.3");
	assert_string_equal(facts.source, "scripts/pg.js:2: new Pool(...)");
	assert_int_equal(facts.source_closes, 2);
	assert_string_equal(LOOK("/usr/bin/node20", "/", "node\0/srv/shop/scripts/pjs.mjs"), "postgres-js");
	assert_string_equal(facts.source, "/srv/shop/scripts/pjs.mjs:3: postgres(...)");
	assert_string_equal(LOOK("/usr/bin/node", "/srv/shop/scripts", "node\0--no-warnings\0seed.js"), "prisma");
	assert_string_equal(facts.source, "seed.js:2: new PrismaClient(...)");
	assert_string_equal(LOOK("/usr/bin/node", "/srv/shop", "node\0scripts/both.js"), ""); /* who knows */
	assert_string_equal(LOOK("/usr/bin/node", "/srv/shop", "node\0scripts/none.js"), "");
	assert_string_equal(LOOK("/usr/bin/python3", "/srv/shop", "python3\0scripts/pg.js"), ""); /* no node */
}

static void by_what_the_project_depends_on(void **state)
{
	(void)state;
	install("pg", "8.16.3");
	install("postgres", "3.4.0");
	put("root/srv/shop/index.js", "start()\n");
	put("root/srv/shop/package.json", "{\"dependencies\": {\"pg\": \"^8\"}}");
	assert_string_equal(LOOK("/usr/bin/node", "/srv/shop", "node\0index.js"), "pg");
	put("root/srv/shop/package.json", "{\"dependencies\": {\"pg\": \"^8\", \"postgres\" : \"^3\"}}");
	assert_string_equal(LOOK("/usr/bin/node", "/srv/shop", "node\0index.js"), "");
	install("@prisma/client", "7.0.1");
	put("root/srv/shop/package.json",
		"{\"dependencies\": {\"@prisma/client\": \"7\", \"@prisma/adapter-pg\": \"7\", \"pg\": \"^8\"}}");
	assert_string_equal(LOOK("/usr/bin/node", "/srv/shop", "node\0index.js"), "prisma");
	install("@prisma/client", "6.9.0"); /* its engine would be mapped */
	assert_string_equal(LOOK("/usr/bin/node", "/srv/shop", "node\0index.js"), "");
}

static void of_a_workspace(void **state)
{
	(void)state;
	install("pg", "8.16.3"); /* for all of its packages; of its own this one has another */
	put("root/srv/shop/packages/api/node_modules/.bin/keep", "");
	put("root/srv/shop/packages/api/index.js", "const { Pool } = require('pg');\n");
	assert_string_equal(LOOK("/usr/bin/node", "/srv/shop/packages/api", "node\0index.js"), "pg");
	assert_string_equal(facts.sign, "/srv/shop/node_modules/pg 8.16.3");
	put("root/srv/shop/packages/api/node_modules/pg/package.json", "{\"version\": \"7.0.0\"}");
	assert_string_equal(LOOK("/usr/bin/node", "/srv/shop/packages/api", "node\0index.js"), "pg");
	assert_string_equal(facts.sign, "/srv/shop/packages/api/node_modules/pg 7.0.0");
}

static void through_the_project_s_own_modules(void **state)
{
	(void)state;
	install("pg", "8.16.3");
	put("root/srv/shop/job.js", "import { pool } from './lib/db'\nawait work(pool)\nawait pool.end()\n");
	put("root/srv/shop/lib/db.js", "// new Pool() in a comment\nimport { Pool } from 'pg'\n\n"
				       "export const pool = new Pool({\n\tuser: 'x', password: 'geheim',\n\tmax: 3 })\n");
	assert_string_equal(LOOK("/usr/bin/node", "/srv/shop", "node\0job.js"), "pg");
	assert_string_equal(facts.source, "lib/db.js:4: new Pool(...)");
	assert_int_equal(facts.source_closes, 1);
	assert_string_equal(facts.config, "max=3 in lib/db.js:6");
	assert_null(strstr(facts.source, "geheim"));
}

static void prisma_7_ignores_the_limit_of_the_url(void **state)
{
	(void)state;
	install("@prisma/client", "7.1.0");
	put("root/srv/shop/seed.js", "const { PrismaClient } = require('@prisma/client')\nnew PrismaClient()\n");
	put("root/srv/shop/.env", "# connection_limit=9\nDATABASE_URL=\"postgres://u:geheim@h/d?connection_limit=3\"\n");
	assert_string_equal(LOOK("/usr/bin/node", "/srv/shop", "node\0seed.js"), "prisma");
	assert_string_equal(facts.config, "connection_limit=3 in .env is ignored by Prisma 7");
	LOOK("/usr/bin/node", "/srv/shop", "node\0seed.js\0postgres://u:***@h/d?connection_limit=5");
	assert_string_equal(facts.config, "connection_limit=5 on the command line is ignored by Prisma 7");
}

static void the_engine_obeys_the_url(void **state)
{
	(void)state;
	put("proc/maps", "7f0-7f1 r-xp 0 08:01 1 /app/libquery_engine-linux-musl.so.node\n");
	put("root/srv/shop/.env", "DATABASE_URL=postgres://h/d?connection_limit=3\n");
	assert_string_equal(LOOK("/usr/bin/node", "/srv/shop", "node\0seed.js"), "prisma-engine");
	assert_string_equal(facts.config, "connection_limit=3 in .env");
}

static void without_source_nothing_of_the_script_is_read(void **state)
{
	static const char argv[] = "node\0seed.js";

	(void)state;
	install("pg", "8.16.3");
	put("root/srv/shop/package.json", "{\"dependencies\": {\"pg\": \"^8\"}}");
	put("root/srv/shop/seed.js", "const { Pool } = require('pg')\nnew Pool()\n");
	assert_string_equal(look("/usr/bin/node", "/srv/shop", argv, sizeof(argv), false), "pg");
	assert_null(facts.source);
	assert_int_equal(facts.source_closes, 0);
}

static void python_sources(void **state)
{
	(void)state;
	put("proc/maps", "7f0-7f1 r-xp 0 08:01 1 /v/psycopg2/_psycopg.cpython-311.so\n");
	put("root/srv/etl/load.py", "import db\nconn = db.connect()\ncur = conn.cursor()\ncur.close()\n");
	put("root/srv/etl/db.py", "import psycopg2\n\ndef connect():\n    return psycopg2.connect('password=geheim')\n");
	assert_string_equal(LOOK("/usr/bin/python3.11", "/srv/etl", "python3\0-u\0load.py"), "psycopg2");
	assert_string_equal(facts.source, "db.py:4: psycopg2.connect(...)");
	assert_int_equal(facts.source_closes, 2); /* a cursor is no connection */
	put("root/srv/etl/load.py", "import db\nconn = db.connect()\nconn.close()\n");
	LOOK("/usr/bin/python3.11", "/srv/etl", "python3\0-W\0ignore\0load.py");
	assert_int_equal(facts.source_closes, 1);
	LOOK("/usr/bin/python3.11", "/srv/etl", "python3\0-m\0load");
	assert_string_equal(facts.source, "db.py:4: psycopg2.connect(...)");
}

/* Whoever names thousands of files that are not there holds up the watch for no longer than others. */
static void no_more_imports_are_looked_for_than_scripts_have(void **state)
{
	char script[32768];
	size_t n;

	(void)state;
	put("proc/maps", "7f00-7f01 r-xp 0 0:0 1 /usr/lib/psycopg2/_psycopg.so\n");
	put("root/app/real.py", "psycopg2.connect(url)\n");
	for (unsigned missing = 200; missing <= 300; missing += 100) {
		n = 0;
		for (unsigned i = 0; i < missing; i++)
			n += (size_t)snprintf(script + n, sizeof(script) - n, "import nowhere%u\n", i);
		snprintf(script + n, sizeof(script) - n, "import real\n");
		put("root/app/main.py", script);
		assert_string_equal(LOOK("/usr/bin/python3", "/app", "python3\0main.py"), "psycopg2");
		if (missing == 200)
			assert_string_equal(facts.source, "real.py:1: psycopg2.connect(...)");
		else
			assert_null(facts.source);
	}
}

static void by_jar(void **state)
{
	char target[160], link[160];

	(void)state;
	assert_string_equal(LOOK("/usr/lib/jvm/bin/java", "/", "java\0-cp\0/l/postgresql-42.7.1.jar:/l/x.jar\0Main"),
		"pgjdbc");
	assert_string_equal(facts.sign, "postgresql-42.7.1.jar");
	assert_string_equal(LOOK("/usr/lib/jvm/bin/java", "/", "java\0-cp\0/usr/share/java/postgresql.jar\0Main"),
		"pgjdbc"); /* as Debian names it */
	assert_string_equal(
		LOOK("/usr/lib/jvm/bin/java", "/", "java\0-cp\0/l/postgresql-42.7.1.jar:/l/HikariCP-5.1.0.jar\0Main"),
		"hikaricp");
	put("root/l/HikariCP-4.0.3.jar", "");
	snprintf(target, sizeof(target), "%s/root/l/HikariCP-4.0.3.jar", folder);
	snprintf(link, sizeof(link), "%s/proc/fd/7", folder);
	assert_int_equal(symlink(target, link), 0);
	assert_string_equal(LOOK("/usr/lib/jvm/bin/java", "/", "java\0-jar\0app.jar"), "hikaricp");
	assert_string_equal(facts.sign, "HikariCP-4.0.3.jar");
}

/* A 64-bit ELF file of three sections: none, .go.buildinfo, names. */
static void put_go(const char *info)
{
	static const char names[] = "\0.go.buildinfo\0.shstrtab";
	struct {
		Elf64_Ehdr elf;
		Elf64_Shdr sections[3];
		char names[sizeof(names)];
		char info[512];
	} file;

	memset(&file, 0, sizeof(file));
	memcpy(file.elf.e_ident, ELFMAG, SELFMAG);
	file.elf.e_ident[EI_CLASS] = ELFCLASS64;
	file.elf.e_shoff = sizeof(file.elf);
	file.elf.e_shentsize = sizeof(Elf64_Shdr);
	file.elf.e_shnum = 3;
	file.elf.e_shstrndx = 2;
	file.sections[1] = (Elf64_Shdr){.sh_name = 1,
		.sh_offset = offsetof(__typeof__(file), info),
		.sh_size = sizeof(file.info)};
	file.sections[2] = (Elf64_Shdr){.sh_name = 15,
		.sh_offset = offsetof(__typeof__(file), names),
		.sh_size = sizeof(file.names)};
	memcpy(file.names, names, sizeof(names));
	memcpy(file.info, "\xff Go buildinf:\x08\x02", 16);
	snprintf(file.info + 32, sizeof(file.info) - 32, "\x08go1.22.1%s", info);
	put_bytes("proc/exe", &file, sizeof(file));
}

static void by_go_module(void **state)
{
	(void)state;
	put_go("path\tjob\nmod\tjob\t(devel)\ndep\tgithub.com/lib/pq\tv1.10.9\th1:x\n");
	assert_string_equal(LOOK("/srv/job", "/srv", "./job"), "lib-pq");
	assert_string_equal(facts.sign, "github.com/lib/pq v1.10.9");
	put_go("dep\tgithub.com/jackc/pgx/v5\tv5.5.0\th1:x\ndep\tgithub.com/lib/pq\tv1.10.9\n");
	assert_string_equal(LOOK("/srv/job", "/srv", "./job"), "pgx");
	put_go("dep\tgithub.com/lib/pqx\tv1.0.0\n");
	assert_string_equal(LOOK("/srv/job", "/srv", "./job"), "");
	put("proc/exe", "#!/bin/sh\n");
	assert_string_equal(LOOK("/srv/job", "/srv", "./job"), "");
}

static void only_regular_files_are_read(void **state)
{
	char path[160], to[160], *text;
	int root;

	(void)state;
	put("secret", "outside");
	put("root/a/file", "inside");
	snprintf(path, sizeof(path), "%s/root", folder);
	root = open(path, O_PATH | O_DIRECTORY);
	text = below_read(root, "/a/file");
	assert_string_equal(text, "inside");
	free(text);
	snprintf(path, sizeof(path), "%s/root/a/link", folder);
	assert_int_equal(symlink("file", path), 0);
	assert_null(below_read(root, "/a/link")); /* not through a symlink */
	snprintf(path, sizeof(path), "%s/root/out", folder);
	snprintf(to, sizeof(to), "%s", folder);
	assert_int_equal(symlink(to, path), 0);
	assert_null(below_read(root, "/out/secret")); /* nor out of its root */
	assert_null(below_read(root, "/../secret"));
	snprintf(path, sizeof(path), "%s/root/pipe", folder);
	assert_int_equal(mkfifo(path, 0600), 0);
	assert_null(below_read(root, "/pipe")); /* and never waiting */
	assert_null(below_read(root, "/a"));
	snprintf(path, sizeof(path), "%s/root/a/file", folder);
	assert_int_equal(truncate(path, BELOW_MOST + 1), 0);
	assert_null(below_read(root, "/a/file")); /* too large */
	close(root);
}

static void a_process_that_is_gone_is_nobody(void **state)
{
	struct library_query query = {.proc = "/proc/0", .exe = "/usr/bin/node"};

	(void)state;
	library_facts_free(&facts);
	library_look(&facts, &query);
	assert_null(facts.row);
}

static void every_row_is_whole(void **state)
{
	(void)state;
	for (size_t i = 0; i < library_count; i++) {
		const struct library_row *l = &library_rows[i];

		assert_ptr_equal(library_find(l->id), l);
		assert_true(l->mapped || l->exe || l->package || l->jar || l->module || l->argument);
		assert_non_null(l->pool_text);
		assert_non_null(l->bound_by);
		assert_non_null(l->idle_closing);
		assert_non_null(l->close);
		assert_non_null(l->limit);
		assert_true(l->wrong && l->correct && l->best);
	}
	assert_null(library_find("moon"));
	assert_null(library_find(NULL));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, forget)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(by_mapped_file),
		TEST(a_living_process_is_asked),
		TEST(a_framework_before_its_driver_before_libpq),
		TEST(by_executable),
		TEST(by_package),
		TEST(by_what_the_project_depends_on),
		TEST(of_a_workspace),
		TEST(through_the_project_s_own_modules),
		TEST(prisma_7_ignores_the_limit_of_the_url),
		TEST(the_engine_obeys_the_url),
		TEST(without_source_nothing_of_the_script_is_read),
		TEST(python_sources),
		TEST(no_more_imports_are_looked_for_than_scripts_have),
		TEST(by_jar),
		TEST(by_go_module),
		TEST(only_regular_files_are_read),
		TEST(a_process_that_is_gone_is_nobody),
		TEST(every_row_is_whole),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
