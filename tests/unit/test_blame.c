/* SPDX-License-Identifier: BSD-2-Clause */
/* test_blame.c: whom a plan to end processes may name, and that the numbers of a proof are told. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "rig.h"

#define NODE "/usr/bin/node"

static void the_idle_ones_of_a_hoard(void **state)
{
	struct rig *r = rig_new();
	struct group_row *g = rig_group(r, "sync.js");
	struct process_row *p = rig_process(g, NODE), *busy = rig_process(g, NODE),
			   *gone = rig_process(g, NODE);
	const struct finding *f;

	(void)state;
	rig_open(r, g, p, 12, 120 * SECOND);
	rig_open(r, g, p, 1, SECOND);
	rig_open(r, g, busy, 3, SECOND);
	rig_connection(r, g, p, 10 * SECOND, 0, ENDING_CLOSED, 5 * SECOND);
	rig_open(r, g, gone, 2, 120 * SECOND);
	gone->gone = true;
	f = rig_find(r, RULE_IDLE_HOARD, "sync.js");
	assert_non_null(f);
	assert_int_equal(f->threshold, 10);
	assert_true(finding_blames_process(&r->s, f, p));
	assert_false(finding_blames_process(&r->s, f, busy));
	assert_false(finding_blames_process(&r->s, f, gone));
	assert_true(finding_blames(&r->s, f, p, &p->connections[0]));
	assert_false(finding_blames(&r->s, f, p, &p->connections[12])); /* in use */
	assert_false(finding_blames(&r->s, f, p, &p->connections[13])); /* ended */
}

static void the_one_that_grows(void **state)
{
	struct rig *r = rig_new();
	struct group_row *g = rig_group(r, "loop.js");
	struct process_row *p = rig_process(g, NODE), *q = rig_process(g, NODE);
	const struct finding *f;

	(void)state;
	for (__u64 i = 20; i > 0; i--)
		rig_connection(r, g, p, i * SECOND, i * SECOND, ENDING_NONE, 0);
	rig_open(r, g, q, 3, SECOND);
	f = rig_find(r, RULE_GROWING, "loop.js");
	assert_non_null(f);
	assert_true(finding_blames_process(&r->s, f, p));
	assert_false(finding_blames_process(&r->s, f, q));
}

/* A user's or a container's scripts have code of their own each. */
static void the_code_of_who_did_it_is_told(void **state)
{
	struct rig *r = rig_new();
	struct group_row *g = rig_group(r, "app");
	struct process_row *hoard = rig_process(g, NODE), *killed = rig_process(g, NODE),
			   *unread = rig_process(g, NODE), *sibling = rig_process(g, NODE);

	(void)state;
	hoard->script = "sync.js";
	killed->script = "import.py";
	unread->script = sibling->script = "mail.js";
	((struct event_process *)hoard->identity)->library = "pg";
	((struct event_process *)killed->identity)->library = "psycopg2";
	rig_open(r, g, hoard, 12, 120 * SECOND);
	rig_connection(r, g, killed, 10 * SECOND, 0, ENDING_ABANDONED, 5 * SECOND);
	rig_connection(r, g, unread, 10 * SECOND, 0, ENDING_HUNG_UP, 5 * SECOND)->held = true;
	unread->counts.fd_leak = g->counts.fd_leak = 1;
	assert_ptr_equal(rig_find(r, RULE_IDLE_HOARD, "app")->client, hoard->identity);
	assert_ptr_equal(rig_find(r, RULE_ABANDONED, "app")->client, killed->identity);
	assert_null(rig_find(r, RULE_FD_LEAK, "app")->client);
	((struct event_process *)sibling->identity)->library = "prisma";
	assert_ptr_equal(rig_find(r, RULE_FD_LEAK, "app")->client, sibling->identity);
}

static void an_opener_is_not_ended_for_its_heir(void **state)
{
	struct rig *r = rig_new();
	struct group_row *g = rig_group(r, "fork.py");
	struct process_row *p = rig_process(g, "/usr/bin/python3");
	struct holder_row child = {.pid = 7, .fd = 3};
	struct connection_row *c = rig_connection(r, g, p, 5 * SECOND, 0, ENDING_NONE, 0);
	const struct finding *f;

	(void)state;
	c->holders = &child;
	c->holder_count = 1;
	f = rig_find(r, RULE_INHERITED, "fork.py");
	assert_non_null(f);
	assert_true(finding_blames(&r->s, f, p, c));
	assert_false(finding_blames_process(&r->s, f, p));
}

static void neither_relays_nor_what_is_only_noted(void **state)
{
	struct rig *r = rig_new();
	struct group_row *relay = rig_group(r, "pgbouncer"), *leaky = rig_group(r, "seed.js");
	struct process_row *p = rig_process(relay, "/usr/sbin/pgbouncer"), *q = rig_process(leaky, NODE);
	const struct finding *f;

	(void)state;
	rig_open(r, relay, p, 30, 120 * SECOND);
	rig_open(r, leaky, q, 2, SECOND);
	rig_connection(r, leaky, q, 10 * SECOND, 0, ENDING_ABANDONED, 5 * SECOND);
	f = rig_find(r, RULE_RELAY, "pgbouncer");
	assert_non_null(f);
	assert_false(finding_blames_process(&r->s, f, p));
	assert_false(finding_blames_process(
		&r->s, &(struct finding){.rule = RULE_LEFT_OPEN, .group = relay}, p));
	assert_true(finding_blames_process(
		&r->s, &(struct finding){.rule = RULE_LEFT_OPEN, .group = leaky}, q));
	f = rig_find(r, RULE_ABANDONED, "seed.js"); /* what was left behind is not among the living */
	assert_non_null(f);
	assert_false(finding_blames_process(&r->s, f, q));
}

static void every_rule_tells_of_its_numbers(void **state)
{
	(void)state;
	for (int rule = 0; rule < RULES; rule++) {
		const char *at = rule_rows[rule].evidence;

		assert_non_null(at);
		while (*at) {
			char name[64];
			size_t n = strcspn(at, " ");

			snprintf(name, sizeof(name), "%.*s", (int)n, at);
			assert_string_not_equal(evidence_help(name), "");
			at += n + (at[n] ? 1 : 0);
		}
	}
	assert_string_equal(evidence_help("nonesuch"), "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_idle_ones_of_a_hoard),
		cmocka_unit_test(the_one_that_grows),
		cmocka_unit_test(the_code_of_who_did_it_is_told),
		cmocka_unit_test(an_opener_is_not_ended_for_its_heir),
		cmocka_unit_test(neither_relays_nor_what_is_only_noted),
		cmocka_unit_test(every_rule_tells_of_its_numbers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
