/* SPDX-License-Identifier: BSD-2-Clause */
/* json.c: the report as one object (json), and the event stream before it (ndjson); the shape is
 * docs/report.schema.json. */
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "base/address.h"
#include "base/library.h"
#include "base/text.h"
#include "base/codec.h"
#include "view/format.h"
#include "view/json.h"
#include "view/lines.h"

static json_t *seconds(__u64 ns)
{
	return json_real((double)(ns / 1000000ull) / 1000.0);
}

static void set_text(json_t *to, const char *key, const char *value)
{
	if (value)
		json_object_set_new(to, key, codec_text(value, strlen(value)));
}

static void set_id(json_t *to, const char *key, __u64 id)
{
	char number[24];

	snprintf(number, sizeof(number), "%llu", (unsigned long long)id);
	json_object_set_new(to, key, json_string(number));
}

static void set_counts(json_t *to, const struct counts *counts)
{
	for (size_t i = 0; i < count_field_count; i++) {
		__u64 n = count_fields[i].get(counts);

		json_object_set_new(to, count_fields[i].name,
			count_fields[i].is_age ? seconds(n) : json_integer((json_int_t)n));
	}
}

static json_t *ancestors_json(const struct event_process *e)
{
	json_t *out = json_array();

	for (__u32 i = 0; i < e->ancestor_count; i++) {
		json_t *one = json_object();

		json_object_set_new(one, "pid", json_integer(e->ancestors[i].pid));
		set_text(one, "name", e->ancestors[i].comm);
		json_object_set_new(one, "command_args",
			codec_argv(e->ancestors[i].argv, e->ancestors[i].argv_length));
		json_array_append_new(out, one);
	}
	return out;
}

static void set_identity(json_t *to, const struct event_process *e)
{
	json_object_set_new(to, "parent_pid", json_integer(e->parent));
	json_object_set_new(to, "command_args", codec_argv(e->argv, e->argv_length));
	json_object_set_new(to, "command_truncated", json_boolean(e->argv_truncated));
	set_text(to, "name", e->comm);
	set_text(to, "executable_path", e->exe);
	set_text(to, "working_directory", e->cwd);
	json_object_set_new(to, "user_id", json_integer(e->uid));
	set_text(to, "owner", e->user);
	set_text(to, "container_id", e->container);
	set_text(to, "systemd_unit", e->unit);
	set_text(to, "library", e->library);
	set_text(to, "library_sign", e->library_sign);
	json_object_set_new(to, "namespace_pid", json_integer(e->pid_in_ns));
	json_object_set_new(to, "network_namespace", json_integer(e->netns));
	json_object_set_new(to, "pid_namespace", json_integer(e->pidns));
	set_id(to, "cgroup_id", e->cgroup);
	json_object_set_new(to, "ancestors", ancestors_json(e));
}

static void set_exit(json_t *to, int exit_code)
{
	if (WIFSIGNALED(exit_code))
		json_object_set_new(to, "signal", json_integer(WTERMSIG(exit_code)));
	else
		json_object_set_new(to, "exit_status", json_integer(WEXITSTATUS(exit_code)));
}

static json_t *process_identity_json(const struct process_row *p)
{
	json_t *out = json_object();

	json_object_set_new(out, "pid", json_integer(p->key.pid));
	set_id(out, "start_time", p->key.start);
	json_object_set_new(out, "exec", json_integer(p->key.exec));
	json_object_set_new(out, "gone", json_boolean(p->gone));
	if (p->gone)
		set_exit(out, p->exit_code);
	if (p->identity)
		set_identity(out, p->identity);
	return out;
}

static json_t *server_json(const struct server_key *key, const char *path)
{
	char address[ADDRESS_SIZE];
	json_t *out = json_object();

	address_text(address, sizeof(address), key, path);
	set_text(out, "address", address);
	json_object_set_new(out, "port", json_integer(key->port));
	return out;
}

/* A text that may be unknown: then it says so. */
static void set_text_or_null(json_t *to, const char *key, const char *value)
{
	json_object_set_new(
		to, key, value && *value ? codec_text(value, strlen(value)) : json_null());
}

static void set_ending(json_t *out, const struct connection_row *row)
{
	set_text(out, "manner", manner_name(row->manner));
	if (row->error)
		json_object_set_new(out, "errno", json_integer(row->error));
	if (row->manner == MANNER_EXIT)
		set_exit(out, row->exit_code);
	if (row->closer.pid) {
		json_t *closer = json_object();

		json_object_set_new(closer, "pid", json_integer(row->closer.pid));
		set_text(closer, "thread_name", row->closer_comm);
		json_object_set_new(out, "closer", closer);
	}
}

static void set_known(json_t *out, const char *key, const char *value)
{
	if (*value)
		set_text(out, key, value);
}

/* What was read from the wire, or from the backend's title; a key is there when it is known. */
static void set_wire(json_t *out, const struct connection_row *row)
{
	set_text_or_null(out, "user", row->user);
	set_text_or_null(out, "database", row->database);
	set_text_or_null(out, "activity", row->activity);
	set_known(out, "application", row->application);
	set_known(out, "encryption", encryption_name(row->encryption));
	set_known(out, "purpose", purpose_name(row->purpose));
	set_known(out, "sqlstate", row->sqlstate);
	set_known(out, "message", row->message);
	json_object_set_new(out, "backend_pid",
		row->backend_pid ? json_integer(row->backend_pid) : json_null());
	if (row->ending == ENDING_REFUSED)
		json_object_set_new(out, "refusal_inferred", json_boolean(row->refusal_inferred));
}

/* What the kernel counts of TCP only. */
static void set_network(json_t *out, const struct connection_row *row)
{
	if (row->server.family == AF_UNIX) {
		json_object_set_new(out, "transport", json_string("unix"));
		return;
	}
	json_object_set_new(out, "transport", json_string("tcp"));
	json_object_set_new(out, "local_port", json_integer(row->local_port));
	json_object_set_new(out, "sent", json_integer((json_int_t)row->sent));
	json_object_set_new(out, "received", json_integer((json_int_t)row->received));
}

static json_t *connection_json(
	const struct connection_row *row, const struct event_session *session)
{
	json_t *out = json_object(), *holders = json_array();
	char time[40];

	set_id(out, "cookie", row->cookie);
	json_object_set_new(
		out, "state", json_string(row->held ? "held" : ending_name(row->ending)));
	set_text(out, "attribution", attribution_name(row->attribution));
	json_object_set_new(out, "server", server_json(&row->server, row->server_path));
	set_network(out, row);
	format_time(time, sizeof(time), session, row->opened_at);
	json_object_set_new(out, "opened_at", json_string(time));
	json_object_set_new(out, "age", seconds(row->age));
	json_object_set_new(out, "idle", seconds(row->idle));
	json_object_set_new(out, "thread_id", json_integer(row->tid));
	set_text(out, "thread_name", row->comm);
	json_object_set_new(out, "age_at_least", json_boolean(row->at_least));
	set_wire(out, row);
	if (row->ended_at) {
		json_object_set_new(out, "ending", json_string(ending_name(row->ending)));
		set_ending(out, row);
	}
	for (size_t i = 0; i < row->holder_count && (!row->ended_at || row->held); i++)
		json_array_append_new(
			holders, json_pack("{s:i,s:i}", "pid", (int)row->holders[i].pid, "fd",
					 row->holders[i].fd));
	json_object_set_new(out, "holders", holders);
	return out;
}

static json_t *process_json(const struct process_row *p, const struct event_session *session)
{
	json_t *out = json_object(), *list = json_array();

	json_object_set_new(out, "process", process_identity_json(p));
	set_text(out, "script", p->script);
	set_counts(out, &p->counts);
	for (size_t i = 0; i < p->connection_count; i++)
		json_array_append_new(list, connection_json(&p->connections[i], session));
	json_object_set_new(out, "connection_list", list);
	return out;
}

static json_t *snippets_json(const struct library_row *l)
{
	json_t *out = json_object();

	set_text(out, "wrong", l->wrong);
	set_text(out, "correct", l->correct);
	set_text(out, "best", l->best);
	return out;
}

/* The lines that create clients, and whether the file ever disconnects (absent: not looked). */
static void set_source(json_t *to, const struct event_process *e)
{
	json_t *lines = json_array();

	for (const char *at = e->source; at && *at;) {
		size_t n = strcspn(at, "\n");

		json_array_append_new(lines, codec_text(at, n));
		at += n + (at[n] ? 1 : 0);
	}
	json_object_set_new(to, "source", lines);
	if (e->source_closes)
		json_object_set_new(to, "source_closes", json_boolean(e->source_closes == 1));
}

static void set_client(json_t *to, const struct event_process *e)
{
	const struct library_row *l = library_find(e->library);
	json_t *library = json_object();

	set_text(library, "id", l->id);
	set_text(library, "name", l->name);
	set_text(library, "sign", e->library_sign);
	set_text(library, "config", e->library_config);
	if (l->pool)
		json_object_set_new(library, "pool", json_integer(l->pool));
	set_text(library, "pool_text", l->pool_text);
	set_text(library, "bound_by", l->bound_by);
	set_text(library, "idle_closing", l->idle_closing);
	json_object_set_new(to, "library", library);
	json_object_set_new(to, "snippets", snippets_json(l));
	if (e->source)
		set_source(to, e);
}

static json_t *finding_json(const struct finding *f)
{
	json_t *out = json_object(), *evidence = json_object();

	char budget[256];

	set_text(out, "rule", rule_rows[f->rule].id);
	set_text(out, "subject", finding_subject(f));
	set_text(out, "severity", severity_name(f->severity));
	set_text(out, "sentence", f->sentence);
	budget_text(budget, sizeof(budget), &f->budget);
	set_text(out, "budget", *budget ? budget : NULL);
	for (size_t i = 0; i < f->evidence_count; i++) {
		const struct evidence *e = &f->evidence[i];

		json_object_set_new(evidence, e->name,
			e->is_age ? seconds(e->number) : json_integer((json_int_t)e->number));
	}
	json_object_set_new(out, "evidence", evidence);
	set_text(out, "advice", f->advice);
	if (f->client && rule_is_about_code(f->rule))
		set_client(out, f->client);
	return out;
}

static json_t *findings_json(const struct findings *findings, const struct group_row *group)
{
	json_t *out = json_array();

	for (size_t i = 0; i < findings->count; i++)
		if (findings->rows[i].group == group)
			json_array_append_new(out, finding_json(&findings->rows[i]));
	return out;
}

static json_t *resolved_json(const struct resolution *r, const struct event_session *session)
{
	json_t *out = json_object();
	char time[40];

	set_text(out, "rule", rule_rows[r->rule].id);
	set_text(out, "subject", r->subject);
	set_text(out, "severity", severity_name(r->severity));
	set_text(out, "sentence", r->sentence);
	format_time(time, sizeof(time), session, r->raised_at);
	json_object_set_new(out, "raised_at", json_string(time));
	format_time(time, sizeof(time), session, r->resolved_at);
	json_object_set_new(out, "resolved_at", json_string(time));
	return out;
}

static void set_findings(json_t *to, const struct snapshot *s, const struct findings *findings)
{
	json_t *resolved = json_array();

	/* Those about a group stand with it. */
	json_object_set_new(to, "server_findings", findings_json(findings, NULL));
	for (size_t i = 0; i < findings->resolved_count; i++)
		json_array_append_new(resolved, resolved_json(&findings->resolved[i], s->session));
	json_object_set_new(to, "resolved", resolved);
}

static json_t *groups_json(const struct snapshot *s, const struct findings *findings)
{
	json_t *out = json_array();

	for (size_t g = 0; g < s->group_count; g++) {
		const struct group_row *row = &s->groups[g];
		json_t *one = json_object(), *list = json_array();

		set_text(one, group_by_name(s->group_by), row->name);
		set_text(one, "wrapper", row->wrapper);
		set_text(one, "runtime", row->runtime);
		set_text(one, "role", role_name(group_role(s, row)));
		json_object_set_new(one, "processes", json_integer((json_int_t)row->process_count));
		json_object_set_new(
			one, "process_peak", json_integer((json_int_t)row->process_peak));
		json_object_set_new(one, "concurrent", json_integer((json_int_t)row->concurrent));
		set_counts(one, &row->counts);
		for (size_t i = 0; i < row->process_count; i++)
			json_array_append_new(list, process_json(&row->processes[i], s->session));
		json_object_set_new(one, "process_list", list);
		json_object_set_new(one, "findings", findings_json(findings, row));
		json_array_append_new(out, one);
	}
	return out;
}

static json_t *servers_json(const struct snapshot *s)
{
	json_t *out = json_array();

	for (size_t i = 0; i < s->server_count; i++) {
		json_t *one = server_json(&s->servers[i].key, s->servers[i].path);

		json_object_set_new(
			one, "network_namespace", json_integer(s->servers[i].key.netns));
		set_counts(one, &s->servers[i].counts);
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
		set_exit(out, command->exit_code);
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
		set_text(out, "host", s->session->host);
		set_text(out, "kernel", s->session->kernel);
		set_text(out, "version", s->session->version);
		for (__u32 i = 0; i < s->session->port_count; i++)
			json_array_append_new(ports, json_integer(s->session->ports[i]));
	}
	json_object_set_new(out, "ports", ports);
	if (s->command)
		json_object_set_new(out, "command", command_json(s->command));
	json_object_set_new(out, "duration", seconds(s->now - s->started));
	json_object_set_new(out, "complete", json_boolean(s->complete));
	json_object_set_new(out, "truncated", json_boolean(s->stop == STOP_TRUNCATED));
	json_object_set_new(out, "older", seconds(s->older));
	json_object_set_new(out, "servers", servers_json(s));
	json_object_set_new(out, keys[s->group_by], groups_json(s, findings));
	set_findings(out, s, findings);
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
	json_t *object = t->raised ? finding_json(t->finding)
				   : resolved_json(t->resolution, model_session(m));
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
