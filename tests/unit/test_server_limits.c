/* SPDX-License-Identifier: BSD-2-Clause */
/* test_server_limits.c: how many connections a server lets in, by the files of a data directory made
 * for the test. What may be otherwise is not known. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include <cmocka.h>

#include "stream/server_limits.h"

static char folder[64];

static void put(const char *name, const char *text)
{
	char path[256];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	file = fopen(path, "w");
	assert_non_null(file);
	fputs(text, file);
	fclose(file);
}

static int begin(void **state)
{
	char path[128];

	(void)state;
	snprintf(folder, sizeof(folder), "/tmp/pgleaktrace-test-XXXXXX");
	if (!mkdtemp(folder))
		return -1;
	snprintf(path, sizeof(path), "%s/conf.d", folder);
	mkdir(path, 0700);
	snprintf(path, sizeof(path), "%s/global", folder);
	mkdir(path, 0700);
	put("PG_VERSION", "15\n");
	put("postgresql.conf", "");
	put("postgresql.auto.conf", "");
	return 0;
}

static int end(void **state)
{
	char command[128];

	(void)state;
	snprintf(command, sizeof(command), "rm -rf %s", folder);
	return system(command) ? -1 : 0;
}

/* The server as it was started `age` seconds after (before, if negative) now. */
static struct server_limits read_limits(const char *argv, size_t length, int age)
{
	struct server_limits limits;
	struct server_place place = {
		.root = open("/", O_PATH | O_DIRECTORY),
		.data = open(folder, O_PATH | O_DIRECTORY),
		.started = (__u64)(time(NULL) + age) * 1000000000ull,
		.argv = argv,
		.argv_length = length,
	};

	server_limits_read(&limits, &place);
	close(place.root);
	close(place.data);
	return limits;
}

#define READ(argv) read_limits(argv, sizeof(argv), 5)

static void limits_are(const struct server_limits *l, int max, int reserved, const char *source)
{
	assert_int_equal(l->max_connections, max);
	assert_int_equal(l->reserved, reserved);
	if (source)
		assert_string_equal(l->source, source);
	else
		assert_null(l->source);
}

static void the_first_level_that_says_it(void **state)
{
	struct server_limits l = READ("postgres");

	(void)state;
	assert_int_equal(l.version, 15);
	limits_are(&l, 100, 3, "default");
	put("postgresql.conf", "max_connections = 50\nsuperuser_reserved_connections = 7\n"
			       "cluster_name = 'prod'\n");
	l = READ("postgres");
	limits_are(&l, 50, 7, "postgresql.conf");
	assert_true(l.cluster_known);
	assert_string_equal(l.cluster, "prod");
	put("postgresql.auto.conf", "max_connections = '0x20'\n");
	l = READ("postgres");
	limits_are(&l, 32, 7, "postgresql.auto.conf");
	l = READ("postgres\0-c\0max_connections=20");
	limits_are(&l, 20, 7, "command line");
}

static void version_16_reserves_for_others_too(void **state)
{
	struct server_limits l;

	(void)state;
	put("postgresql.conf", "reserved_connections = 4\n");
	l = READ("postgres");
	limits_are(&l, 100, 3, "default");
	put("PG_VERSION", "16\n");
	l = READ("postgres");
	limits_are(&l, 100, 7, "default");
}

static void included_files(void **state)
{
	struct server_limits l;

	(void)state;
	put("postgresql.conf", "max_connections = 10\ninclude_dir 'conf.d'\ninclude 'one.inc'\n"
			       "include_if_exists 'missing.inc'\n");
	put("conf.d/b.conf", "max_connections = 30\n");
	put("conf.d/a.conf", "max_connections = 20\nsuperuser_reserved_connections = 1\n");
	put("conf.d/.hidden.conf", "max_connections = 1\n");
	put("conf.d/c.conf~", "max_connections = 2\n");
	put("one.inc", "superuser_reserved_connections = 5\n");
	l = READ("postgres");
	limits_are(&l, 30, 5, "postgresql.conf");
}

/* Missing, changed since, not understood, in a circle: it may say more than we know. */
static void doubt_is_no_number(void **state)
{
	static const char *const doubtful[] = {"include 'missing.inc'\n",
		"max_connections = 50 60\n", "include 'postgresql.conf'\n",
		"include_dir 'nowhere'\n", "include '/dev/zero'\n", "max_connections = many\n",
		"max_connections = 262144\n", "max_connections = -5\n"};
	struct server_limits l;

	(void)state;
	for (size_t i = 0; i < sizeof(doubtful) / sizeof(doubtful[0]); i++) {
		put("postgresql.conf", doubtful[i]);
		l = READ("postgres");
		assert_int_equal(l.max_connections, -1);
		assert_null(l.source);
	}
	put("postgresql.conf", "max_connections = 50\n");
	l = READ("postgres\0-c\0max_connections=20\0data");
	assert_int_equal(l.max_connections, -1);
	l = READ("postgres\0-c\0config_file=nowhere.conf");
	assert_int_equal(l.max_connections, -1);
	l = read_limits("postgres", sizeof("postgres"), -3600);
	assert_int_equal(l.max_connections, -1); /* written after its start */
}

static void files_elsewhere(void **state)
{
	char argv[256];
	struct server_limits l;
	int n;

	(void)state;
	put("conf.d/other.conf", "max_connections = 77\n");
	n = snprintf(argv, sizeof(argv), "postgres%c--config_file=%s/conf.d/other.conf", 0, folder);
	l = read_limits(argv, (size_t)n + 1, 5);
	limits_are(&l, 77, 3, "postgresql.conf");
	put("conf.d/postgresql.conf", "max_connections = 66\n");
	n = snprintf(argv, sizeof(argv), "postgres%c-D%c%s/conf.d", 0, 0, folder);
	l = read_limits(argv, (size_t)n + 1, 5);
	limits_are(&l, 66, 3, "postgresql.conf");
}

static void no_data_directory(void **state)
{
	struct server_limits l;

	(void)state;
	put("PG_VERSION", "nonsense\n");
	l = READ("postgres");
	assert_int_equal(l.version, 0);
	put("PG_VERSION", "4711\n");
	l = READ("postgres");
	assert_int_equal(l.version, 0);
}

static void only_small_regular_files_are_read(void **state)
{
	int data = open(folder, O_PATH | O_DIRECTORY);
	char *text, path[128];
	size_t length;
	__u64 changed;
	FILE *big;

	(void)state;
	put("file", "text");
	assert_int_equal(server_file_read(data, "file", &text, &length, &changed), 0);
	assert_string_equal(text, "text");
	assert_true(changed > 0);
	free(text);
	assert_int_equal(server_file_read(data, "none", &text, &length, NULL), -ENOENT);
	assert_int_equal(server_file_read(data, "conf.d", &text, &length, NULL), -EINVAL);
	snprintf(path, sizeof(path), "%s/pipe", folder);
	assert_int_equal(mkfifo(path, 0600), 0);
	assert_int_equal(server_file_read(data, "pipe", &text, &length, NULL), -EINVAL);
	snprintf(path, sizeof(path), "%s/big", folder);
	big = fopen(path, "w");
	assert_non_null(big);
	assert_int_equal(ftruncate(fileno(big), 2 << 20), 0);
	fclose(big);
	assert_int_equal(server_file_read(data, "big", &text, &length, NULL), -EFBIG);
	snprintf(path, sizeof(path), "%s/out", folder);
	assert_int_equal(symlink("../../../../etc/passwd", path), 0); /* below it, there is none */
	assert_int_equal(server_file_read(data, "out", &text, &length, NULL), -ENOENT);
	snprintf(path, sizeof(path), "%s/magic", folder);
	assert_int_equal(symlink("/proc/self/fd/0", path), 0);
	assert_true(server_file_read(data, "magic", &text, &length, NULL) < 0);
	close(data);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(the_first_level_that_says_it, begin, end),
		cmocka_unit_test_setup_teardown(version_16_reserves_for_others_too, begin, end),
		cmocka_unit_test_setup_teardown(included_files, begin, end),
		cmocka_unit_test_setup_teardown(doubt_is_no_number, begin, end),
		cmocka_unit_test_setup_teardown(files_elsewhere, begin, end),
		cmocka_unit_test_setup_teardown(no_data_directory, begin, end),
		cmocka_unit_test_setup_teardown(only_small_regular_files_are_read, begin, end),
	};

	return cmocka_run_group_tests_name("server_limits", tests, NULL, NULL);
}
