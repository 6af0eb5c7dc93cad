/* SPDX-License-Identifier: BSD-2-Clause */
/* test_redact.c: secrets go, all else stays, twice is once. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/mem.h"
#include "base/redact.h"

static const struct {
	const char *in, *out;
} cases[] = {
	{"psql|postgres://u:p@h/db", "psql|postgres://u:***@h/db"},
	{"psql|postgresql://u:p@ss@h:5432/db?x=1", "psql|postgresql://u:***@h:5432/db?x=1"},
	{"x|--url=mysql://root:s3cret@db/app", "x|--url=mysql://root:***@db/app"},
	{"x|postgres://u@h/db", "x|postgres://u@h/db"},
	{"x|postgres://h:5432/db", "x|postgres://h:5432/db"},
	{"x|postgres://u:a@h,postgres://v:b@i", "x|postgres://u:***@h,postgres://v:***@i"},
	{"x|postgres://h/db?user=u&password=geheim&sslmode=require",
		"x|postgres://h/db?user=u&password=***&sslmode=require"},
	{"psql|host=h password=p user=u", "psql|host=h password=*** user=u"},
	{"psql|host=h password = 'a b' user=u", "psql|host=h password = '***' user=u"},
	{"psql|PASSWORD='it\\'s' x=y", "psql|PASSWORD='***' x=y"},
	{"env|PGPASSWORD=x|psql", "env|PGPASSWORD=***|psql"},
	{"env|DB_PASSWORD=x", "env|DB_PASSWORD=***"},
	{"x|--password|secret|--host|h", "x|--password|***|--host|h"},
	{"x|--password|--host", "x|--password|--host"},
	{"x|--db-password=secret", "x|--db-password=***"},
	{"x|--api-key|k|y", "x|--api-key|***|y"},
	{"mysql|-psecret|-h|db", "mysql|-p***|-h|db"},
	{"/usr/bin/mysqldump|-pS3", "/usr/bin/mysqldump|-p***"},
	{"psql|-p5432", "psql|-p5432"},
	{"node|-p|process.version", "node|-p|process.version"},
	{"x|{\"password\":\"a\",\"user\":\"b\"}", "x|{\"password\":\"***\",\"user\":\"b\"}"},
	{"x|passwordless=yes", "x|passwordless=yes"},
	{"node|server.js|--port|80", "node|server.js|--port|80"},
};

static char *redact(const char *in)
{
	size_t length = strlen(in), n;
	char *argv = xmemdup(in, length), *out, *text;

	for (size_t i = 0; i < length; i++)
		if (argv[i] == '|')
			argv[i] = 0;
	out = redact_argv(argv, length, &n);
	text = xmemdup(out, n);
	for (size_t i = 0; i < n; i++)
		if (!text[i])
			text[i] = '|';
	free(argv);
	free(out);
	return text;
}

static void removes_secrets_only(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char *once = redact(cases[i].in), *twice = redact(once);

		assert_string_equal(once, cases[i].out);
		assert_string_equal(twice, cases[i].out);
		free(once);
		free(twice);
	}
}

static void survives_hostile_argv(void **state)
{
	size_t length = 2 << 20, n;
	char *big = xcalloc(1, length), *out;

	(void)state;
	memset(big, ':', length);
	out = redact_argv(big, length, &n);
	assert_int_equal(n, length);
	free(out);
	for (size_t i = 0; i < length; i++)
		big[i] = "password=\xff\0://"[i % 14];
	out = redact_argv(big, length, &n);
	assert_true(n > 0);
	free(out);
	free(big);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(removes_secrets_only),
		cmocka_unit_test(survives_hostile_argv),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
