/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * trace.c: the timeline as Chrome trace events, for ui.perfetto.dev and chrome://tracing.
 *
 * The format knows processes and threads. A script is a "process" of it, and what a process holds
 * at once lies side by side on "threads", as many as it needs: slices of one thread may nest but
 * not overlap, and connections overlap. Asynchronous events would allow that, but the two viewers
 * sort those differently; complete events ("X") look the same in both.
 */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/address.h"
#include "base/codec.h"
#include "base/mem.h"
#include "base/text.h"
#include "view/format.h"
#include "view/lines.h"
#include "view/timeline.h"

#define SCRIPT_FIRST 2 /* pid 1 is what concerns all; 0 would be the idle process */

struct trace {
	FILE *out;
	const struct snapshot *snapshot;
	unsigned thread; /* last one given; unique in the whole file */
	bool first;
};

static json_t *text_json(const char *text)
{
	char *clean = text_clean(text ? text : "", strlen(text ? text : ""));
	json_t *json = json_string(clean);

	free(clean);
	return json;
}

static void put(struct trace *t, json_t *event)
{
	fputs(t->first ? "\n" : ",\n", t->out);
	t->first = false;
	json_dumpf(event, t->out, JSON_COMPACT | JSON_REAL_PRECISION(15));
	json_decref(event);
}

/* Microseconds since the start, as the format counts. */
static json_t *micro(__u64 ns)
{
	return json_real((double)ns / 1000);
}

static json_t *event_new(const char *phase, json_t *name, unsigned script, unsigned thread)
{
	return json_pack("{s:s,s:o,s:i,s:i}", "ph", phase, "name", name, "pid", (int)script, "tid",
		(int)thread);
}

static void put_name(struct trace *t, const char *what, unsigned script, unsigned thread,
	const char *name, unsigned place)
{
	bool thread_too = thread != 0;
	json_t *event = event_new("M", json_string(what), script, thread);

	json_object_set_new(event, "args", json_pack("{s:o}", "name", text_json(name)));
	put(t, event);
	event = event_new("M", json_string(thread_too ? "thread_sort_index" : "process_sort_index"),
		script, thread);
	json_object_set_new(event, "args", json_pack("{s:i}", "sort_index", (int)place));
	put(t, event);
}

static void set_connection(json_t *to, const struct trace *t, const struct connection_row *row)
{
	char server[200], time[40], cookie[24];
	const char *const texts[] = {row->user, row->database, row->application, row->activity,
		row->sqlstate, row->message};
	static const char *const names[] = {
		"db.user", "db.namespace", "application", "activity", "sqlstate", "message"};

	server_text(server, sizeof(server), &row->server, row->server_path);
	format_time(time, sizeof(time), t->snapshot->session, row->opened_at);
	snprintf(cookie, sizeof(cookie), "%llu", (unsigned long long)row->cookie);
	json_object_set_new(to, "server", text_json(server));
	if (row->server.family != AF_UNIX)
		json_object_set_new(to, "local_port", json_integer(row->local_port));
	json_object_set_new(to, "cookie", json_string(cookie));
	json_object_set_new(to, "attribution", json_string(attribution_name(row->attribution)));
	json_object_set_new(to, "opened_at", json_string(time));
	if (row->server.family != AF_UNIX) { /* nobody counts what goes through a unix socket */
		json_object_set_new(to, "sent", json_integer((json_int_t)row->sent));
		json_object_set_new(to, "received", json_integer((json_int_t)row->received));
	}
	if (row->ended_at && *manner_name(row->manner))
		json_object_set_new(to, "manner", json_string(manner_name(row->manner)));
	if (!row->ended_at)
		json_object_set_new(to, "idle_s", json_real((double)(row->idle / 1000000) / 1000));
	if (row->backend_pid)
		json_object_set_new(to, "backend_pid", json_integer(row->backend_pid));
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		if (texts[i] && *texts[i])
			json_object_set_new(to, names[i], text_json(texts[i]));
}

/* Reserved colour names of chrome://tracing; Perfetto gives each name its own colour. */
static const char *color_of(enum ending ending)
{
	static const char *const colors[] = {
		"thread_state_runnable", "good", "terrible", "bad", "black", "grey"};

	_Static_assert(sizeof(colors) / sizeof(colors[0]) == ENDINGS, "a colour each");
	return colors[ending];
}

/* The slice is named after its ending: that is what one looks for. */
static void put_slice(struct trace *t, const struct bar *bar, unsigned script, unsigned thread)
{
	const struct connection_row *row = bar->row;
	json_t *event = event_new("X", json_string(ending_name(row->ending)), script, thread);
	json_t *arguments = json_object();

	json_object_set_new(event, "cat", json_string("connection"));
	json_object_set_new(event, "ts", micro(bar->begin));
	json_object_set_new(event, "dur", micro(bar->end - bar->begin));
	json_object_set_new(event, "cname", json_string(color_of(row->ending)));
	set_connection(arguments, t, row);
	json_object_set_new(event, "args", arguments);
	put(t, event);
	if (row->ending != ENDING_REFUSED)
		return;
	event = event_new("i", json_string("refused"), script, thread);
	json_object_set_new(event, "cat", json_string("refusal"));
	json_object_set_new(event, "ts", micro(bar->end));
	json_object_set_new(event, "s", json_string("t"));
	json_object_set_new(event, "args",
		json_pack("{s:o,s:o,s:b}", "sqlstate", text_json(row->sqlstate), "message",
			text_json(row->message), "inferred", row->refusal_inferred));
	put(t, event);
}

static void put_process(struct trace *t, const struct process_row *row, unsigned script)
{
	struct bars bars = timeline_bars(t->snapshot, row);
	unsigned first = t->thread + 1, tracks = bars.tracks ? bars.tracks : 1;
	char *argv = row->identity ? format_argv(row->identity) : xstrdup("");
	char name[240], cut[200];

	t->thread += tracks;
	text_cut(cut, sizeof(cut), argv, 60, false);
	for (unsigned track = 0; track < tracks; track++) {
		if (track)
			snprintf(name, sizeof(name), "pid %u (%u)", row->key.pid, track + 1);
		else
			snprintf(name, sizeof(name), "pid %u%s %s", row->key.pid,
				row->gone ? " (gone)" : "", cut);
		put_name(t, "thread_name", script, first + track, name, first + track);
	}
	for (size_t i = 0; i < bars.count; i++)
		put_slice(t, &bars.bars[i], script, first + bars.bars[i].track);
	free(argv);
	free(bars.bars);
}

static void put_counter(struct trace *t, const char *name, unsigned script, __u64 at, long long n)
{
	json_t *event = event_new("C", json_string(name), script, 0);

	json_object_set_new(event, "ts", micro(at));
	json_object_set_new(event, "args", json_pack("{s:I}", "connections", (json_int_t)n));
	put(t, event);
}

/* Every change of the number of open connections, those of one instant together. */
static void put_open(struct trace *t, const struct group_row *groups, size_t count, unsigned script)
{
	struct changes changes = {0};
	long long open = 0;

	for (size_t g = 0; g < count; g++)
		for (size_t i = 0; i < groups[g].process_count; i++)
			for (size_t n = 0; n < groups[g].processes[i].connection_count; n++)
				timeline_add(&changes, t->snapshot,
					&groups[g].processes[i].connections[n], 0);
	timeline_sort(&changes);
	if (changes.count && changes.rows[0].time)
		put_counter(t, "open connections", script, 0, 0);
	for (size_t i = 0; i < changes.count; i++) {
		open += changes.rows[i].by;
		if (i + 1 == changes.count || changes.rows[i + 1].time != changes.rows[i].time)
			put_counter(t, "open connections", script, changes.rows[i].time, open);
	}
	free(changes.rows);
}

static void put_slots(struct trace *t, const struct instance_row *row)
{
	char name[64];

	snprintf(name, sizeof(name), "slots taken, server pid %u", row->process.pid);
	for (size_t i = 0; i < row->history_count; i++) {
		__u64 at = row->history[i].time;

		at = at > t->snapshot->started ? at - t->snapshot->started : 0;
		put_counter(t, name, 1, at, row->history[i].used);
	}
	if (row->max_connections <= 0)
		return;
	snprintf(name, sizeof(name), "max_connections, server pid %u", row->process.pid);
	put_counter(t, name, 1, 0, row->max_connections);
	put_counter(t, name, 1, t->snapshot->now - t->snapshot->started, row->max_connections);
}

/* What is concluded, at the end, for that is when it is known. */
static void put_finding(struct trace *t, const struct finding *f)
{
	const struct snapshot *s = t->snapshot;
	unsigned script = f->group ? (unsigned)(f->group - s->groups) + SCRIPT_FIRST : 1;
	json_t *event = event_new("i", text_json(rule_rows[f->rule].id), script, 0);

	json_object_set_new(event, "cat", json_string("finding"));
	json_object_set_new(event, "ts", micro(s->now - s->started));
	json_object_set_new(event, "s", json_string("p"));
	json_object_set_new(event, "args",
		json_pack("{s:s,s:o,s:o}", "severity", severity_name(f->severity), "sentence",
			text_json(f->sentence), "advice", text_json(f->advice)));
	put(t, event);
}

static void put_end(struct trace *t)
{
	const struct snapshot *s = t->snapshot;
	json_t *data = json_object();
	char time[40];

	format_time(time, sizeof(time), s->session, s->started);
	json_object_set_new(data, "schema", json_string(CODEC_SCHEMA));
	json_object_set_new(data, "version", json_string(PGLEAKTRACE_VERSION));
	json_object_set_new(data, "started", json_string(time));
	json_object_set_new(data, "complete", json_boolean(s->complete));
	json_object_set_new(data, "connections_omitted", json_integer((json_int_t)s->forgotten));
	if (s->session) {
		json_object_set_new(data, "host", text_json(s->session->host));
		json_object_set_new(data, "kernel", text_json(s->session->kernel));
	}
	fputs("\n],\"displayTimeUnit\":\"ms\",\"otherData\":", t->out);
	json_dumpf(data, t->out, JSON_COMPACT);
	fputs("}\n", t->out);
	json_decref(data);
}

static void trace_report(const struct view_context *context, const struct snapshot *s,
	const struct findings *findings)
{
	struct trace t = {.out = context->out, .snapshot = s, .first = true};
	unsigned script = SCRIPT_FIRST;

	/* Threads are numbered after the scripts: one number, one thing. */
	t.thread = (unsigned)s->group_count + SCRIPT_FIRST;
	fputs("{\"traceEvents\":[", t.out);
	put_name(&t, "process_name", 1, 0, "PostgreSQL connections", 1);
	put_open(&t, s->groups, s->group_count, 1);
	for (size_t i = 0; i < s->instance_count; i++)
		put_slots(&t, &s->instances[i]);
	for (size_t g = 0; g < s->group_count; g++, script++) {
		put_name(&t, "process_name", script, 0, s->groups[g].name, script);
		put_open(&t, &s->groups[g], 1, script);
		for (size_t i = 0; i < s->groups[g].process_count; i++)
			if (!s->groups[g].processes[i].folded) /* nothing of it has a time */
				put_process(&t, &s->groups[g].processes[i], script);
	}
	for (size_t i = 0; i < findings->count; i++)
		put_finding(&t, &findings->rows[i]);
	put_end(&t);
	fflush(t.out);
}

const struct view trace_view = {
	.name = "trace",
	.help = "Chrome trace events, for ui.perfetto.dev and chrome://tracing",
	.opened_with = "ui.perfetto.dev",
	.report = trace_report,
};
