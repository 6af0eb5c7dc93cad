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
	/* Raw characters that a careless password holds. */
	{"psql|postgres://u:p#w?x/y@h/db?a=b@c", "psql|postgres://u:***@h/db?a=b@c"},
	{"psql|postgres://u:it's@h/db", "psql|postgres://u:***@h/db"},
	{"psql|postgres://u:%40%2F@h/db", "psql|postgres://u:***@h/db"},
	{"x|postgres://h:5432/db?mail=a@b.c", "x|postgres://h:5432/db?mail=a@b.c"},
	{"x|postgres://h:1,i:2/db?mail=a@b.c", "x|postgres://h:1,i:2/db?mail=a@b.c"},
	{"x|postgres://[::1]:5432/db?mail=a@b", "x|postgres://[::1]:5432/db?mail=a@b"},
	{"x|postgres://u@[::1]:5432/db?mail=a@b", "x|postgres://u@[::1]:5432/db?mail=a@b"},
	{"x|redis://:pw@h", "x|redis://:***@h"},
	{"x|http://proxy:3128,http://u:p@h", "x|http://proxy:3128,http://u:***@h"},
	{"x|DATABASE_URL=postgres://u:p@h/db", "x|DATABASE_URL=postgres://u:***@h/db"},
	{"sh|-c|A='postgres://u:p@h' B=\"x@y\" run", "sh|-c|A='postgres://u:***@h' B=\"x@y\" run"},
	/* The capture ended inside the secret. */
	{"psql|postgres://u:half", "psql|postgres://u:***"},
	{"psql|postgres://u:half|-x", "psql|postgres://u:half|-x"},
	{"x|--password", "x|--password"},
	/* Where a value ends. */
	{"env|PGPASSWORD=a b,c&d\"e;f|psql", "env|PGPASSWORD=***|psql"},
	{"sh|-c|PGPASSWORD=x psql -h db", "sh|-c|PGPASSWORD=*** psql -h db"},
	{"sh|-c|PGPASSWORD='it'\"'\"'s' psql", "sh|-c|PGPASSWORD=*** psql"},
	{"sh|-c|PGPASSWORD='it'\\''s' psql", "sh|-c|PGPASSWORD=*** psql"},
	{"x|--password=two words", "x|--password=***"},
	{"psql|password=a,b;c&d host=h", "psql|password=*** host=h"},
	{"psql|password=a\\ b host=h", "psql|password=*** host=h"},
	{"psql|password=x\nhost=h", "psql|password=***\nhost=h"},
	{"psql|password='open", "psql|password='***"},
	{"curl|-d|password=x&user=y", "curl|-d|password=***&user=y"},
	{"x|Server=h;Password=x;Database=d", "x|Server=h;Password=***;Database=d"},
	{"sh|-c|psql \"host=h password=x\"", "sh|-c|psql \"host=h password=***\""},
	{"x|{\"password\" : \"a\\\"b\", \"n\":1}", "x|{\"password\" : \"***\", \"n\":1}"},
	{"x|{\"pin_token\":1234,\"n\":1}", "x|{\"pin_token\":***,\"n\":1}"},
	{"x|{\\\"password\\\":\\\"a\\\",\\\"n\\\":1}", "x|{\\\"password\\\":\\\"***\\\",\\\"n\\\":1}"},
	{"node|-e|new Pool({password: 'x', max: 5})", "node|-e|new Pool({password: '***', max: 5})"},
	{"php|-r|['password' => 'x', 'a' => 'b']", "php|-r|['password' => '***', 'a' => 'b']"},
	{"x|MYSQL_PWD=x", "x|MYSQL_PWD=***"},
	{"x|DB_PASS=x|--pass|y", "x|DB_PASS=***|--pass|***"},
	/* No secrets. */
	{"env|PWD=/srv/app|OLDPWD=/", "env|PWD=/srv/app|OLDPWD=/"},
	{"x|bypass=yes|compass=n", "x|bypass=yes|compass=n"},
	{"x|password: see the manual", "x|password: see the manual"},
	{"psql|--no-password|shop", "psql|--no-password|shop"},
	{"pg_dump|--password|shop", "pg_dump|--password|shop"},
	{"x|--password-file|/run/pw", "x|--password-file|/run/pw"},
	{"psql|-d|mysql|-p5432", "psql|-d|mysql|-p5432"},
	{"psql|-p|5432", "psql|-p|5432"},
	/* Options that depend on the program, and commands inside arguments. */
	{"mysql|-p|shop", "mysql|-p|shop"},
	{"mysql|-p12345", "mysql|-p***"},
	{"sudo|-u|ops|mysqldump|-pS3", "sudo|-u|ops|mysqldump|-p***"},
	{"docker|exec|db|mysql|-uroot|-pS3", "docker|exec|db|mysql|-uroot|-p***"},
	{"sshpass|-p|S3|ssh|-p|22|h", "sshpass|-p|***|ssh|-p|22|h"},
	{"sshpass|-pS3|ssh|-p22|h", "sshpass|-p***|ssh|-p22|h"},
	{"java|-password|x|y", "java|-password|***|y"},
	{"sh|-c|mysql -pS3 shop", "sh|-c|mysql -p*** shop"},
	{"sh|-c|job --password 'a b' --host h", "sh|-c|job --password *** --host h"},
	{"npm run job --token abc x", "npm run job --token *** x"},
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

		if (strcmp(once, cases[i].out))
			print_error("%s\n", cases[i].in);
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
	/* Nothing here may take a second look at all that follows, for every byte. */
	for (size_t i = 0; i < length; i++)
		big[i] = "x://u:p/,pwd='\"\\`&"[i % 18];
	out = redact_argv(big, length, &n);
	assert_true(n > 0);
	free(out);
	free(big);
}

/* Random lines of the pieces that secrets are made of: twice is once, and nothing is lost. */
static void redacts_once(void **state)
{
	static const char *const pieces[] = {"password", "=", ":", "'", "\"", "\\", " ", "|", "a", "***",
		"postgres://", "u", "@", "/", "?", "&", ";", ",", "--", "-p", "mysql", "PGPASSWORD=", "}",
		"5432", "sshpass|", "-c|", "[", "=>", "\n"};
	unsigned seed = 1;

	(void)state;
	for (int round = 0; round < 40000; round++) {
		char line[256] = "", *once, *twice;
		size_t used = 0;

		for (int i = 0; i < 14; i++) {
			const char *piece;

			seed = seed * 1103515245 + 12345;
			piece = pieces[(seed >> 16) % (sizeof(pieces) / sizeof(pieces[0]))];
			memcpy(line + used, piece, strlen(piece));
			used += strlen(piece);
		}
		once = redact(line);
		twice = redact(once);
		if (strcmp(once, twice))
			print_error("%s\n", line);
		assert_string_equal(twice, once);
		free(once);
		free(twice);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(removes_secrets_only),
		cmocka_unit_test(survives_hostile_argv),
		cmocka_unit_test(redacts_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
