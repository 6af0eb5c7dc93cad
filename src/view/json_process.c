/* SPDX-License-Identifier: BSD-2-Clause */
/* json_process.c: processes and their connections in the JSON report. */
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "base/address.h"
#include "base/codec.h"
#include "view/format.h"
#include "view/json.h"

static json_t *ancestors_json(const struct event_process *e)
{
	json_t *out = json_array();

	for (__u32 i = 0; i < e->ancestor_count; i++) {
		json_t *one = json_object();

		json_object_set_new(one, "pid", json_integer(e->ancestors[i].pid));
		json_set_text(one, "name", e->ancestors[i].comm);
		json_object_set_new(one, "command_args",
			codec_argv(e->ancestors[i].argv, e->ancestors[i].argv_length));
		json_array_append_new(out, one);
	}
	return out;
}

/* What the processes of a fold have in common; `script` stands beside it. */
static void set_common(json_t *to, const struct event_process *e)
{
	json_set_text(to, "name", e->comm);
	json_set_text(to, "executable_path", e->exe);
	json_object_set_new(to, "user_id", json_integer(e->uid));
	json_set_text(to, "owner", e->user);
	json_set_text(to, "container_id", e->container);
	json_set_text(to, "systemd_unit", e->unit);
	json_set_text(to, "library", e->library);
}

static json_t *folded_json(const struct process_row *p)
{
	json_t *out = json_object();

	json_object_set_new(out, "folded", json_integer((json_int_t)p->folded));
	json_object_set_new(out, "gone", json_true());
	if (p->identity)
		set_common(out, p->identity);
	return out;
}

static void set_identity(json_t *to, const struct event_process *e)
{
	json_object_set_new(to, "parent_pid", json_integer(e->parent));
	json_object_set_new(to, "command_args", codec_argv(e->argv, e->argv_length));
	json_object_set_new(to, "command_truncated", json_boolean(e->argv_truncated));
	set_common(to, e);
	json_set_text(to, "working_directory", e->cwd);
	json_set_text(to, "library_sign", e->library_sign);
	json_object_set_new(to, "namespace_pid", json_integer(e->pid_in_ns));
	json_object_set_new(to, "network_namespace", json_integer(e->netns));
	json_object_set_new(to, "pid_namespace", json_integer(e->pidns));
	json_set_id(to, "cgroup_id", e->cgroup);
	json_object_set_new(to, "ancestors", ancestors_json(e));
}

void json_set_exit(json_t *to, int exit_code)
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
	json_set_id(out, "start_time", p->key.start);
	json_object_set_new(out, "exec", json_integer(p->key.exec));
	json_object_set_new(out, "gone", json_boolean(p->gone));
	if (p->gone)
		json_set_exit(out, p->exit_code);
	if (p->identity)
		set_identity(out, p->identity);
	return out;
}

json_t *json_server(const struct server_key *key, const char *path)
{
	char address[ADDRESS_SIZE];
	json_t *out = json_object();

	address_text(address, sizeof(address), key, path);
	json_set_text(out, "address", address);
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
	json_set_text(out, "manner", manner_name(row->manner));
	if (row->error)
		json_object_set_new(out, "errno", json_integer(row->error));
	if (row->manner == MANNER_EXIT)
		json_set_exit(out, row->exit_code);
	if (row->closer.pid) {
		json_t *closer = json_object();

		json_object_set_new(closer, "pid", json_integer(row->closer.pid));
		json_set_text(closer, "thread_name", row->closer_comm);
		json_object_set_new(out, "closer", closer);
	}
}

static void set_known(json_t *out, const char *key, const char *value)
{
	if (*value)
		json_set_text(out, key, value);
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

	json_set_id(out, "cookie", row->cookie);
	json_object_set_new(
		out, "state", json_string(row->held ? "held" : ending_name(row->ending)));
	json_set_text(out, "attribution", attribution_name(row->attribution));
	json_object_set_new(out, "server", json_server(&row->server, row->server_path));
	set_network(out, row);
	format_time(time, sizeof(time), session, row->opened_at);
	json_object_set_new(out, "opened_at", json_string(time));
	json_object_set_new(out, "age", json_seconds(row->age));
	json_object_set_new(out, "idle", json_seconds(row->idle));
	json_object_set_new(out, "busy", json_boolean(row->busy));
	json_object_set_new(out, "thread_id", json_integer(row->tid));
	json_set_text(out, "thread_name", row->comm);
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

json_t *json_process(const struct process_row *p, const struct event_session *session)
{
	json_t *out = json_object(), *list = json_array();

	json_object_set_new(out, "process", p->folded ? folded_json(p) : process_identity_json(p));
	json_set_text(out, "script", p->script);
	json_set_counts(out, &p->counts);
	for (size_t i = 0; i < p->connection_count; i++)
		json_array_append_new(list, connection_json(&p->connections[i], session));
	json_object_set_new(out, "connection_list", list);
	return out;
}
