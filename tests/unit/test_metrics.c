/* SPDX-License-Identifier: BSD-2-Clause */
/* test_metrics.c: series that only grow, are capped and end; the page's text and its negotiation. */
#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/address.h"
#include "model/state.h"
#include "view/openmetrics.h"

#define SECOND 1000000000ull

static const struct query everything = {.older = 60 * SECOND};

static struct ledger_key ledger_of(__u32 pid)
{
	struct ledger_key key = {.process = {.pid = pid, .start = pid},
		.server = {.port = 5432, .family = AF_INET, .netns = 1}};

	key.server.address[12] = 127;
	key.server.address[15] = 1;
	return key;
}

static void tell_process(
	struct model *model, __u32 pid, __u64 time, const char *script, const char *library)
{
	struct ledger_key key = ledger_of(pid);
	char argv[600];
	int n = snprintf(argv, sizeof(argv), "node%c%s", 0, script);
	union event event = {.process = {.head = {EVENT_PROCESS, 0, time},
				     .process = key.process,
				     .argv = argv,
				     .argv_length = (__u32)n + 1,
				     .comm = "node",
				     .library = library}};

	model_apply(model, &event);
}

static void tell_totals(struct model *model, __u32 pid, __u64 time, __u64 opened, __u64 closed, bool gone)
{
	union event event = {.totals = {.head = {EVENT_TOTALS, 0, time},
				     .ledger = ledger_of(pid),
				     .totals = {.attempted = opened, .opened = opened, .closed = closed,
					     .open = (__s64)(opened - closed)},
				     .gone = gone}};

	model_apply(model, &event);
}

static void tell_exit(struct model *model, __u32 pid, __u64 time)
{
	union event event = {.exit = {.head = {EVENT_EXIT, 0, time}, .process = ledger_of(pid).process}};

	model_apply(model, &event);
}

static void tell_look(struct model *model, __u64 time)
{
	union event event = {.snapshot = {.head = {EVENT_SNAPSHOT, 0, time}, .begins = 1}};

	model_apply(model, &event);
	event.snapshot.begins = 0;
	model_apply(model, &event);
}

static const struct series_row *row_of(const struct snapshot *s, const char *script, const char *library)
{
	for (size_t i = 0; i < s->series_count; i++)
		if (!strcmp(s->series[i].script, script) && !strcmp(s->series[i].library, library))
			return &s->series[i];
	return NULL;
}

static void test_totals_outlive_processes(void **state)
{
	struct model *model = model_new();
	struct snapshot *s;

	(void)state;
	for (__u32 pid = 1; pid <= 3; pid++) {
		tell_process(model, pid, pid, "seed.js", "");
		tell_totals(model, pid, pid * SECOND, 5, 2, false);
		tell_totals(model, pid, pid * SECOND + 1, 6, 6, true);
	}
	s = model_snapshot(model, &everything);
	assert_int_equal(s->series_count, 1);
	assert_int_equal(s->series[0].counts.opened, 18);
	assert_int_equal(s->series[0].counts.closed, 18);
	assert_int_equal(s->series[0].counts.open, 0);
	snapshot_free(s);
	model_free(model);
}

/* What was counted under one name stays there when the process turns out to have another. */
static void test_a_new_name_takes_nothing_back(void **state)
{
	struct model *model = model_new();
	struct snapshot *s;

	(void)state;
	tell_totals(model, 1, SECOND, 4, 1, false);
	tell_process(model, 1, 2 * SECOND, "seed.js", "pg");
	tell_totals(model, 1, 3 * SECOND, 6, 1, false);
	s = model_snapshot(model, &everything);
	assert_int_equal(row_of(s, "?", "")->counts.opened, 4);
	assert_int_equal(row_of(s, "?", "")->counts.open, 0);
	assert_int_equal(row_of(s, "seed.js", "pg")->counts.opened, 2);
	assert_int_equal(row_of(s, "seed.js", "pg")->counts.open, 5);
	assert_int_equal(row_of(s, "seed.js", "pg")->processes, 1);
	snapshot_free(s);
	model_free(model);
}

static void test_past_the_cap_they_share_other(void **state)
{
	struct model *model = model_new();
	struct snapshot *s;
	__u64 opened = 0;

	(void)state;
	for (__u32 pid = 1; pid <= SERIES_MOST + 50; pid++) {
		char script[32];

		snprintf(script, sizeof(script), "job%u.js", pid);
		tell_process(model, pid, pid, script, "");
		tell_totals(model, pid, SECOND, 2, 1, false);
	}
	s = model_snapshot(model, &everything);
	assert_int_equal(s->series_count, SERIES_MOST + 1);
	assert_int_equal(row_of(s, "~other", "")->counts.opened, 100);
	assert_int_equal(row_of(s, "~other", "")->counts.open, 50);
	for (size_t i = 0; i < s->series_count; i++)
		opened += s->series[i].counts.opened;
	assert_int_equal(opened, 2 * (SERIES_MOST + 50));
	snapshot_free(s);
	model_free(model);
}

static void test_an_hour_after_the_last_process_it_ends(void **state)
{
	struct model *model = model_new();
	struct snapshot *s;

	(void)state;
	tell_process(model, 1, 1, "gone.js", "");
	tell_process(model, 2, 1, "living.js", "");
	tell_totals(model, 1, SECOND, 1, 1, false);
	tell_totals(model, 2, SECOND, 1, 1, false);
	tell_look(model, 100 * SECOND);
	tell_exit(model, 1, 101 * SECOND);
	tell_look(model, 3600 * SECOND);
	s = model_snapshot(model, &everything);
	assert_non_null(row_of(s, "gone.js", ""));
	snapshot_free(s);
	tell_look(model, 3800 * SECOND);
	s = model_snapshot(model, &everything);
	assert_null(row_of(s, "gone.js", ""));
	assert_int_equal(row_of(s, "living.js", "")->counts.opened, 1);
	snapshot_free(s);
	/* It comes back from nothing. */
	tell_process(model, 3, 3900 * SECOND, "gone.js", "");
	tell_totals(model, 3, 3900 * SECOND, 2, 0, false);
	s = model_snapshot(model, &everything);
	assert_int_equal(row_of(s, "gone.js", "")->counts.opened, 2);
	snapshot_free(s);
	model_free(model);
}

static char *page_with(const struct snapshot *s, const struct findings *findings, const struct self *self,
	enum exposition exposition)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	openmetrics_write(out, s, findings, self, exposition);
	fclose(out);
	return text;
}

static char *page_of(struct model *model, enum exposition exposition)
{
	struct snapshot *s = model_snapshot(model, &everything);
	struct findings *findings = findings_of(s, &(struct rule_settings){0});
	char *text = page_with(s, findings, NULL, exposition);

	findings_free(findings);
	snapshot_free(s);
	return text;
}

static void test_hostile_names_stay_inside_their_label(void **state)
{
	struct model *model = model_new();
	char *text;

	(void)state;
	tell_process(model, 1, 1, "a\"} 1\nb\\c\x1b[2J\xff.js", "");
	tell_totals(model, 1, SECOND, 3, 0, false);
	text = page_of(model, EXPOSITION_OPENMETRICS);
	assert_non_null(strstr(text, "pgleaktrace_connections_open{script=\"a\\\"} 1\\\\x0ab\\\\c\\\\x1b[2J\\\\xff.js\","
				     "container=\"\",server=\"127.0.0.1:5432\",library=\"\"} 3\n"));
	assert_null(strchr(text, 0x1b));
	assert_non_null(strstr(text, "\n# EOF\n"));
	free(text);
	model_free(model);
}

/* Names so long that they are cut alike are one series, not the same sample twice. */
static void test_names_cut_alike_are_one(void **state)
{
	struct model *model = model_new();
	struct snapshot *s;
	char script[400];

	(void)state;
	for (__u32 pid = 1; pid <= 2; pid++) {
		memset(script, 'x', sizeof(script));
		script[100] = (char)('0' + pid);
		script[399] = 0;
		tell_process(model, pid, pid, script, "");
		tell_totals(model, pid, SECOND, 1, 0, false);
	}
	s = model_snapshot(model, &everything);
	assert_int_equal(s->series_count, 1);
	assert_int_equal(s->series[0].counts.opened, 2);
	assert_int_equal(s->series[0].processes, 2);
	snapshot_free(s);
	model_free(model);
}

/* A rule's findings may differ: an idle hoard is a warning, or a leak. */
static void test_a_finding_is_as_grave_as_it_was_judged(void **state)
{
	struct group_row group = {.name = "seed.js"};
	struct finding rows[] = {{.rule = RULE_IDLE_HOARD, .severity = SEVERITY_LEAK, .group = &group},
		{.rule = RULE_IDLE_HOARD, .severity = SEVERITY_WARNING, .group = &group},
		{.rule = RULE_IDLE_HOARD, .severity = SEVERITY_LEAK, .group = &group}};
	const struct findings findings = {.rows = rows, .count = 3};
	const struct snapshot nothing = {0};
	char *text = page_with(&nothing, &findings, NULL, EXPOSITION_OPENMETRICS);

	(void)state;
	assert_non_null(strstr(text, "_findings{rule=\"idle-hoard\",severity=\"leak\",script=\"~other\"} 2\n"));
	assert_non_null(strstr(text, "_findings{rule=\"idle-hoard\",severity=\"warning\",script=\"~other\"} 1\n"));
	free(text);
}

/* The wall clock as it is set now, not as it was when the watch began. */
static void test_a_clock_that_was_set_is_believed(void **state)
{
	const struct event_session session = {.head.time = 5 * SECOND, .wall = 105 * SECOND};
	const struct snapshot s = {.session = &session, .now = 65 * SECOND};
	const struct findings none = {0};
	const struct self self = {.booted = 7000 * SECOND}, replayed = {0};
	char *live = page_with(&s, &none, &self, EXPOSITION_CLASSIC);
	char *played = page_with(&s, &none, &replayed, EXPOSITION_CLASSIC);

	(void)state;
	assert_non_null(strstr(live, "\npgleaktrace_last_look_timestamp_seconds 7065.000\n"));
	assert_non_null(strstr(played, "\npgleaktrace_last_look_timestamp_seconds 165.000\n"));
	free(live);
	free(played);
}

static void test_classic_text_says_the_same_in_its_own_way(void **state)
{
	struct model *model = model_new();
	char *text;

	(void)state;
	tell_process(model, 1, 1, "seed.js", "");
	tell_totals(model, 1, SECOND, 3, 0, false);
	text = page_of(model, EXPOSITION_CLASSIC);
	assert_non_null(strstr(text, "# TYPE pgleaktrace_connections_opened_total counter\n"));
	assert_non_null(strstr(text, "# TYPE pgleaktrace_build_info gauge\n"));
	assert_null(strstr(text, "# EOF"));
	assert_null(strstr(text, "# UNIT"));
	free(text);
	model_free(model);
}

static void test_the_format_is_the_client_s_choice(void **state)
{
	(void)state;
	assert_int_equal(exposition_choose(""), EXPOSITION_CLASSIC);
	assert_int_equal(exposition_choose("*/*"), EXPOSITION_CLASSIC);
	assert_int_equal(exposition_choose("application/openmetrics-text"), EXPOSITION_OPENMETRICS);
	assert_int_equal(exposition_choose("application/openmetrics-text;version=1.0.0,"
					   "application/openmetrics-text;version=0.0.1;q=0.75,"
					   "text/plain;version=0.0.4;q=0.5,*/*;q=0.1"),
		EXPOSITION_OPENMETRICS);
	assert_int_equal(exposition_choose("text/plain, application/openmetrics-text; q=0.5"), EXPOSITION_CLASSIC);
	assert_int_equal(exposition_choose("application/openmetrics-text;q=0"), EXPOSITION_CLASSIC);
	assert_int_equal(exposition_choose("text/plain;q=0.5, application/openmetrics-text;q=0.5"), EXPOSITION_OPENMETRICS);
}

static void test_where_to_listen(void **state)
{
	static const char *const wrong[] = {"", ":1", "x", "1x", "65536", "-1", "db:1", "127.0.0.1:", "::1:9",
		"[::1]", "[::1:9", "127.0.0.1:9 ", " 9",
		"[1111:2222:3333:4444:5555:6666:7777:8888:9999:aaaa]:1"};
	struct sockaddr_storage address;
	struct sockaddr_in *four = (void *)&address;
	struct sockaddr_in6 *six = (void *)&address;

	(void)state;
	assert_int_equal(address_parse(&address, "9187"), 0);
	assert_int_equal(four->sin_addr.s_addr, htonl(INADDR_LOOPBACK));
	assert_int_equal(four->sin_port, htons(9187));
	assert_int_equal(address_parse(&address, "0.0.0.0:1"), 0);
	assert_int_equal(four->sin_addr.s_addr, 0);
	assert_int_equal(address_parse(&address, "[::1]:0"), 0);
	assert_int_equal(six->sin6_family, AF_INET6);
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		if (!address_parse(&address, wrong[i]))
			fail_msg("\"%s\" was taken for an address", wrong[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_totals_outlive_processes),
		cmocka_unit_test(test_a_new_name_takes_nothing_back),
		cmocka_unit_test(test_past_the_cap_they_share_other),
		cmocka_unit_test(test_an_hour_after_the_last_process_it_ends),
		cmocka_unit_test(test_hostile_names_stay_inside_their_label),
		cmocka_unit_test(test_names_cut_alike_are_one),
		cmocka_unit_test(test_a_finding_is_as_grave_as_it_was_judged),
		cmocka_unit_test(test_a_clock_that_was_set_is_believed),
		cmocka_unit_test(test_classic_text_says_the_same_in_its_own_way),
		cmocka_unit_test(test_the_format_is_the_client_s_choice),
		cmocka_unit_test(test_where_to_listen),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
