/* SPDX-License-Identifier: BSD-2-Clause */
/* test_fold.c: the long gone become one row; nothing that is counted changes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <cmocka.h>

#include "model/state.h"

#define SECOND 1000000000ull
#define MANY   25000u

static const struct query everything = {.older = 60 * SECOND};

static struct ledger_key ledger_of(__u32 pid, __u16 port)
{
	struct ledger_key key = {.process = {.pid = pid, .start = pid},
		.server = {.port = port, .family = AF_INET, .netns = 1}};

	key.server.address[12] = 127;
	return key;
}

static void tell_process(struct model *model, __u32 pid, __u32 uid, const char *script)
{
	char argv[100];
	int n = snprintf(argv, sizeof(argv), "node%c%s%c%u", 0, script, 0, pid);
	union event event = {.process = {.head = {EVENT_PROCESS, 0, pid},
				     .process = ledger_of(pid, 0).process,
				     .argv = argv,
				     .argv_length = (__u32)n + 1,
				     .comm = "node",
				     .exe = "/usr/bin/node",
				     .user = uid ? "app" : "root",
				     .library = "pg",
				     .uid = uid}};

	model_apply(model, &event);
}

/* Its books with one server, closed: all balance, with an end of each kind and one unseen. */
static void tell_books(struct model *model, __u32 pid, __u16 port)
{
	union event event = {.totals = {.head = {EVENT_TOTALS, 0, pid},
				     .ledger = ledger_of(pid, port),
				     .totals = {.attempted = 8,
					     .opened = 7,
					     .failed = 1,
					     .closed = 2,
					     .abandoned = 2,
					     .hung_up = 1,
					     .refused = 1,
					     .unknown = 1,
					     .peak = 1 + pid % 3},
				     .gone = 1}};

	model_apply(model, &event);
}

static void tell_exit(struct model *model, __u32 pid)
{
	union event event = {
		.exit = {.head = {EVENT_EXIT, 0, pid}, .process = ledger_of(pid, 0).process}};

	model_apply(model, &event);
}

static void tell_open(struct model *model, __u32 pid)
{
	union event event = {.open = {.head = {EVENT_OPEN, 0, pid},
				     .cookie = pid,
				     .ledger = ledger_of(pid, 5432),
				     .attribution = ATTRIBUTION_CONNECT}};

	model_apply(model, &event);
}

static void tell_look(struct model *model)
{
	union event event = {.snapshot = {.head = {EVENT_SNAPSHOT, 0, MANY}, .begins = 1}};

	model_apply(model, &event);
	event.snapshot.begins = 0;
	model_apply(model, &event);
}

/* Of two scripts and two users; every fifth has a second server, every seventh no name. */
static void tell_gone(struct model *model, __u32 first, __u32 count)
{
	for (__u32 pid = first; pid < first + count; pid++) {
		if (pid % 7)
			tell_process(model, pid, pid % 2 * 1000, pid % 3 ? "seed.js" : "job.js");
		tell_exit(model, pid);
		tell_books(model, pid, 5432);
		if (pid % 5 == 0)
			tell_books(model, pid, 5433);
	}
}

/* The same, folded or not. */
static struct model *many(const struct query *query)
{
	union event session = {.session = {.head = {EVENT_SESSION, 0, 1}, .host = "db"}};
	struct model *model = model_for(query);

	model_apply(model, &session);
	for (__u32 pid = 1; pid <= MANY; pid += 500) {
		tell_gone(model, pid, 500);
		tell_look(model);
	}
	tell_look(model);
	return model;
}

static void check_counts(const struct counts *a, const struct counts *b)
{
	for (size_t i = 0; i < count_field_count; i++)
		assert_int_equal(count_fields[i].get(a), count_fields[i].get(b));
}

static void check_same(const struct snapshot *a, const struct snapshot *b)
{
	check_counts(&a->counts, &b->counts);
	assert_int_equal(a->group_count, b->group_count);
	for (size_t g = 0; g < a->group_count; g++) {
		assert_string_equal(a->groups[g].name, b->groups[g].name);
		assert_int_equal(a->groups[g].process_total, b->groups[g].process_total);
		assert_int_equal(a->groups[g].process_peak, b->groups[g].process_peak);
		check_counts(&a->groups[g].counts, &b->groups[g].counts);
	}
	assert_int_equal(a->server_count, b->server_count);
	for (size_t i = 0; i < a->server_count; i++)
		for (size_t k = 0; k < b->server_count; k++)
			if (!memcmp(&a->servers[i].key, &b->servers[k].key,
				    sizeof(a->servers[i].key)))
				check_counts(&a->servers[i].counts, &b->servers[k].counts);
	assert_int_equal(a->series_count, b->series_count);
	for (size_t i = 0; i < a->series_count; i++) {
		assert_string_equal(a->series[i].script, b->series[i].script);
		check_counts(&a->series[i].counts, &b->series[i].counts);
	}
}

static void check_query(const struct model *a, const struct model *b, const struct query *query)
{
	struct snapshot *x = model_snapshot(a, query), *y = model_snapshot(b, query);

	assert_true(x->group_count > 0);
	check_same(x, y);
	snapshot_free(x);
	snapshot_free(y);
}

static void no_row_changes(const struct model *folded, const struct model *whole)
{
	struct query query = everything;

	for (int group = 0; group < GROUPS; group++) {
		query.group_by = (enum group_by)group;
		if (group != GROUP_PROCESS)
			check_query(folded, whole, &query);
	}
	query = (struct query){.user = "app"};
	check_query(folded, whole, &query);
	query = (struct query){.comm = "nod*", .group_by = GROUP_USER};
	check_query(folded, whole, &query);
}

static void gone_ones_are_folded_and_nothing_else_changes(void **state)
{
	static const struct query by_process = {.group_by = GROUP_PROCESS};
	struct model *folded = many(&everything), *whole = many(&by_process), *copy;
	size_t kept = HASH_COUNT(folded->processes);

	(void)state;
	assert_int_equal(HASH_COUNT(whole->processes), MANY);
	assert_int_equal(HASH_COUNT(whole->ledgers), MANY + MANY / 5);
	assert_true(kept >= GONE_MOST && kept <= GONE_MOST + GONE_MOST / 10 + 20);
	assert_true(HASH_COUNT(folded->ledgers) <= kept * 6 / 5 + 20);
	no_row_changes(folded, whole);
	copy = model_copy(folded);
	assert_int_equal(HASH_COUNT(copy->processes), kept);
	no_row_changes(copy, folded);
	tell_gone(copy, MANY + 1, 5000); /* they join the folds that it was told of */
	tell_look(copy);
	tell_look(copy);
	assert_true(HASH_COUNT(copy->processes) <= GONE_MOST + GONE_MOST / 10 + 20);
	model_free(copy);
	model_free(folded);
	model_free(whole);
}

/* 30 of script a.js by two users, one of them with a kept connection; all but the last 10 folded. */
static struct model *few(void)
{
	struct model *model = model_new();

	for (__u32 pid = 1; pid <= 30; pid++) {
		tell_process(model, pid, pid % 2 * 1000, "a.js");
		if (pid == 3)
			tell_open(model, pid);
		tell_exit(model, pid);
		tell_books(model, pid, 5432);
	}
	tell_look(model);
	fold_gone(model, 10, KINDS_MOST);
	assert_int_equal(HASH_COUNT(model->processes), 30); /* a whole snapshot must pass */
	tell_look(model);
	fold_gone(model, 10, KINDS_MOST);
	return model;
}

static void two_users_of_a_script_are_two_folds(void **state)
{
	struct model *model = few();
	struct snapshot *s = model_snapshot(model, &everything);
	const struct group_row *g = s->groups;
	const struct process_row *x = &g->processes[g->process_count - 2], *y = x + 1;

	(void)state;
	assert_int_equal(s->group_count, 1);
	assert_int_equal(g->process_total, 30);
	assert_int_equal(g->process_count, 12);
	assert_int_equal(x->folded + y->folded, 20);
	assert_int_not_equal(x->identity->uid, y->identity->uid);
	assert_int_equal(x->counts.opened, 7 * x->folded);
	assert_int_equal(y->counts.opened, 7 * y->folded);
	assert_int_equal(x->key.pid, 0);
	assert_int_equal(y->key.pid, 0);
	for (size_t i = 0; i + 2 < g->process_count; i++)
		assert_int_equal(g->processes[i].folded, 0);
	snapshot_free(s);
	model_free(model);
}

static void who_has_a_kept_connection_is_kept(void **state)
{
	struct process_key kept = ledger_of(3, 0).process, other = ledger_of(5, 0).process;
	struct model *model = few();

	(void)state;
	assert_non_null(model_process(model, &kept));
	assert_null(model_process(model, &other));
	model_free(model);
}

/* What the folded have given to their series is not given again when the fold's books are told. */
static void no_series_counts_twice(void **state)
{
	union event event = {.totals = {.head = {EVENT_TOTALS, 0, 40},
				     .ledger = ledger_of(0, 5432),
				     .gone = 1}};
	struct model *model = few();
	struct snapshot *s;

	(void)state;
	event.totals.ledger.process.exec = 1;
	assert_true(state_process(model, &event.totals.ledger.process)->folded > 0);
	model_apply(model, &event);
	s = model_snapshot(model, &everything);
	assert_int_equal(s->series_count, 1);
	assert_int_equal(s->series[0].counts.opened, 30 * 7);
	snapshot_free(s);
	model_free(model);
}

/* As few(), but each of a script of its own: all but 10 are folded, into at most `kinds` kinds. */
static struct model *few_kinds(size_t kinds)
{
	union event session = {.session = {.head = {EVENT_SESSION, 0, 1}, .host = "db"}};
	struct model *model = model_new();

	model_apply(model, &session);
	for (__u32 pid = 1; pid <= 30; pid++) {
		char script[20];

		snprintf(script, sizeof(script), "job-%02u.js", pid);
		tell_process(model, pid, 0, script);
		tell_exit(model, pid);
		tell_books(model, pid, pid == 4 ? 5433 : 5432);
	}
	tell_look(model);
	tell_look(model);
	fold_gone(model, 10, kinds);
	return model;
}

static const struct group_row *group_of(const struct snapshot *s, const char *name)
{
	for (size_t i = 0; i < s->group_count; i++)
		if (!strcmp(s->groups[i].name, name))
			return &s->groups[i];
	return NULL;
}

/* 15 of the 20 kinds are too many: the longest gone. One of them had another server. */
static void check_other(const struct model *model, const struct model *whole)
{
	struct query by_server = {.group_by = GROUP_SERVER, .no_series = true};
	struct snapshot *s = model_snapshot(model, &everything);
	struct snapshot *w = model_snapshot(whole, &everything);
	const struct group_row *other = group_of(s, "~other");

	assert_int_equal(s->group_count, 16);
	assert_non_null(other);
	assert_int_equal(other->process_count, 2);
	assert_int_equal(other->process_total, 15);
	assert_int_equal(other->counts.opened, 15 * 7);
	assert_null(group_of(s, "job-15.js"));
	assert_non_null(group_of(s, "job-16.js"));
	check_counts(&s->counts, &w->counts);
	snapshot_free(s);
	snapshot_free(w);
	check_query(model, whole, &by_server);
}

static void too_many_kinds_are_folded_once_more(void **state)
{
	struct model *model = few_kinds(5), *whole = few_kinds(KINDS_MOST);
	struct model *copy = model_copy(model);
	struct snapshot *s = model_snapshot(model, &everything);

	(void)state;
	assert_int_equal(s->series_count, 30); /* whose labels stay for their hour */
	snapshot_free(s);
	check_other(model, whole);
	check_other(copy, whole);
	model_free(copy);
	model_free(whole);
	model_free(model);
}

/* Those that come later join the "~other" that is there, in the order of their going. */
static void a_model_of_ever_new_names_does_not_grow(void **state)
{
	struct model *model = few_kinds(5);

	(void)state;
	for (__u32 pid = 31; pid <= 500; pid++) {
		char script[20];

		snprintf(script, sizeof(script), "job-%02u.js", pid);
		tell_process(model, pid, 0, script);
		crowds_change(model, &(struct ledger_key){.process = ledger_of(pid, 0).process}, 1);
		tell_exit(model, pid);
		tell_books(model, pid, 5432);
		tell_look(model);
		fold_gone(model, 10, 5);
		/* 10 + 1 gone, the last of a whole snapshot, 5 kinds, ~other for two servers */
		assert_true(HASH_COUNT(model->processes) <= 11 + 2 + 5 + 2);
		assert_true(HASH_COUNT(model->ledgers) <= HASH_COUNT(model->processes));
	}
	assert_true(HASH_COUNT(model->crowds) <= HASH_COUNT(model->processes));
	model_free(model);
}

/* Books that the kernel has not closed yet are not moved. */
static void open_books_are_kept(void **state)
{
	struct process_key key = ledger_of(1, 0).process;
	struct model *model = model_new();
	union event event = {
		.totals = {.head = {EVENT_TOTALS, 0, 1},
			.ledger = ledger_of(1, 5432),
			.totals = {.attempted = 2, .opened = 2, .closed = 1, .open = 1}}};

	(void)state;
	model_apply(model, &event);
	tell_exit(model, 1);
	tell_look(model);
	tell_look(model);
	fold_gone(model, 0, KINDS_MOST);
	assert_non_null(state_process(model, &key));
	model_free(model);
}

static void check_keeps(const struct query *query, bool keeps)
{
	struct model *model = model_for(query);

	assert_int_equal(model->keep_all, keeps);
	model_free(model);
}

static void a_question_by_pid_or_command_line_keeps_all(void **state)
{
	static const struct query by_pid = {.pid = 7};
	struct query by_line = {.cmdline = &(const regex_t){0}};

	(void)state;
	check_keeps(&by_pid, true);
	check_keeps(&by_line, true);
	check_keeps(&everything, false);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(gone_ones_are_folded_and_nothing_else_changes),
		cmocka_unit_test(two_users_of_a_script_are_two_folds),
		cmocka_unit_test(who_has_a_kept_connection_is_kept),
		cmocka_unit_test(no_series_counts_twice),
		cmocka_unit_test(too_many_kinds_are_folded_once_more),
		cmocka_unit_test(a_model_of_ever_new_names_does_not_grow),
		cmocka_unit_test(open_books_are_kept),
		cmocka_unit_test(a_question_by_pid_or_command_line_keeps_all),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
