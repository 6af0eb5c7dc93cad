/* SPDX-License-Identifier: BSD-2-Clause */
/* test_server_text.c: what a PostgreSQL server leaves to be read: titles, configuration, command
 * line, control file; whole, half, and made up by somebody else. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "stream/server_conf.h"
#include "stream/server_limits.h"
#include "stream/server_title.h"

static void title_is(const char *text, const char *cluster, __u16 port, const char *user,
	const char *database, const char *activity)
{
	struct title title;

	assert_true(title_parse(&title, text, cluster, port));
	assert_string_equal(title.user, user);
	assert_string_equal(title.database, database);
	assert_string_equal(title.activity, activity);
}

static void titles(void **state)
{
	(void)state;
	title_is("postgres: app shop 127.0.0.1(40000) idle", "", 40000, "app", "shop", "idle");
	title_is("postgres: app shop [local] idle in transaction  ", "", 0, "app", "shop",
		"idle in transaction");
	title_is("postgres: prod: app shop ::1(40000) SELECT", "prod", 40000, "app", "shop",
		"SELECT");
	title_is(
		"postgres: prod: app shop ::1(40000) SELECT", NULL, 40000, "app", "shop", "SELECT");
	title_is("postgres: walsender rep 10.0.0.1(40000) streaming 0/3000", "", 40000, "rep", "",
		"streaming 0/3000");
	title_is("postgres: app shop host(40000)", "", 40000, "app", "shop", "");
}

/* A name with a space could be two names: none is given. */
static void doubtful_titles(void **state)
{
	(void)state;
	title_is("postgres: my app shop 127.0.0.1(40000) idle", "", 40000, "", "", "idle");
	title_is("postgres: app 127.0.0.1(40000) idle", "", 40000, "", "", "idle");
}

static void no_titles(void **state)
{
	static const struct {
		const char *text, *cluster;
		__u16 port;
	} wrong[] = {
		{"node server.js", "", 40000},
		{"postgres: ", "", 40000},
		{"postgres: app shop 127.0.0.1(40000) idle", "", 40001}, /* another's client */
		{"postgres: app shop 127.0.0.1(40000) idle", "", 0},
		{"postgres: app a(40000) 127.0.0.1(40000) idle", "", 40000}, /* which is it? */
		{"postgres: [local] idle", "", 0},
		{"postgres: app shop 127.0.0.1(40000) idle", "prod",
			40000}, /* not that cluster's */
		{"postgres: x app shop 127.0.0.1(40000) idle", "prodx", 40000},
		{"postgres: a: b: app shop 127.0.0.1(40000) idle", NULL, 40000},
	};
	struct title title;

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		assert_false(title_parse(&title, wrong[i].text, wrong[i].cluster, wrong[i].port));
		assert_string_equal(title.user, "");
		assert_string_equal(title.activity, "");
	}
}

static void a_name_too_long_is_no_name(void **state)
{
	char text[1024], name[TITLE_TEXT + 1];

	(void)state;
	memset(name, 'a', sizeof(name) - 1);
	name[sizeof(name) - 1] = 0;
	snprintf(text, sizeof(text), "postgres: %s shop 127.0.0.1(40000) idle", name);
	title_is(text, "", 40000, "", "shop", "idle");
}

static const char conf[] = "# a comment\n"
			   "max_connections = 200\t\t# another\n"
			   "  Max_Connections=300\n"
			   "\n"
			   "cluster_name 'it''s \\'prod\\''\n"
			   "include_if_exists 'more.conf'\n"
			   "work_mem = 4MB\n";

static void configuration(void **state)
{
	static const char *const lines[][2] = {{"max_connections", "200"},
		{"Max_Connections", "300"}, {"cluster_name", "it's 'prod'"},
		{"include_if_exists", "more.conf"}, {"work_mem", "4MB"}};
	struct settings settings = {0};
	struct conf_line line;
	const char *at = conf;

	(void)state;
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		assert_int_equal(conf_next(&at, &line), 1);
		assert_string_equal(line.name, lines[i][0]);
		assert_string_equal(line.value, lines[i][1]);
		assert_int_equal(conf_is_include(&line), i == 3);
		settings_put(&settings, line.name, line.value);
	}
	assert_int_equal(conf_next(&at, &line), 0);
	assert_string_equal(settings.value[SETTING_MAX_CONNECTIONS], "300");
	assert_string_equal(settings.value[SETTING_CLUSTER_NAME], "it's 'prod'");
	assert_null(settings.value[SETTING_RESERVED]);
	settings_free(&settings);
}

/* What is not understood is said, and what follows is read. */
static void configuration_that_is_none(void **state)
{
	static const char *const bad[] = {"= 5\n", "max_connections\n", "a = 'open\nb = 1\n",
		"a = 1 2\n", "a = 'x' y\n", "'a' = 1\n"};
	struct conf_line line;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		char text[64];
		const char *at = text;
		int result, last = 0;
		bool failed = false;

		snprintf(text, sizeof(text), "%sok = 1", bad[i]);
		while ((result = conf_next(&at, &line))) {
			failed = failed || result == -EINVAL;
			last = result;
		}
		assert_true(failed);
		assert_int_equal(last, 1);
		assert_string_equal(line.name, "ok");
	}
}

#define ARGV(words) settings_argv(&settings, words, sizeof(words))

static void command_lines(void **state)
{
	struct settings settings = {0};

	(void)state;
	assert_true(
		ARGV("postgres\0-D\0/srv/data\0-c\0max-connections=50\0-N20\0--cluster_name=prod\0"
		     "-ic\0config_file=/etc/x\0-F\0-p5433"));
	assert_string_equal(settings.value[SETTING_FOLDER], "/srv/data");
	assert_string_equal(settings.value[SETTING_MAX_CONNECTIONS], "20");
	assert_string_equal(settings.value[SETTING_CLUSTER_NAME], "prod");
	assert_string_equal(settings.value[SETTING_CONFIG_FILE], "/etc/x");
	assert_true(ARGV("postgres\0-c\0a_name_that_is_longer_than_any_setting_that_there_could_"
			 "ever_be_is=1"));
	assert_false(ARGV("postgres\0data"));
	assert_false(ARGV("postgres\0-c"));
	assert_false(ARGV("postgres\0-c\0max_connections"));
	assert_false(settings_argv(&settings, "", 0));
	settings_free(&settings);
}

static void put_number(char *bytes, size_t at, __u32 n)
{
	memcpy(bytes + at, &n, sizeof(n));
}

/* A check of its own, a table instead of the shifts of the one under test. */
static __u32 crc32c(const char *bytes, size_t length)
{
	__u32 table[256], crc = ~0u;

	for (__u32 i = 0; i < 256; i++) {
		table[i] = i;
		for (int bit = 0; bit < 8; bit++)
			table[i] = table[i] & 1 ? table[i] >> 1 ^ 0x82f63b78 : table[i] >> 1;
	}
	for (size_t i = 0; i < length; i++)
		crc = table[(crc ^ (unsigned char)bytes[i]) & 0xff] ^ crc >> 8;
	return ~crc;
}

static void make_control(char *bytes, __u32 version, size_t crc)
{
	const double real = 1234567.0;

	memset(bytes, 0, 512);
	put_number(bytes, 8, version);
	put_number(bytes, 16, 6);
	put_number(bytes, 180, 123);
	put_number(bytes, 204, 8);
	memcpy(bytes + 208, &real, sizeof(real));
	put_number(bytes, crc, crc32c(bytes, crc));
}

static void control_files(void **state)
{
	static const struct {
		__u32 version;
		size_t crc;
	} layouts[] = {{1300, 288}, {1800, 292}};
	struct control control;
	char bytes[512];

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		make_control(bytes, layouts[i].version, layouts[i].crc);
		assert_int_equal(control_parse(&control, bytes, sizeof(bytes)), 0);
		assert_int_equal(control.max_connections, 123);
		assert_true(control.in_production);
		assert_int_equal(control_parse(&control, bytes, layouts[i].crc + 4), 0);
		assert_int_equal(control_parse(&control, bytes, layouts[i].crc + 3), -EINVAL);
		for (size_t at = 0; at < layouts[i].crc + 4; at++) { /* no bit may be another */
			bytes[at] ^= 4;
			assert_int_equal(control_parse(&control, bytes, sizeof(bytes)), -EINVAL);
			bytes[at] ^= 4;
		}
	}
}

/* Sound, and still not to be used: of another machine, or of nobody. */
static void control_files_of_others(void **state)
{
	struct control control;
	char bytes[512];

	(void)state;
	make_control(bytes, 1300, 288);
	put_number(bytes, 204, 4);
	put_number(bytes, 288, crc32c(bytes, 288));
	assert_int_equal(control_parse(&control, bytes, sizeof(bytes)), -EINVAL);
	make_control(bytes, 1300, 288);
	put_number(bytes, 180, 0);
	put_number(bytes, 288, crc32c(bytes, 288));
	assert_int_equal(control_parse(&control, bytes, sizeof(bytes)), -EINVAL);
	make_control(bytes, 1300, 288);
	put_number(bytes, 16, 5);
	put_number(bytes, 288, crc32c(bytes, 288));
	assert_int_equal(control_parse(&control, bytes, sizeof(bytes)), 0);
	assert_false(control.in_production); /* a standby */
	assert_int_equal(control_parse(&control, "", 0), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(titles),
		cmocka_unit_test(doubtful_titles),
		cmocka_unit_test(no_titles),
		cmocka_unit_test(a_name_too_long_is_no_name),
		cmocka_unit_test(configuration),
		cmocka_unit_test(configuration_that_is_none),
		cmocka_unit_test(command_lines),
		cmocka_unit_test(control_files),
		cmocka_unit_test(control_files_of_others),
	};

	return cmocka_run_group_tests_name("server_text", tests, NULL, NULL);
}
