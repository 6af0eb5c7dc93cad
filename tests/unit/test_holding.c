/* SPDX-License-Identifier: BSD-2-Clause */
/* test_holding.c: the rules about how many connections are held: what a healthy pool is, who hoards, grows
 * or fans out, and what is advised in the words of the client library. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "rig.h"

#define NODE "/usr/bin/node"

static void a_pool_idle_within_its_size_is_healthy(void **state)
{
	struct rig *r = rig_new();
	struct group_row *g = rig_group(r, "api.js");

	(void)state;
	rig_limit(r, 20, 3, 10);
	rig_open(r, g, rig_process(g, NODE), 10, 3600 * SECOND);
	assert_int_equal(rig_count_findings(r), 0);
}

static void two_idle_sessions_are_healthy(void **state)
{
	struct rig *r = rig_new();
	struct group_row *g = rig_group(r, "psql");

	(void)state;
	rig_limit(r, 100, 3, 2);
	rig_open(r, g, rig_process(g, "/usr/bin/psql"), 1, 900 * SECOND);
	rig_open(r, g, rig_process(g, "/usr/bin/psql"), 1, 900 * SECOND);
	assert_int_equal(rig_count_findings(r), 0);
}

static void idle_hoard_beyond_a_pool(void **state)
{
	struct rig *r = rig_new();
	struct group_row *g = rig_group(r, "sync.js");
	const struct finding *f;

	(void)state;
	rig_open(r, g, rig_process(g, NODE), 11, 120 * SECOND);
	f = rig_find(r, RULE_IDLE_HOARD, "sync.js");
	assert_non_null(f);
	assert_string_equal(f->sentence,
		"1 process holds 11 connections, 11 idle for over 1m00s, oldest 2m01s");
	assert_false(f->budget.known);
}

static void idle_hoard_of_many(void **state)
{
	struct rig *r = rig_new();
	struct group_row *g = rig_group(r, "sync.js"), *other = rig_group(r, "api.js");
	const struct finding *f;
	char text[256];

	(void)state;
	rig_limit(r, 100, 3, 69); /* 2 of them are nobody's we know */
	for (int i = 0; i < 19; i++)
		rig_open(r, g, rig_process(g, NODE), 3, 120 * SECOND);
	rig_open(r, other, rig_process(other, NODE), 10, SECOND);
	f = rig_find(r, RULE_IDLE_HOARD, "sync.js");
	assert_non_null(f);
	assert_int_equal(f->severity, SEVERITY_LEAK); /* over a quarter of the server */
	assert_int_equal(f->budget.others, 12);
	assert_int_equal(rig_evidence(f, "safe_processes"), 28); /* (100 - 3 - 12) / 3 */
	assert_int_equal(rig_evidence(f, "recommended_limit"), 4);
	budget_text(text, sizeof(text), &f->budget);
	assert_string_equal(text,
		"(100 max_connections - 3 reserved - 12 others) / 3 per process = "
		"28 processes at once; 19 ran: at most 4 connections each");
	assert_null(rig_find(r, RULE_IDLE_HOARD, "api.js"));
	assert_non_null(strstr(f->advice, "at most 4 connections per process"));
}

static void idle_hoard_of_a_small_server(void **state)
{
	struct rig *r = rig_new();
	struct group_row *g = rig_group(r, "sync.js");

	(void)state;
	for (int i = 0; i < 3; i++)
		rig_open(r, g, rig_process(g, NODE), 2, 120 * SECOND);
	assert_null(rig_find(r, RULE_IDLE_HOARD, "sync.js"));
	rig_limit(r, 20, 3, 6);
	assert_non_null(rig_find(r, RULE_IDLE_HOARD, "sync.js"));
}

/* 4 workers of a server, `each` idle connections each. */
static struct rig *served(int each, int usable)
{
	struct rig *r = rig_new();
	struct group_row *g = rig_group(r, "gunicorn shop:app");

	for (int i = 0; i < 4; i++) {
		struct process_row *p = rig_process(g, "/usr/bin/python3.11");

		p->worker = true;
		rig_open(r, g, p, each, 120 * SECOND);
	}
	if (usable)
		rig_limit(r, usable + 3, 3, (__u64)each * 4);
	return r;
}

static void a_server_s_workers_are_no_leak(void **state)
{
	const struct finding *f;

	(void)state;
	assert_int_equal(rig_count_findings(served(5, 80)), 0);
	assert_int_equal(rig_count_findings(served(10, 0)), 0);
	f = rig_find(served(6, 80), RULE_IDLE_HOARD, "gunicorn shop:app");
	assert_non_null(f);
	assert_int_equal(f->severity, SEVERITY_WARNING);
	assert_int_equal(rig_evidence(f, "workers"), 4);
	assert_non_null(strstr(f->advice, "make the pool smaller"));
	f = rig_find(served(11, 80), RULE_IDLE_HOARD, "gunicorn shop:app"); /* beyond any pool */
	assert_non_null(f);
	assert_int_equal(f->severity, SEVERITY_LEAK);
}

/* Three services that are all "main.js", `each` idle connections each. */
static struct rig *services(int each, int usable)
{
	struct rig *r = rig_new();
	struct group_row *g = rig_group(r, "main.js");
	static const char *const folders[] = {"/srv/a", "/srv/b", "/srv/c"};

	for (int i = 0; i < 3; i++) {
		struct process_row *p = rig_process(g, NODE);

		((struct event_process *)p->identity)->cwd = folders[i];
		rig_open(r, g, p, each, 120 * SECOND);
	}
	rig_limit(r, usable + 3, 3, (__u64)each * 3);
	return r;
}

static void scripts_of_one_name_in_several_folders_are_several(void **state)
{
	struct rig *r;
	const struct finding *f;

	(void)state;
	assert_int_equal(rig_count_findings(services(5, 97)), 0);
	f = rig_find(services(9, 97), RULE_IDLE_HOARD, "main.js"); /* a quarter of the server */
	assert_non_null(f);
	assert_int_equal(f->severity, SEVERITY_WARNING);
	assert_int_equal(rig_evidence(f, "folders"), 3);
	assert_non_null(strstr(f->sentence, "3 processes in 3 folders hold 27 connections, 27 idle"));
	r = services(5, 97);
	rig_open(r, r->groups, &r->processes[0][1], 20, 120 * SECOND); /* one of them is one */
	f = rig_find(r, RULE_IDLE_HOARD, "main.js");
	assert_non_null(f);
	assert_int_equal(f->severity, SEVERITY_LEAK);
}

static void a_pool_whose_size_is_hidden_is_no_leak(void **state)
{
	struct rig *r = rig_new();
	struct group_row *g = rig_group(r, "shop.jar");
	struct process_row *p = rig_process(g, "/usr/lib/jvm/bin/java");
	struct event_process *e = (struct event_process *)p->identity;

	(void)state;
	e->library = "hikaricp";
	rig_limit(r, 83, 3, 20);
	rig_open(r, g, p, 20, 120 * SECOND); /* maximumPoolSize = 20, somewhere */
	assert_int_equal(rig_count_findings(r), 0);
	rig_open(r, g, p, 1, 120 * SECOND);
	assert_int_equal(rig_find(r, RULE_IDLE_HOARD, "shop.jar")->severity, SEVERITY_WARNING);
	e->library = "django"; /* a connection for each thread is no pool */
	assert_int_equal(rig_find(r, RULE_IDLE_HOARD, "shop.jar")->severity, SEVERITY_LEAK);
}

static void growing(void **state)
{
	struct rig *r = rig_new();
	struct group_row *g = rig_group(r, "loop.js"), *busy = rig_group(r, "busy.js"),
			 *step = rig_group(r, "step.js");
	struct process_row *p = rig_process(g, NODE), *q = rig_process(busy, NODE),
			   *o = rig_process(step, NODE);
	const struct finding *f;

	(void)state;
	for (__u64 i = 20; i > 0; i--) { /* one a second, never used again */
		rig_connection(r, g, p, i * SECOND, i * SECOND, ENDING_NONE, 0);
		rig_connection(r, busy, q, i * SECOND, SECOND / 10, ENDING_NONE, 0);
		rig_connection(r, step, o, 20 * SECOND, 20 * SECOND, ENDING_NONE, 0);
	}
	f = rig_find(r, RULE_GROWING, "loop.js");
	assert_non_null(f);
	assert_int_equal(rig_evidence(f, "open"), 20);
	assert_int_equal(rig_evidence(f, "pid"), p->key.pid);
	assert_null(rig_find(r, RULE_GROWING, "busy.js")); /* a pool that fills up under load */
	assert_null(rig_find(r, RULE_GROWING, "step.js")); /* all at once, then no more */
}

static void growing_needs_more_than_a_pool(void **state)
{
	struct rig *r = rig_new();
	struct group_row *g = rig_group(r, "lazy.js");
	struct process_row *p = rig_process(g, NODE);

	(void)state;
	for (__u64 i = 10; i > 0; i--)
		rig_connection(r, g, p, i * 2 * SECOND, i * 2 * SECOND, ENDING_NONE, 0);
	assert_null(rig_find(r, RULE_GROWING, "lazy.js"));
}

static void growing_counts_what_closed(void **state)
{
	struct rig *r = rig_new();
	struct group_row *g = rig_group(r, "level.js");
	struct process_row *p = rig_process(g, NODE);

	(void)state;
	rig_open(r, g, p, 12, 40 * SECOND);
	for (__u64 i = 40; i > 1; i--) /* opens and closes: level */
		rig_connection(r, g, p, i * SECOND, 0, ENDING_CLOSED, (i - 1) * SECOND);
	assert_null(rig_find(r, RULE_GROWING, "level.js"));
}

static void fan_out(void **state)
{
	struct rig *r = rig_new();
	struct group_row *g = rig_group(r, "job.js");
	const struct finding *f;

	(void)state;
	for (int i = 0; i < 11; i++)
		rig_open(r, g, rig_process(g, NODE), i ? 3 : 10, SECOND);
	assert_null(rig_find(r, RULE_FAN_OUT, "job.js")); /* limit not known */
	rig_limit(r, 200, 3, 40);
	assert_null(rig_find(r, RULE_FAN_OUT, "job.js")); /* room enough */
	rig_limit(r, 100, 3, 40);
	f = rig_find(r, RULE_FAN_OUT, "job.js");
	assert_non_null(f);
	assert_string_equal(f->sentence,
		"11 processes x up to 10 connections each come to 110; there is room for 97");
}

static void one_process_never_fans_out(void **state)
{
	struct rig *r = rig_new();
	struct group_row *g = rig_group(r, "job.js");

	(void)state;
	rig_open(r, g, rig_process(g, NODE), 10, SECOND);
	rig_limit(r, 8, 3, 5);
	assert_null(rig_find(r, RULE_FAN_OUT, "job.js"));
}

static void advice_speaks_the_library_s_language(void **state)
{
	struct rig *r = rig_new();
	struct group_row *g = rig_group(r, "sync.js");
	struct event_process *e;
	const struct finding *f;

	(void)state;
	rig_limit(r, 100, 3, 60);
	for (int i = 0; i < 20; i++) {
		struct process_row *p = rig_process(g, NODE);

		rig_open(r, g, p, 3, 120 * SECOND);
		e = (struct event_process *)p->identity;
		e->library = "pg";
	}
	f = rig_find(r, RULE_IDLE_HOARD, "sync.js");
	assert_non_null(f);
	assert_string_equal(f->client->library, "pg");
	assert_non_null(strstr(f->advice, "pool.end()"));
	assert_non_null(strstr(f->advice, "new Pool({ max: 4 })")); /* 97 / 20 */
}

static void advice_never_asks_for_a_larger_pool(void **state)
{
	struct rig *r = rig_new();
	struct group_row *g = rig_group(r, "one.js");
	struct process_row *p = rig_process(g, NODE);
	struct event_process *e = (struct event_process *)p->identity;

	(void)state;
	rig_limit(r, 100, 3, 40);
	rig_open(r, g, p, 40, 120 * SECOND); /* there is room for 97 */
	e->library = "pg";
	assert_non_null(strstr(rig_find(r, RULE_IDLE_HOARD, "one.js")->advice, "max: 10 }"));
	e->library_config = "max=3 in db.js:4";
	assert_non_null(strstr(rig_find(r, RULE_IDLE_HOARD, "one.js")->advice, "max: 3 }"));
	e->library = "psycopg2"; /* which has no pool of its own */
	e->library_config = NULL;
	assert_non_null(strstr(rig_find(r, RULE_IDLE_HOARD, "one.js")->advice, "Pool(1, 10, url)"));
}

static void a_pool_of_the_library_s_or_the_script_s_size_is_healthy(void **state)
{
	struct rig *r = rig_new();
	struct group_row *g = rig_group(r, "web.py"), *big = rig_group(r, "big.js");
	struct process_row *p = rig_process(g, "/usr/bin/python3"), *q = rig_process(big, NODE);
	struct event_process *e = (struct event_process *)p->identity,
			     *b = (struct event_process *)q->identity;

	(void)state;
	e->library = "sqlalchemy"; /* 5 + 10 */
	b->library = "pg";
	b->library_config = "max=20 in db.js:3";
	rig_open(r, g, p, 15, 900 * SECOND);
	rig_open(r, big, q, 20, 900 * SECOND);
	assert_int_equal(rig_count_findings(r), 0);
	rig_open(r, g, p, 1, 900 * SECOND);
	rig_open(r, big, q, 1, 900 * SECOND);
	assert_int_equal(rig_count_findings(r), 2);
	b->library = "prisma";
	b->library_config = "connection_limit=90 in .env is ignored by Prisma 7";
	assert_non_null(rig_find(r, RULE_IDLE_HOARD, "big.js"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_pool_idle_within_its_size_is_healthy),
		cmocka_unit_test(two_idle_sessions_are_healthy),
		cmocka_unit_test(idle_hoard_beyond_a_pool),
		cmocka_unit_test(idle_hoard_of_many),
		cmocka_unit_test(idle_hoard_of_a_small_server),
		cmocka_unit_test(a_server_s_workers_are_no_leak),
		cmocka_unit_test(a_pool_whose_size_is_hidden_is_no_leak),
		cmocka_unit_test(scripts_of_one_name_in_several_folders_are_several),
		cmocka_unit_test(growing),
		cmocka_unit_test(growing_needs_more_than_a_pool),
		cmocka_unit_test(growing_counts_what_closed),
		cmocka_unit_test(fan_out),
		cmocka_unit_test(one_process_never_fans_out),
		cmocka_unit_test(advice_speaks_the_library_s_language),
		cmocka_unit_test(advice_never_asks_for_a_larger_pool),
		cmocka_unit_test(a_pool_of_the_library_s_or_the_script_s_size_is_healthy),
	};

	return cmocka_run_group_tests_name("holding", tests, NULL, NULL);
}
