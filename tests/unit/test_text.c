/* SPDX-License-Identifier: BSD-2-Clause */
/* test_text.c: foreign text made safe, cut and measured; times and sizes read. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/address.h"
#include "base/text.h"

static void check_clean(const char *in, const char *out)
{
	char *clean = text_clean(in, strlen(in));

	assert_string_equal(clean, out);
	free(clean);
}

static void cleans_what_a_terminal_would_obey(void **state)
{
	(void)state;
	check_clean("plain", "plain");
	check_clean("\033[2Jx", "\\x1b[2Jx");
	check_clean("a\nb\tc", "a\\x0ab\\x09c");
	check_clean("gr\xc3\xbc\xc3\x9f", "gr\xc3\xbc\xc3\x9f");
	check_clean("bad\xff\xc3", "bad\\xff\\xc3");
	check_clean("\xc0\x80", "\\xc0\\x80");
	check_clean("\xed\xa0\x80", "\\xed\\xa0\\x80");
	check_clean("a\xe2\x80\xae"
		    "b",
		"a\\u202eb");
	check_clean("\xc2\x9b"
		    "1m",
		"\\u009b1m");
}

static void json_text_keeps_the_truth(void **state)
{
	char *safe = text_json_safe("a\033\xff\0b", 5);

	(void)state;
	assert_string_equal(safe, "a\033\\xff\\x00b");
	free(safe);
}

static void arguments_stand_as_in_proc(void **state)
{
	char *const none[] = {NULL}, *const some[] = {"psql", "", "-c SELECT 1", NULL};
	size_t length;
	char *bytes = text_arguments(some, &length);

	(void)state;
	assert_int_equal(length, 18);
	assert_memory_equal(bytes, "psql\0\0-c SELECT 1", 18);
	free(bytes);
	bytes = text_arguments(none, &length);
	assert_int_equal(length, 0);
	free(bytes);
}

static void cuts_in_the_middle(void **state)
{
	char out[64];

	(void)state;
	text_cut(out, sizeof(out), "short", 10, false);
	assert_string_equal(out, "short");
	text_cut(out, sizeof(out), "/srv/app/scripts/sync-users.js", 16, false);
	assert_int_equal(text_columns(out), 16);
	assert_string_equal(out, "/srv/…c-users.js");
	text_cut(out, sizeof(out), "/srv/app/scripts/sync-users.js", 16, true);
	assert_string_equal(out, "/srv...-users.js");
	text_cut(out, sizeof(out), "\xc3\xbc\xc3\xbc\xc3\xbc\xc3\xbc\xc3\xbc", 3, false);
	assert_string_equal(out, "…\xc3\xbc\xc3\xbc");
}

static void measures_columns(void **state)
{
	char out[64];

	(void)state;
	assert_int_equal(text_columns("e\xcc\x81t\xcc\x81"), 2);          /* combining marks */
	assert_int_equal(text_columns("\xe6\x97\xa5\xe6\x9c\xac.js"), 7); /* two ideographs */
	assert_int_equal(text_columns("\xf0\x9f\x98\x80"), 2);            /* an emoji */
	assert_int_equal(text_columns("\xff\xfe"), 2);
	/* A wide character that would stick out by half is left out. */
	text_cut(out, sizeof(out), "\xe6\x97\xa5\xe6\x9c\xac\xe8\xaa\x9e\xe6\x97\xa5", 6, false);
	assert_string_equal(out, "…\xe8\xaa\x9e\xe6\x97\xa5");
	text_cut(out, sizeof(out), "\xe6\x97\xa5\xe6\x9c\xac", 3, true);
	assert_string_equal(out, "\xe6\x97\xa5");
	/* The tail does not begin with the mark of a character that went. */
	text_cut(out, sizeof(out),
		"abcde\xcc\x81"
		"fg",
		3, false);
	assert_string_equal(out, "…fg");
}

static void splits_no_character_for_size(void **state)
{
	char out[6];

	(void)state;
	text_cut(out, sizeof(out), "abcd\xc3\xbc", 80, false);
	assert_string_equal(out, "abcd");
	text_cut(out, sizeof(out), "abc\xc3\xbcx", 80, false);
	assert_string_equal(out, "abc\xc3\xbc");
	text_cut(out, 1, "\xc3\xbc", 80, false);
	assert_string_equal(out, "");
	text_cut(out, sizeof(out), "abcdefghij", 5, false);
	assert_string_equal(out, "a…h"); /* the room ends before the columns do */
}

static void survives_hostile_text(void **state)
{
	size_t length = 2 << 20;
	char *big = malloc(length), *clean, out[256];

	(void)state;
	for (size_t i = 0; i < length; i++)
		big[i] = "\xcc\x81\0\xe2\x80\xae\xf0\x9f"[i % 8];
	clean = text_clean(big, length);
	assert_true(strlen(clean) > length);
	for (const char *at = clean; *at; at++)
		assert_true((unsigned char)*at >= 0x20);
	text_cut(out, sizeof(out), clean, 60, false);
	assert_true(text_columns(out) <= 60);
	free(clean);
	free(big);
}

static void check_age(__u64 ns, const char *text)
{
	char out[24];

	text_age(out, sizeof(out), ns);
	assert_string_equal(out, text);
}

static void says_ages(void **state)
{
	(void)state;
	check_age(0, "0.0s");
	check_age(1840000000ull, "1.8s");
	check_age(42000000000ull, "42s");
	check_age(187000000000ull, "3m07s");
	check_age(3900000000000ull, "1h05m");
	check_age(266400000000000ull, "3d02h");
}

static void says_ages_that_are_lower_bounds(void **state)
{
	char out[24];

	(void)state;
	text_age_from(out, sizeof(out), 42000000000ull, true, false);
	assert_string_equal(out, "≥42s");
	assert_int_equal(text_columns(out), 4);
	text_age_from(out, sizeof(out), 42000000000ull, true, true);
	assert_string_equal(out, ">42s");
	text_age_from(out, sizeof(out), 42000000000ull, false, false);
	assert_string_equal(out, "42s");
}

static void reads_times_and_sizes(void **state)
{
	__u64 n;

	(void)state;
	assert_int_equal(text_duration("30", &n), 0);
	assert_int_equal(n, 30000000000ull);
	assert_int_equal(text_duration("1500ms", &n), 0);
	assert_int_equal(n, 1500000000ull);
	assert_int_equal(text_duration("5m", &n), 0);
	assert_int_equal(n, 300000000000ull);
	assert_int_equal(text_duration("", &n), -EINVAL);
	assert_int_equal(text_duration("-1", &n), -EINVAL);
	assert_int_equal(text_duration("5 m", &n), -EINVAL);
	assert_int_equal(text_duration("99999999999999999999", &n), -ERANGE);
	assert_int_equal(text_duration("9999999999999999h", &n), -ERANGE);
	assert_int_equal(text_size("64K", &n), 0);
	assert_int_equal(n, 65536);
	assert_int_equal(text_size("4Q", &n), -EINVAL);
}

static void check_address(const char *wanted, struct server_key key, const char *path)
{
	char out[ADDRESS_SIZE];

	key.port = 5432;
	server_text(out, sizeof(out), &key, path);
	assert_string_equal(out, wanted);
}

static void says_where_a_server_is(void **state)
{
	static const struct server_key four = {
		.family = AF_INET, .address = {[10] = 0xff, 0xff, 10, 0, 0, 1}};
	static const struct server_key six = {.family = AF_INET6, .address = {[15] = 1}};
	static const struct server_key local = {.family = AF_UNIX};

	(void)state;
	check_address("10.0.0.1:5432", four, NULL);
	check_address("[::1]:5432", six, NULL);
	check_address("unix:/run/postgresql:5432", local, "/run/postgresql/.s.PGSQL.5432");
	check_address("unix:@pg:5432", local, "@pg/.s.PGSQL.5432");
	check_address("unix:?:5432", local, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(cleans_what_a_terminal_would_obey),
		cmocka_unit_test(json_text_keeps_the_truth),
		cmocka_unit_test(arguments_stand_as_in_proc),
		cmocka_unit_test(cuts_in_the_middle),
		cmocka_unit_test(measures_columns),
		cmocka_unit_test(splits_no_character_for_size),
		cmocka_unit_test(survives_hostile_text),
		cmocka_unit_test(says_ages),
		cmocka_unit_test(says_ages_that_are_lower_bounds),
		cmocka_unit_test(reads_times_and_sizes),
		cmocka_unit_test(says_where_a_server_is),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
