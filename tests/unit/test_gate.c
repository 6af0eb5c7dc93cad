/* SPDX-License-Identifier: BSD-2-Clause */
/* test_gate.c: --fail-on: which words it knows, and what each of them holds back. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

#include "gate.h"

static char why[128];

static int parsed(struct gate *gate, const char *words)
{
	*gate = (struct gate){0};
	return gate_parse(gate, words, why, sizeof(why));
}

/* Does the gate of these words trip over one finding? */
static bool trips(const char *words, enum rule rule)
{
	struct group_row group = {.name = "scripts/seed.js\033[2J"};
	struct finding row = {.rule = rule, .severity = rule_rows[rule].severity, .group = &group};
	struct findings findings = {.rows = &row, .count = 1};
	struct snapshot snapshot = {0};
	struct gate gate;

	assert_int_equal(parsed(&gate, words), 0);
	return gate_trips(&gate, &snapshot, &findings, why, sizeof(why));
}

static bool trips_on_counts(const char *words, __u64 refused, __u64 failed)
{
	struct findings none = {0};
	struct snapshot snapshot = {.counts = {.refused = refused, .failed = failed}};
	struct gate gate;

	assert_int_equal(parsed(&gate, words), 0);
	return gate_trips(&gate, &snapshot, &none, why, sizeof(why));
}

static void words_that_it_knows(void **state)
{
	struct gate gate;

	(void)state;
	assert_int_equal(parsed(&gate, "leak"), 0);
	assert_true(gate.set && gate.severities[SEVERITY_LEAK]);
	assert_false(gate.severities[SEVERITY_WARNING] || gate.refused || gate.failed);
	assert_int_equal(parsed(&gate, "fd-leak,refused,failed"), 0);
	assert_true(gate.rules[RULE_FD_LEAK] && gate.refused && gate.failed);
	assert_false(gate.rules[RULE_ABANDONED] || gate.severities[SEVERITY_LEAK]);
}

static void words_that_it_does_not(void **state)
{
	static const char *const wrong[] = {"leek", "", "leak,", ",leak", "leak, refused", "LEAK"};
	struct gate gate;

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		assert_int_equal(parsed(&gate, wrong[i]), -EINVAL);
	parsed(&gate, "leak,leek");
	assert_string_equal(why, "leek");
}

static void a_severity_takes_the_graver_ones_along(void **state)
{
	(void)state;
	assert_true(trips("leak", RULE_ABANDONED));
	assert_true(trips("warning", RULE_ABANDONED));
	assert_true(trips("warning", RULE_FD_LEAK));
	assert_false(trips("leak", RULE_FD_LEAK));
}

static void a_rule_is_meant_alone(void **state)
{
	(void)state;
	assert_true(trips("refused,fd-leak", RULE_FD_LEAK));
	assert_false(trips("fd-leak", RULE_ABANDONED));
}

static void the_reason_is_named_and_clean(void **state)
{
	(void)state;
	assert_true(trips("leak", RULE_ABANDONED));
	assert_string_equal(why, "--fail-on: abandoned (leak), scripts/seed.js\\x1b[2J");
}

static void counts_hold_back_by_themselves(void **state)
{
	(void)state;
	assert_true(trips_on_counts("refused", 1, 0));
	assert_false(trips_on_counts("refused", 0, 1));
	assert_true(trips_on_counts("failed", 0, 1));
	assert_false(trips_on_counts("leak", 5, 5));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(words_that_it_knows),
		cmocka_unit_test(words_that_it_does_not),
		cmocka_unit_test(a_severity_takes_the_graver_ones_along),
		cmocka_unit_test(a_rule_is_meant_alone),
		cmocka_unit_test(the_reason_is_named_and_clean),
		cmocka_unit_test(counts_hold_back_by_themselves),
	};

	return cmocka_run_group_tests_name("gate", tests, NULL, NULL);
}
