/* SPDX-License-Identifier: BSD-2-Clause */
/* test_model.c: what the model believes after given events: identity, loss, repair, the books. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <pgleaktrace/model.h>

#define SECOND 1000000000ull

static const struct query everything = {.older = 60 * SECOND};

static struct ledger_key ledger_of(__u32 pid, __u64 start, __u32 exec)
{
	struct ledger_key key = {.process = {.pid = pid, .start = start, .exec = exec},
		.server = {.port = 5432, .family = 2, .netns = 1}};

	key.server.address[10] = key.server.address[11] = 0xff;
	key.server.address[12] = 127;
	key.server.address[15] = 1;
	return key;
}

static void tell_process(struct model *model, const struct ledger_key *key, const char *argv, size_t n)
{
	union event event = {.process = {.head = {EVENT_PROCESS, 0, SECOND},
				     .process = key->process,
				     .argv = argv,
				     .argv_length = (__u32)n,
				     .comm = "node"}};

	model_apply(model, &event);
}

static void tell_open(struct model *model, const struct ledger_key *key, __u64 cookie, __u64 time)
{
	union event event = {.open = {.head = {EVENT_OPEN, 0, time},
				     .cookie = cookie,
				     .ledger = *key,
				     .attribution = ATTRIBUTION_CONNECT}};

	model_apply(model, &event);
}

static void tell_end(struct model *model, const struct ledger_key *key, __u64 cookie, __u64 time)
{
	union event event = {.end = {.head = {EVENT_END, 0, time},
				     .cookie = cookie,
				     .ledger = *key,
				     .ending = ENDING_CLOSED,
				     .manner = MANNER_CLOSE}};

	model_apply(model, &event);
}

static void tell_totals(struct model *model, const struct ledger_key *key, struct totals totals, bool gone)
{
	union event event = {.totals = {.head = {EVENT_TOTALS, 0, 2 * SECOND},
				     .ledger = *key,
				     .totals = totals,
				     .gone = gone}};

	model_apply(model, &event);
}

static void tell_snapshot(struct model *model, __u32 begins)
{
	union event event = {
		.snapshot = {.head = {EVENT_SNAPSHOT, 0, 3 * SECOND}, .begins = begins}};

	model_apply(model, &event);
}

static void assert_balanced(const struct counts *c)
{
	assert_int_equal(c->adopted + c->opened,
		c->open + c->closed + c->abandoned + c->hung_up + c->refused + c->unknown);
}

static void a_reused_pid_is_another_process(void **state)
{
	static const char first[] = "node\0a.js", second[] = "node\0b.js";
	struct ledger_key old = ledger_of(100, 1, 1), young = ledger_of(100, 2, 1);
	struct model *model = model_new();
	struct snapshot *s;

	(void)state;
	tell_process(model, &old, first, sizeof(first));
	tell_process(model, &young, second, sizeof(second));
	tell_totals(model, &old, (struct totals){.attempted = 3, .opened = 3, .abandoned = 3}, true);
	tell_totals(model, &young, (struct totals){.attempted = 1, .opened = 1, .open = 1, .peak = 1}, false);
	s = model_snapshot(model, &everything);
	assert_int_equal(s->group_count, 2);
	assert_string_equal(s->groups[0].name, "a.js");
	assert_int_equal(s->groups[0].counts.abandoned, 3);
	assert_int_equal(s->groups[1].counts.open, 1);
	assert_true(s->groups[0].processes[0].gone);
	assert_false(s->groups[1].processes[0].gone);
	snapshot_free(s);
	model_free(model);
}

static void an_exec_is_another_script_of_the_same_process(void **state)
{
	static const char first[] = "node\0a.js", second[] = "python3\0b.py";
	struct ledger_key before = ledger_of(100, 1, 1), after = ledger_of(100, 1, 2);
	struct model *model = model_new();

	(void)state;
	tell_process(model, &before, first, sizeof(first));
	tell_process(model, &after, second, sizeof(second));
	assert_string_equal(model_script(model, &before.process), "a.js");
	assert_string_equal(model_script(model, &after.process), "b.py");
	model_free(model);
}

static void counts_come_from_the_kernel_not_from_events(void **state)
{
	struct ledger_key key = ledger_of(7, 1, 1);
	struct model *model = model_new();
	struct snapshot *s;

	(void)state;
	tell_open(model, &key, 1, SECOND);
	tell_end(model, &key, 2, SECOND); /* its opening was lost */
	tell_totals(model, &key,
		(struct totals){.attempted = 50, .opened = 50, .closed = 48, .open = 2, .peak = 9}, false);
	s = model_snapshot(model, &everything);
	assert_int_equal(s->groups[0].counts.opened, 50);
	assert_int_equal(s->groups[0].counts.closed, 48);
	assert_int_equal(s->groups[0].counts.open, 2);
	assert_int_equal(s->groups[0].counts.peak, 9);
	assert_balanced(&s->groups[0].counts);
	assert_string_equal(s->groups[0].name, "?");
	snapshot_free(s);
	model_free(model);
}

/* Also of one who lives: a paused screen shows a copy. */
static void assert_copy_knows_what_ended_unseen(struct model *model)
{
	const union event session = {.session = {.head = {EVENT_SESSION, 0, SECOND}}};
	struct model *copy;
	struct snapshot *s;

	model_apply(model, &session); /* without one there is nothing to tell */
	copy = model_copy(model);
	s = model_snapshot(copy, &everything);
	assert_int_equal(s->counts.unknown, 2);
	assert_int_equal(s->counts.open, 0);
	assert_int_equal(s->losses.drift, 2);
	assert_false(s->complete);
	assert_balanced(&s->counts);
	snapshot_free(s);
	model_free(copy);
}

static void what_no_snapshot_finds_twice_ended_unseen(void **state)
{
	struct ledger_key key = ledger_of(7, 1, 1);
	struct totals totals = {.attempted = 2, .opened = 2, .open = 2, .peak = 2};
	struct model *model = model_new();
	struct snapshot *s;

	(void)state;
	for (int look = 1; look <= 3; look++) {
		tell_snapshot(model, 1);
		tell_totals(model, &key, totals, false);
		tell_snapshot(model, 0);
		assert_int_equal(model_is_certain(model), look > 1);
		s = model_snapshot(model, &everything);
		assert_int_equal(s->counts.unknown, look < 2 ? 0 : 2);
		assert_int_equal(s->counts.open, look < 2 ? 2 : 0);
		assert_int_equal(s->complete, look < 2);
		assert_balanced(&s->counts);
		snapshot_free(s);
	}
	assert_copy_knows_what_ended_unseen(model);
	model_free(model);
}

static void a_socket_may_connect_again(void **state)
{
	struct ledger_key key = ledger_of(7, 1, 1);
	struct model *model = model_new();
	struct snapshot *s;

	(void)state;
	tell_open(model, &key, 42, SECOND);
	tell_end(model, &key, 42, 2 * SECOND);
	tell_open(model, &key, 42, 3 * SECOND);
	tell_totals(model, &key,
		(struct totals){.attempted = 2, .opened = 2, .closed = 1, .open = 1, .peak = 1}, false);
	s = model_snapshot(model, &everything);
	assert_int_equal(s->groups[0].processes[0].connection_count, 2);
	assert_int_equal(s->groups[0].processes[0].connections[0].ended_at, 0);
	assert_int_equal(s->groups[0].processes[0].connections[1].ending, ENDING_CLOSED);
	snapshot_free(s);
	model_free(model);
}

static void a_closed_ledger_that_comes_again_adds_up(void **state)
{
	struct ledger_key key = ledger_of(7, 1, 1);
	struct model *model = model_new();
	struct snapshot *s;

	(void)state;
	tell_totals(model, &key, (struct totals){.attempted = 5, .opened = 5, .closed = 5, .peak = 4}, true);
	tell_totals(model, &key, (struct totals){.attempted = 2, .opened = 2, .closed = 2, .peak = 1}, true);
	s = model_snapshot(model, &everything);
	assert_int_equal(s->counts.opened, 7);
	assert_int_equal(s->groups[0].counts.peak, 4);
	snapshot_free(s);
	model_free(model);
}

static void ended_details_are_bounded_and_counted(void **state)
{
	struct ledger_key key = ledger_of(7, 1, 1);
	struct model *model = model_new();
	struct snapshot *s;

	(void)state;
	for (__u64 i = 1; i <= 12000; i++) {
		tell_open(model, &key, i, i);
		tell_end(model, &key, i, i);
	}
	tell_totals(model, &key, (struct totals){.attempted = 12000, .opened = 12000, .closed = 12000}, false);
	s = model_snapshot(model, &everything);
	assert_int_equal(s->forgotten, 2000);
	assert_int_equal(s->groups[0].processes[0].connection_count, 10000);
	assert_int_equal(s->counts.closed, 12000);
	snapshot_free(s);
	model_free(model);
}

/* As many were missed twice running, but others: the books tell their ends after all. */
static void an_end_that_was_seen_after_all_is_not_unseen(void **state)
{
	struct model *model = model_new();
	struct ledger_key key = ledger_of(100, 1, 1);
	struct snapshot *s;

	(void)state;
	for (int look = 0; look < 2; look++) {
		tell_snapshot(model, 1);
		tell_totals(model, &key, (struct totals){.attempted = 3, .opened = 3, .closed = 2, .open = 1}, false);
		tell_snapshot(model, 0);
	}
	s = model_snapshot(model, &everything);
	assert_int_equal(s->counts.unknown, 1);
	assert_int_equal(s->losses.drift, 1);
	snapshot_free(s);
	tell_totals(model, &key, (struct totals){.attempted = 3, .opened = 3, .closed = 3}, true);
	s = model_snapshot(model, &everything);
	assert_int_equal(s->counts.unknown, 0);
	assert_int_equal(s->counts.closed, 3);
	assert_int_equal(s->counts.open, 0);
	assert_int_equal(s->losses.drift, 0);
	snapshot_free(s);
	model_free(model);
}

/* Of two processes of a script, 1 + 2 connections, a filter leaves one. */
static void what_a_filter_leaves_has_a_peak_of_its_own(void **state)
{
	struct model *model = model_new();
	struct ledger_key one = ledger_of(100, 1, 1), two = ledger_of(101, 2, 1);
	const struct query only = {.older = 60 * SECOND, .pid = 100};
	struct snapshot *s;

	(void)state;
	tell_process(model, &one, "node\0seed.js", 13);
	tell_process(model, &two, "node\0seed.js", 13);
	tell_open(model, &one, 1, SECOND);
	tell_open(model, &two, 2, SECOND);
	tell_open(model, &two, 3, SECOND);
	tell_totals(model, &one, (struct totals){.attempted = 1, .opened = 1, .open = 1, .peak = 1}, false);
	tell_totals(model, &two, (struct totals){.attempted = 2, .opened = 2, .open = 2, .peak = 2}, false);
	s = model_snapshot(model, &everything);
	assert_int_equal(s->groups[0].counts.peak, 3);
	assert_int_equal(s->groups[0].concurrent, 2);
	assert_int_equal(s->servers[0].counts.peak, 3);
	snapshot_free(s);
	s = model_snapshot(model, &only);
	assert_int_equal(s->groups[0].counts.peak, 1);
	assert_int_equal(s->groups[0].concurrent, 1);
	assert_int_equal(s->servers[0].counts.peak, 1);
	snapshot_free(s);
	model_free(model);
}

static void an_empty_model_has_an_empty_snapshot(void **state)
{
	struct model *model = model_new();
	struct snapshot *s = model_snapshot(model, &everything);

	(void)state;
	assert_int_equal(s->group_count, 0);
	assert_null(s->session);
	snapshot_free(s);
	model_free(model);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_reused_pid_is_another_process),
		cmocka_unit_test(an_exec_is_another_script_of_the_same_process),
		cmocka_unit_test(counts_come_from_the_kernel_not_from_events),
		cmocka_unit_test(what_no_snapshot_finds_twice_ended_unseen),
		cmocka_unit_test(a_socket_may_connect_again),
		cmocka_unit_test(a_closed_ledger_that_comes_again_adds_up),
		cmocka_unit_test(ended_details_are_bounded_and_counted),
		cmocka_unit_test(an_end_that_was_seen_after_all_is_not_unseen),
		cmocka_unit_test(what_a_filter_leaves_has_a_peak_of_its_own),
		cmocka_unit_test(an_empty_model_has_an_empty_snapshot),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
