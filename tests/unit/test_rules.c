/* SPDX-License-Identifier: BSD-2-Clause */
/* test_rules.c: each rule about how connections end, who has them and who is turned away fires on what
 * it is made for and stays silent on healthy clients; those about how many are held: test_holding.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "rig.h"

#define NODE "/usr/bin/node"

static void abandoned(void **state)
{
	struct rig *r = rig_new();
	struct group_row *leaky = rig_group(r, "seed.js"), *honest = rig_group(r, "honest.js");
	struct process_row *p = rig_process(leaky, NODE), *q = rig_process(honest, NODE);
	const struct finding *f;

	(void)state;
	rig_connection(r, leaky, p, 10 * SECOND, 0, ENDING_ABANDONED, 5 * SECOND);
	rig_connection(r, leaky, p, 10 * SECOND, 0, ENDING_CLOSED, 5 * SECOND);
	for (int i = 0; i < 30; i++)
		rig_connection(r, honest, q, 10 * SECOND, 0, ENDING_CLOSED, 5 * SECOND);
	f = rig_find(r, RULE_ABANDONED, "seed.js");
	assert_non_null(f);
	assert_int_equal(f->severity, SEVERITY_LEAK);
	assert_string_equal(f->sentence, "1 of 2 connections was never closed: the process exited");
	assert_int_equal(rig_evidence(f, "killed"), 0);
	assert_int_equal(rig_evidence(f, "abandoned"), 1);
	assert_int_equal(rig_count_findings(r), 1); /* who closes everything is not named */
}

static void who_was_killed_had_no_chance_to_close(void **state)
{
	struct rig *r = rig_new();
	struct group_row *g = rig_group(r, "seed.js");
	struct process_row *p = rig_process(g, NODE);
	struct connection_row *c =
		rig_connection(r, g, p, 10 * SECOND, 0, ENDING_ABANDONED, 5 * SECOND);
	const struct finding *f;

	(void)state;
	((struct event_process *)p->identity)->library = "pg";
	c->manner = MANNER_EXIT;
	c->exit_code = 9; /* as wait(2) has it: SIGKILL */
	f = rig_find(r, RULE_ABANDONED, "seed.js");
	assert_non_null(f);
	assert_string_equal(
		f->sentence, "1 of 1 connections was never closed: the process was killed");
	assert_null(strstr(f->advice, "pool.end()"));
	rig_connection(r, g, p, 10 * SECOND, 0, ENDING_ABANDONED, 5 * SECOND);
	f = rig_find(r, RULE_ABANDONED, "seed.js");
	assert_string_equal(f->sentence,
		"2 of 2 connections were never closed: the process exited, or was killed (1)");
	assert_non_null(strstr(f->advice, "pool.end()"));
}

static void orphan_slot(void **state)
{
	struct rig *r = rig_new();
	struct orphan_row orphan = {.backend_pid = 4711,
		.since = NOW - 42 * SECOND,
		.activity = "SELECT",
		.script = "psql",
		.client = {.pid = 99},
		.manner = MANNER_EXIT,
		.exit_code = 9};
	const struct finding *f;

	(void)state;
	rig_limit(r, 100, 3, 1);
	assert_int_equal(rig_count_findings(r), 0);
	r->instance.orphans = &orphan;
	r->instance.orphan_count = 1;
	f = rig_find(r, RULE_ORPHAN_SLOT, "postgres");
	assert_non_null(f);
	assert_null(f->group);
	assert_string_equal(f->sentence, "1 slot is taken for a client that is gone, for 42s; "
					 "backend 4711 still runs SELECT "
					 "for its client (psql, pid 99), killed by signal 9");
	orphan.script = "/srv/\xd1\x86\xd0\xb5\xd0\xbd\xd1\x8b/scripts/nightly/import-of-all-prices.js"; /* цены */
	orphan.client.pid = 4194303;
	f = rig_find(r, RULE_ORPHAN_SLOT, "postgres");
	assert_non_null(strstr(f->sentence, " for its client (/srv/\xd1\x86\xd0\xb5\xd0\xbd\xd1\x8b/...port-of-all-prices.js, "
					    "pid 4194303), killed by signal 9"));
	orphan.script = NULL; /* gone before anybody looked */
	orphan.since = 0;
	assert_string_equal(rig_find(r, RULE_ORPHAN_SLOT, "postgres")->sentence,
		"1 slot is taken for a client that is gone; backend 4711 still runs SELECT");
	orphan.since = NOW - SECOND / 2; /* it may not have noticed yet */
	assert_null(rig_find(r, RULE_ORPHAN_SLOT, "postgres"));
}

static void inherited(void **state)
{
	struct rig *r = rig_new();
	struct group_row *g = rig_group(r, "fork.py"), *shared = rig_group(r, "workers.py");
	struct process_row *p = rig_process(g, "/usr/bin/python3"),
			   *q = rig_process(shared, "/usr/bin/python3");
	struct holder_row child = {.pid = 7, .fd = 3},
			  both[] = {{.pid = 7, .fd = 3}, {.pid = 0, .fd = 3}};
	struct connection_row *c = rig_connection(r, g, p, 5 * SECOND, 0, ENDING_NONE, 0),
			      *d = rig_connection(r, shared, q, 5 * SECOND, 0, ENDING_NONE, 0);
	const struct finding *f;

	(void)state;
	c->holders = &child;
	c->holder_count = 1;
	both[1].pid = q->key.pid; /* a child that has it too is no heir */
	d->holders = both;
	d->holder_count = 2;
	f = rig_find(r, RULE_INHERITED, "fork.py");
	assert_non_null(f);
	assert_int_equal(rig_evidence(f, "holder_pid"), 7);
	assert_null(rig_find(r, RULE_INHERITED, "workers.py"));
	child.pid = p->key.pid;
	assert_null(rig_find(r, RULE_INHERITED, "fork.py"));
	p->gone = true; /* the same pid runs another program now */
	f = rig_find(r, RULE_INHERITED, "fork.py");
	assert_non_null(f);
	assert_non_null(strstr(f->sentence, "outlived exec"));
}

static void churn(void **state)
{
	struct rig *r = rig_new();
	struct group_row *g = rig_group(r, "cgi.php"), *cancel = rig_group(r, "psql"),
			 *slow = rig_group(r, "cron.py"), *past = rig_group(r, "batch.py");
	struct process_row *p = rig_process(g, "/usr/bin/php"),
			   *q = rig_process(cancel, "/usr/bin/psql"),
			   *o = rig_process(slow, "/usr/bin/python3"),
			   *l = rig_process(past, "/usr/bin/python3");
	const struct finding *f;

	(void)state;
	for (__u64 i = 0; i < 60; i++) {
		__u64 ended = i * SECOND / 10;

		rig_connection(r, g, p, ended + SECOND / 20, 0, ENDING_CLOSED, ended);
		rig_connection(r, cancel, q, ended + SECOND / 20, 0, ENDING_CLOSED, ended)
			->purpose = PURPOSE_CANCEL;
		rig_connection(r, past, l, ended + 20 * SECOND, 0, ENDING_CLOSED,
			ended + 19 * SECOND + SECOND / 2);
	}
	for (__u64 i = 0; i < 9; i++)
		rig_connection(r, slow, o, i * SECOND + SECOND / 2, 0, ENDING_CLOSED, i * SECOND);
	f = rig_find(r, RULE_CHURN, "cgi.php");
	assert_non_null(f);
	assert_int_equal(f->severity, SEVERITY_NOTE);
	assert_int_equal(rig_count_findings(r),
		1); /* nor a cancel request, nor one a second, nor long ago */
}

static void fd_leak(void **state)
{
	struct rig *r = rig_new();
	struct group_row *g = rig_group(r, "old.js"), *fresh = rig_group(r, "new.js");

	(void)state;
	rig_connection(r, g, rig_process(g, NODE), 90 * SECOND, 0, ENDING_HUNG_UP, 30 * SECOND)
		->held = true;
	g->counts.fd_leak = 1;
	rig_connection(
		r, fresh, rig_process(fresh, NODE), 90 * SECOND, 0, ENDING_HUNG_UP, SECOND / 10)
		->held = true;
	fresh->counts.fd_leak = 1;
	assert_non_null(rig_find(r, RULE_FD_LEAK, "old.js"));
	assert_null(rig_find(r, RULE_FD_LEAK, "new.js")); /* it had no time to notice */
}

static void refuse(struct rig *r, struct group_row *g, int count, const char *sqlstate)
{
	struct process_row *p = rig_process(g, NODE);

	for (int i = 0; i < count; i++)
		rig_connection(r, g, p, 5 * SECOND, 0, ENDING_REFUSED, 5 * SECOND)->sqlstate =
			sqlstate;
}

static void victims_are_not_culprits(void **state)
{
	struct rig *r = rig_new();
	struct group_row *hoarder = rig_group(r, "sync.js"), *victim = rig_group(r, "api.js"),
			 *innocent = rig_group(r, "report.js"), *typo = rig_group(r, "typo.js");
	const struct finding *f;

	(void)state;
	for (int i = 0; i < 9; i++)
		rig_open(r, hoarder, rig_process(hoarder, NODE), 10, 120 * SECOND);
	refuse(r, hoarder, 5, "53300"); /* refused too, but by its own doing */
	refuse(r, victim, 12, "53300");
	rig_open(r, innocent, rig_process(innocent, NODE), 2, SECOND);
	refuse(r, typo, 3, "28P01"); /* a wrong password */
	f = rig_find(r, RULE_VICTIM, "api.js");
	assert_non_null(f);
	assert_int_equal(f->severity, SEVERITY_NOTE);
	assert_string_equal(f->sentence,
		"12 connections were refused, too many clients; most slots are held by sync.js (90 "
		"open, 90 idle, at most 90)");
	assert_non_null(rig_find(r, RULE_IDLE_HOARD, "sync.js"));
	assert_int_equal(rig_count_findings(r), 2);
}

static void a_refusal_nobody_could_read_is_for_room_only_where_there_was_none(void **state)
{
	struct rig *r = rig_new();
	struct group_row *hoarder = rig_group(r, "sync.js"), *typo = rig_group(r, "typo.js");

	(void)state;
	rig_limit(r, 100, 3, 50);
	rig_open(r, hoarder, rig_process(hoarder, NODE), 10, 120 * SECOND);
	refuse(r, typo, 3, "");
	assert_null(
		rig_find(r, RULE_VICTIM, "typo.js")); /* a wrong password, through a unix socket */
	r->instance.used = 97;
	assert_non_null(rig_find(r, RULE_VICTIM, "typo.js"));
	r->instance.used = 0;
	r->server.counts.peak = 97; /* between two looks */
	assert_non_null(rig_find(r, RULE_VICTIM, "typo.js"));
	r->server.counts.peak = 0;
	r->instance.history = &(struct sample){.used = 97};
	r->instance.history_count = 1;
	assert_non_null(rig_find(r, RULE_VICTIM, "typo.js"));
	r->instance.max_connections = -1; /* nobody knows */
	r->instance.history_count = 0;
	assert_non_null(rig_find(r, RULE_VICTIM, "typo.js"));
}

static void who_fills_the_server_itself_is_no_victim(void **state)
{
	struct rig *r = rig_new();
	struct group_row *g = rig_group(r, "job.js"), *small = rig_group(r, "psql");

	(void)state;
	for (int i = 0; i < 30; i++)
		rig_open(r, g, rig_process(g, NODE), 1, SECOND);
	refuse(r, g, 100, "53300");
	rig_open(r, small, rig_process(small, "/usr/bin/psql"), 1, 900 * SECOND);
	assert_null(rig_find(r, RULE_VICTIM, "job.js"));
}

static void a_pooler_is_a_relay_and_nothing_else(void **state)
{
	struct rig *r = rig_new();
	struct group_row *g = rig_group(r, "pgbouncer"), *fake = rig_group(r, "pgbouncer.js");

	(void)state;
	rig_limit(r, 100, 3, 50);
	for (int i = 0; i < 2; i++)
		rig_open(r, g, rig_process(g, "/usr/sbin/pgbouncer (deleted)"), 25, 900 * SECOND);
	rig_open(r, fake, rig_process(fake, NODE), 1, SECOND);
	/* One was stopped: what it had, it had for others. */
	rig_connection(r, g, rig_process(g, "/usr/sbin/pgbouncer"), 9 * SECOND, 0, ENDING_ABANDONED,
		SECOND);
	assert_non_null(rig_find(r, RULE_RELAY, "pgbouncer"));
	assert_int_equal(rig_count_findings(r), 1);
	assert_int_equal(group_role(&r->s, g), ROLE_RELAY);
	assert_int_equal(group_role(&r->s, fake), ROLE_CLIENT);
}

static void what_listens_as_a_relay_is_one(void **state)
{
	struct rig *r = rig_new();
	struct group_row *g = rig_group(r, "myproxy");
	struct process_row *p = rig_process(g, "/opt/myproxy");
	const struct finding *f;

	(void)state;
	rig_open(r, g, p, 30, 900 * SECOND);
	r->instance = (struct instance_row){
		.kind = SERVER_RELAY, .process = p->key, .program = "myproxy"};
	r->s.instances = &r->instance;
	r->s.instance_count = 1;
	f = rig_find(r, RULE_RELAY, "myproxy");
	assert_non_null(f);
	assert_non_null(strstr(f->advice, "watch its port"));
	assert_int_equal(rig_count_findings(r), 1);
	r->server.instance = &r->instance; /* it is watched: who is behind it is known */
	f = rig_find(r, RULE_RELAY, "myproxy");
	assert_null(strstr(f->advice, "watch its port"));
	assert_int_equal(rig_evidence(f, "clients"), r->server.counts.open);
}

static void a_relay_may_fork_for_each_client(void **state)
{
	struct rig *r = rig_new();
	struct group_row *g = rig_group(r, "socat");

	(void)state;
	for (int i = 0; i < 2; i++) {
		struct process_row *p = rig_process(g, "/usr/bin/socat");

		((struct event_process *)p->identity)->parent = 77;
		rig_open(r, g, p, 1, SECOND);
	}
	r->instance = (struct instance_row){.kind = SERVER_RELAY, .process = {.pid = 77}, .program = "socat"};
	r->s.instances = &r->instance;
	r->server.instance = &r->instance;
	r->s.instance_count = 1;
	assert_int_equal(rig_evidence(rig_find(r, RULE_RELAY, "socat"), "clients"), 2);
}

static void monitors_are_marked_and_counted(void **state)
{
	struct rig *r = rig_new();
	struct group_row *g = rig_group(r, "/usr/bin/pg_activity"),
			 *e = rig_group(r, "postgres_exporter");

	(void)state;
	rig_open(r, g, rig_process(g, "/usr/bin/python3.11"), 1, SECOND);
	rig_open(r, e, rig_process(e, "/usr/bin/postgres_exporter"), 12, 120 * SECOND);
	assert_int_equal(group_role(&r->s, g), ROLE_MONITOR);
	assert_int_equal(group_role(&r->s, e), ROLE_MONITOR);
	assert_non_null(rig_find(r, RULE_IDLE_HOARD, "postgres_exporter")); /* they have leaked */
}

static void left_open_when_the_grace_is_over(void **state)
{
	struct rig *r = rig_new();
	struct group_row *g = rig_group(r, "test.js"), *clean = rig_group(r, "clean.js");
	struct event_command command = {.pid = 9, .grace = 2 * SECOND};
	const struct finding *f;

	(void)state;
	rig_open(r, g, rig_process(g, NODE), 2, SECOND);
	rig_connection(r, clean, rig_process(clean, NODE), 5 * SECOND, 0, ENDING_CLOSED, SECOND);
	assert_int_equal(
		rig_count_findings(r), 0); /* no command: an open connection is no finding */
	r->s.command = &command;
	assert_int_equal(rig_count_findings(r), 0); /* it still runs */
	command.ended = 1;
	command.head.time = r->s.now - SECOND;
	assert_int_equal(rig_count_findings(r), 0); /* its children still may */
	command.head.time -= SECOND;
	f = rig_find(r, RULE_LEFT_OPEN, "test.js");
	assert_non_null(f);
	assert_int_equal(f->severity, SEVERITY_LEAK);
	assert_string_equal(
		f->sentence, "2 connections are still open 2.0s after the command ended");
	assert_int_equal(rig_evidence(f, "grace"), 2 * SECOND);
	assert_int_equal(rig_count_findings(r), 1);
}

static void rules_can_be_turned_off_and_given_a_threshold(void **state)
{
	struct rig *r = rig_new();
	struct group_row *g = rig_group(r, "two.js");
	struct rule_settings settings = {.threshold = {[RULE_IDLE_HOARD] = 3}};
	struct findings *f;

	(void)state;
	rig_open(r, g, rig_process(g, NODE), 2, 120 * SECOND);
	rig_open(r, g, rig_process(g, NODE), 2, 120 * SECOND);
	assert_int_equal(rig_count_findings(r), 0);
	f = findings_of(&r->s, &settings);
	assert_int_equal(f->count, 1);
	findings_free(f);
	settings.off[RULE_IDLE_HOARD] = true;
	f = findings_of(&r->s, &settings);
	assert_int_equal(f->count, 0);
	findings_free(f);
}

static void every_rule_is_whole(void **state)
{
	(void)state;
	for (int i = 0; i < RULES; i++) {
		assert_int_equal(rule_find(rule_rows[i].id), i);
		assert_non_null(rule_rows[i].holds);
		assert_true(strlen(rule_rows[i].what) > 40);
		assert_true(strlen(rule_rows[i].taken_back) > 4);
		assert_true(strlen(rule_rows[i].advice) > 10);
		assert_non_null(rule_rows[i].unit);
	}
	assert_int_equal(rule_find("no such"), RULES);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(abandoned),
		cmocka_unit_test(who_was_killed_had_no_chance_to_close),
		cmocka_unit_test(orphan_slot),
		cmocka_unit_test(inherited),
		cmocka_unit_test(churn),
		cmocka_unit_test(fd_leak),
		cmocka_unit_test(victims_are_not_culprits),
		cmocka_unit_test(a_refusal_nobody_could_read_is_for_room_only_where_there_was_none),
		cmocka_unit_test(who_fills_the_server_itself_is_no_victim),
		cmocka_unit_test(a_pooler_is_a_relay_and_nothing_else),
		cmocka_unit_test(what_listens_as_a_relay_is_one),
		cmocka_unit_test(a_relay_may_fork_for_each_client),
		cmocka_unit_test(monitors_are_marked_and_counted),
		cmocka_unit_test(left_open_when_the_grace_is_over),
		cmocka_unit_test(rules_can_be_turned_off_and_given_a_threshold),
		cmocka_unit_test(every_rule_is_whole),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
