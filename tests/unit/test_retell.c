/* SPDX-License-Identifier: BSD-2-Clause */
/* test_retell.c: a model told again as events is believed again: the same report. */
#include <glob.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <cmocka.h>

#include <pgleaktrace/stream.h>
#include <pgleaktrace/view.h>

static struct model *model_of(const char *recording, unsigned events)
{
	struct model *model = model_new();
	struct stream *stream;
	union event event;
	char why[256];

	assert_int_equal(stream_replay_open(&stream, recording, why, sizeof(why)), 0);
	for (unsigned i = 0; i < events && stream_next(stream, &event) == 1; i++)
		model_apply(model, &event);
	stream_close(stream);
	return model;
}

static char *report_of(const struct model *model)
{
	static const struct query query = {.older = 1000000000ull};
	static const struct rule_settings rules;
	struct snapshot *snapshot = model_snapshot(model, &query);
	struct findings *findings = findings_of(snapshot, &rules);
	char *text = NULL;
	size_t size;
	struct view_context context = {.out = open_memstream(&text, &size)};

	view_find("json")->report(&context, snapshot, findings);
	fclose(context.out);
	findings_free(findings);
	snapshot_free(snapshot);
	return text;
}

static void check_retold(const char *recording, unsigned events)
{
	struct model *first = model_of(recording, events), *second = model_copy(first);
	char *told, *retold;

	told = report_of(first);
	retold = report_of(second);
	assert_string_equal(told, retold);
	free(told);
	free(retold);
	model_free(first);
	model_free(second);
}

/* At every moment of a recording, not only at its end. */
static void what_is_retold_is_believed(void **state)
{
	glob_t recordings;

	(void)state;
	assert_int_equal(glob("tests/replay/*/recording.ndjson", 0, NULL, &recordings), 0);
	assert_true(recordings.gl_pathc > 10);
	for (size_t i = 0; i < recordings.gl_pathc; i++)
		for (unsigned events = 1; events < 200; events += 7)
			check_retold(recordings.gl_pathv[i], events);
	globfree(&recordings);
}

static void believe(void *model, const union event *event)
{
	model_apply(model, event);
}

/* Who goes on in another file: the living and the places, not what they did. */
static void told_again_are_who_lives_and_where(void **state)
{
	struct model *whole = model_of("tests/replay/hosts/recording.ndjson", ~0u), *again = model_new();
	const struct query query = {.older = 1000000000ull};
	struct snapshot *snapshot;
	struct server_key key = {0};

	(void)state;
	model_tell_again(whole, believe, again);
	snapshot = model_snapshot(whole, &query);
	for (size_t i = 0; i < snapshot->server_count; i++)
		if (snapshot->servers[i].key.family == AF_UNIX)
			key = snapshot->servers[i].key;
	snapshot_free(snapshot);
	assert_string_equal(model_path(again, &key), "/run/postgresql/.s.PGSQL.30587");
	snapshot = model_snapshot(again, &query);
	assert_string_equal(snapshot->session->host, "db1");
	assert_int_equal(snapshot->counts.opened, 0);
	snapshot_free(snapshot);
	model_free(whole);
	model_free(again);
}

static void an_empty_model_tells_nothing(void **state)
{
	struct model *empty = model_new();

	(void)state;
	model_retell(empty, NULL, NULL);
	model_free(empty);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_retold_is_believed),
		cmocka_unit_test(told_again_are_who_lives_and_where),
		cmocka_unit_test(an_empty_model_tells_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
