/* SPDX-License-Identifier: BSD-2-Clause */
/* json.c: the report as one object (json), and the event stream before it (ndjson); the shape is
 * docs/pgleaktrace.schema.json. */

#include "base/codec.h"
#include "view/format.h"
#include "view/json.h"
#include "view/lines.h"

static json_t *groups_json(const struct snapshot *s, const struct findings *findings)
{
	json_t *out = json_array();

	for (size_t g = 0; g < s->group_count; g++) {
		const struct group_row *row = &s->groups[g];
		json_t *one = json_object(), *list = json_array();

		json_set_text(one, group_by_name(s->group_by), row->name);
		json_set_text(one, "wrapper", row->wrapper);
		json_set_text(one, "runtime", row->runtime);
		json_set_text(one, "role", role_name(group_role(s, row)));
		json_object_set_new(one, "processes", json_integer((json_int_t)row->process_total));
		json_object_set_new(
			one, "process_peak", json_integer((json_int_t)row->process_peak));
		json_object_set_new(one, "concurrent", json_integer((json_int_t)row->concurrent));
		json_set_counts(one, &row->counts);
		for (size_t i = 0; i < row->process_count; i++)
			json_array_append_new(list, json_process(&row->processes[i], s->session));
		json_object_set_new(one, "process_list", list);
		json_object_set_new(one, "findings", json_findings(findings, row));
		json_array_append_new(out, one);
	}
	return out;
}

static json_t *servers_json(const struct snapshot *s)
{
	json_t *out = json_array();

	for (size_t i = 0; i < s->server_count; i++) {
		json_t *one = json_server(&s->servers[i].key, s->servers[i].path);

		json_object_set_new(
			one, "network_namespace", json_integer(s->servers[i].key.netns));
		json_set_counts(one, &s->servers[i].counts);
		json_set_instance(one, &s->servers[i], s);
		json_array_append_new(out, one);
	}
	return out;
}

static json_t *losses_json(const struct losses *l)
{
	json_t *out = json_pack("{s:I,s:I,s:I,s:I,s:I,s:I,s:I}", "ring_full",
		(json_int_t)l->ring_full, "ledger_full", (json_int_t)l->ledger_full, "sockets_full",
		(json_int_t)l->sockets_full, "recursion_misses", (json_int_t)l->recursion_misses,
		"drift", (json_int_t)l->drift, "unreadable", (json_int_t)l->unreadable, "bad_lines",
		(json_int_t)l->bad_lines);

	if (l->scope_full) /* only with a command */
		json_object_set_new(out, "scope_full", json_integer((json_int_t)l->scope_full));
	return out;
}

static json_t *command_json(const struct event_command *command)
{
	json_t *out = json_object();

	json_object_set_new(out, "command_args", codec_argv(command->argv, command->argv_length));
	json_object_set_new(out, "pid", json_integer(command->pid));
	json_object_set_new(out, "ended", json_boolean(command->ended));
	if (command->ended)
		json_set_exit(out, command->exit_code);
	return out;
}

static json_t *report_json(const struct snapshot *s, const struct findings *findings)
{
	static const char *const keys[GROUPS] = {
		"scripts", "process_groups", "users", "containers", "by_server"};
	json_t *out = json_object(), *ports = json_array();
	char time[40];

	json_object_set_new(out, "schema", json_string(CODEC_SCHEMA));
	json_object_set_new(out, "type", json_string("report"));
	format_time(time, sizeof(time), s->session, s->now);
	json_object_set_new(out, "timestamp", json_string(time));
	if (s->session) {
		json_set_text(out, "host", s->session->host);
		json_set_text(out, "kernel", s->session->kernel);
		json_set_text(out, "version", s->session->version);
		for (__u32 i = 0; i < s->session->port_count; i++)
			json_array_append_new(ports, json_integer(s->session->ports[i]));
	}
	json_object_set_new(out, "ports", ports);
	if (s->command)
		json_object_set_new(out, "command", command_json(s->command));
	json_object_set_new(out, "duration", json_seconds(s->now - s->started));
	json_object_set_new(out, "complete", json_boolean(s->complete));
	json_object_set_new(out, "truncated", json_boolean(s->stop == STOP_TRUNCATED));
	json_object_set_new(out, "older", json_seconds(s->older));
	json_object_set_new(out, "servers", servers_json(s));
	json_object_set_new(out, keys[s->group_by], groups_json(s, findings));
	json_set_findings(out, s, findings);
	json_object_set_new(out, "groups_hidden", json_integer((json_int_t)s->groups_hidden));
	json_object_set_new(out, "connections_omitted", json_integer((json_int_t)s->forgotten));
	json_object_set_new(out, "losses", losses_json(&s->losses));
	return out;
}

static void print_object(const struct view_context *c, json_t *object)
{
	json_dumpf(object, c->out, JSON_COMPACT);
	fputc('\n', c->out);
	fflush(c->out);
	json_decref(object);
}

static void json_report(
	const struct view_context *c, const struct snapshot *s, const struct findings *findings)
{
	print_object(c, report_json(s, findings));
}

static void json_error(const struct view_context *c, const char *message)
{
	print_object(c, json_pack("{s:s,s:s,s:s}", "schema", CODEC_SCHEMA, "type", "error",
				"message", message));
}

static void ndjson_event(
	const struct view_context *c, const struct model *m, const union event *event)
{
	json_t *object = codec_encode(event);
	char time[40];

	if (!object)
		return;
	format_time(time, sizeof(time),
		event->head.kind == EVENT_SESSION ? &event->session : model_session(m),
		event->head.time);
	json_object_set_new(object, "timestamp", json_string(time));
	json_dumpf(object, c->out, JSON_COMPACT);
	fputc('\n', c->out);
	json_decref(object);
	if (event->head.kind == EVENT_SNAPSHOT)
		fflush(c->out);
}

static void ndjson_transition(
	const struct view_context *c, const struct model *m, const struct transition *t)
{
	json_t *object = t->raised ? json_finding(t->finding)
				   : json_resolved(t->resolution, model_session(m));
	char time[40];

	json_object_set_new(object, "schema", json_string(CODEC_SCHEMA));
	json_object_set_new(object, "type", json_string(t->raised ? "finding" : "leak_resolved"));
	format_time(time, sizeof(time), model_session(m), t->time);
	json_object_set_new(object, "timestamp", json_string(time));
	print_object(c, object);
}

const struct view json_view = {
	.name = "json",
	.help = "the report as one JSON object",
	.report = json_report,
	.error = json_error,
};

const struct view ndjson_view = {
	.streams = true,
	.name = "ndjson",
	.help = "every event as a line of JSON, then the report",
	.event = ndjson_event,
	.transition = ndjson_transition,
	.report = json_report,
	.error = json_error,
};
