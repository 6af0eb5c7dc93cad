/* SPDX-License-Identifier: BSD-2-Clause */
/* test_diagnosis.c: findings are raised once, taken back when they no longer hold, and may return. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <cmocka.h>

#include "rig.h"

/* "+idle-hoard sync.js; -idle-hoard sync.js; " */
struct heard {
	char text[1024];
};

static void hear(void *context, const struct transition *t)
{
	struct heard *h = context;
	size_t used = strlen(h->text);

	snprintf(h->text + used, sizeof(h->text) - used, "%c%s %s; ", t->raised ? '+' : '-',
		rule_rows[t->raised ? t->finding->rule : t->resolution->rule].id,
		t->raised ? finding_subject(t->finding) : t->resolution->subject);
}

/* Feeds one snapshot; returns how many findings are listed as taken back. */
static size_t feed(struct diagnosis *d, struct rig *r, __u64 now, struct heard *heard)
{
	static const struct rule_settings settings;
	struct findings *f;
	size_t resolved;

	r->s.now = now;
	heard->text[0] = 0;
	f = findings_of(&r->s, &settings);
	diagnosis_feed(d, &r->s, f, hear, heard);
	resolved = f->resolved_count;
	if (resolved) {
		assert_true(f->resolved[0].raised_at < f->resolved[0].resolved_at);
		assert_true(strlen(f->resolved[0].sentence) > 0);
	}
	findings_free(f);
	return resolved;
}

/* A group that a rule names, made so and then healthy again. */
static struct group_row *hoarder(struct rig *r, const char *name)
{
	struct group_row *g = rig_group(r, name);

	rig_open(r, g, rig_process(g, "/usr/bin/node"), 12, 120 * SECOND);
	return g;
}

static void raised_once_and_taken_back(void **state)
{
	struct rig *bad = rig_new(), *good = rig_new();
	struct diagnosis *d = diagnosis_new();
	struct group_row *g;
	struct heard heard;

	(void)state;
	hoarder(bad, "sync.js");
	g = rig_group(good, "sync.js");
	rig_open(good, g, rig_process(g, "/usr/bin/node"), 2, SECOND);
	assert_int_equal(feed(d, bad, NOW, &heard), 0);
	assert_string_equal(heard.text, "+idle-hoard sync.js; ");
	assert_int_equal(feed(d, bad, NOW + SECOND, &heard), 0);
	assert_string_equal(heard.text, ""); /* told once */
	assert_int_equal(feed(d, good, NOW + 2 * SECOND, &heard), 1);
	assert_string_equal(heard.text, "-idle-hoard sync.js; ");
	assert_int_equal(feed(d, good, NOW + 3 * SECOND, &heard), 1);
	assert_string_equal(heard.text, "");
	assert_int_equal(feed(d, bad, NOW + 4 * SECOND, &heard), 0); /* it stands again */
	assert_string_equal(heard.text, "+idle-hoard sync.js; ");
	diagnosis_free(d);
}

static void a_script_that_is_gone_is_taken_back(void **state)
{
	struct rig *bad = rig_new(), *empty = rig_new();
	struct diagnosis *d = diagnosis_new();
	struct heard heard;

	(void)state;
	hoarder(bad, "a.js");
	hoarder(bad, "b.js");
	feed(d, bad, NOW, &heard);
	assert_int_equal(feed(d, empty, NOW + SECOND, &heard), 2);
	diagnosis_free(d);
}

static void an_orphan_is_taken_back_when_its_backend_ends(void **state)
{
	struct rig *r = rig_new();
	struct orphan_row orphan = {.backend_pid = 4711, .since = NOW - 10 * SECOND};
	struct diagnosis *d = diagnosis_new();
	struct heard heard;

	(void)state;
	rig_limit(r, 100, 3, 1);
	r->instance.orphans = &orphan;
	r->instance.orphan_count = 1;
	feed(d, r, NOW, &heard);
	assert_string_equal(heard.text, "+orphan-slot postgres; ");
	r->instance.orphan_count = 0;
	assert_int_equal(feed(d, r, NOW + SECOND, &heard), 1);
	assert_string_equal(heard.text, "-orphan-slot postgres; ");
	diagnosis_free(d);
}

static void growth_that_ends_is_taken_back(void **state)
{
	struct rig *r = rig_new();
	struct group_row *g = rig_group(r, "loop.js");
	struct process_row *p = rig_process(g, "/usr/bin/node");
	struct diagnosis *d = diagnosis_new();
	struct heard heard;

	(void)state;
	for (__u64 i = 20; i > 0; i--)
		rig_connection(r, g, p, i * SECOND, i * SECOND, ENDING_NONE, 0);
	feed(d, r, NOW, &heard);
	assert_string_equal(heard.text, "+growing loop.js; ");
	feed(d, r, NOW + 20 * SECOND, &heard); /* as many as before */
	assert_string_equal(heard.text, "-growing loop.js; ");
	diagnosis_free(d);
}

static void churn_that_ends_is_taken_back(void **state)
{
	struct rig *r = rig_new();
	struct group_row *g = rig_group(r, "cgi.php");
	struct process_row *p = rig_process(g, "/usr/bin/php");
	struct diagnosis *d = diagnosis_new();
	struct heard heard;

	(void)state;
	for (__u64 i = 0; i < 60; i++)
		rig_connection(r, g, p, i * SECOND / 10 + SECOND / 20, 0, ENDING_CLOSED, i * SECOND / 10);
	feed(d, r, NOW, &heard);
	assert_string_equal(heard.text, "+churn cgi.php; ");
	feed(d, r, NOW + 30 * SECOND, &heard);
	assert_string_equal(heard.text, "-churn cgi.php; ");
	diagnosis_free(d);
}

static void a_descriptor_or_an_heir_that_closes_is_taken_back(void **state)
{
	struct rig *r = rig_new();
	struct group_row *g = rig_group(r, "a.py");
	struct process_row *p = rig_process(g, "/usr/bin/python3");
	struct holder_row heir = {.pid = 7, .fd = 3};
	struct diagnosis *d = diagnosis_new();
	struct connection_row *held, *left;
	struct heard heard;

	(void)state;
	left = rig_connection(r, g, p, 90 * SECOND, 0, ENDING_NONE, 0);
	left->holders = &heir;
	left->holder_count = 1;
	held = rig_connection(r, g, p, 90 * SECOND, 0, ENDING_HUNG_UP, 30 * SECOND);
	held->held = true;
	g->counts.fd_leak = 1;
	feed(d, r, NOW, &heard);
	assert_string_equal(heard.text, "+inherited a.py; +fd-leak a.py; ");
	held->held = false;
	g->counts.fd_leak = 0;
	left->ended_at = NOW;
	assert_int_equal(feed(d, r, NOW + SECOND, &heard), 2);
	diagnosis_free(d);
}

static void fan_out_is_taken_back_when_fewer_hold(void **state)
{
	struct rig *many = rig_new(), *few = rig_new();
	struct diagnosis *d = diagnosis_new();
	struct group_row *g = rig_group(many, "job.js"), *h = rig_group(few, "job.js");
	struct heard heard;

	(void)state;
	for (int i = 0; i < 12; i++)
		rig_open(many, g, rig_process(g, "/usr/bin/node"), i ? 2 : 10, SECOND);
	rig_limit(many, 100, 3, 32);
	rig_open(few, h, rig_process(h, "/usr/bin/node"), 10, SECOND);
	rig_limit(few, 100, 3, 10);
	feed(d, many, NOW, &heard);
	assert_string_equal(heard.text, "+fan-out job.js; ");
	feed(d, few, NOW + SECOND, &heard);
	assert_string_equal(heard.text, "-fan-out job.js; ");
	diagnosis_free(d);
}

static void the_list_of_a_long_watch_is_bounded(void **state)
{
	struct diagnosis *d = diagnosis_new();
	struct heard heard;
	size_t resolved = 0;

	(void)state;
	for (int i = 0; i < 1100; i++) {
		struct rig *r = rig_new();
		char name[16];

		snprintf(name, sizeof(name), "%d.js", i);
		hoarder(r, name);
		resolved = feed(d, r, NOW + (__u64)i * SECOND, &heard);
	}
	assert_int_equal(resolved, 1000);
	diagnosis_free(d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(raised_once_and_taken_back),
		cmocka_unit_test(a_script_that_is_gone_is_taken_back),
		cmocka_unit_test(an_orphan_is_taken_back_when_its_backend_ends),
		cmocka_unit_test(growth_that_ends_is_taken_back),
		cmocka_unit_test(churn_that_ends_is_taken_back),
		cmocka_unit_test(a_descriptor_or_an_heir_that_closes_is_taken_back),
		cmocka_unit_test(fan_out_is_taken_back_when_fewer_hold),
		cmocka_unit_test(the_list_of_a_long_watch_is_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
