/* SPDX-License-Identifier: BSD-2-Clause */
/* json_servers.c: the servers' side of the JSON report. Every key is always there: null says that a
 * fact is not known. */
#include <math.h>
#include <string.h>
#include <sys/wait.h>

#include "base/address.h"
#include "base/codec.h"
#include "view/format.h"
#include "view/json.h"

static json_t *text(const char *value)
{
	return value && *value ? codec_text(value, strlen(value)) : json_null();
}

static json_t *number(__s64 value, bool known)
{
	return known ? json_integer((json_int_t)value) : json_null();
}

static json_t *orphan_json(const struct orphan_row *o, const struct snapshot *s)
{
	json_t *out = json_object();
	bool exited = o->since && o->manner == MANNER_EXIT;

	json_object_set_new(out, "backend_pid", json_integer(o->backend_pid));
	json_object_set_new(out, "since", o->since ? json_seconds(s->now - o->since) : json_null());
	json_object_set_new(out, "user", text(o->user));
	json_object_set_new(out, "database", text(o->database));
	json_object_set_new(out, "activity", text(o->activity));
	json_object_set_new(out, "script", text(o->script));
	json_object_set_new(out, "client_pid", number(o->client.pid, o->client.pid));
	json_object_set_new(out, "ending", text(o->since ? ending_name(o->ending) : NULL));
	json_object_set_new(out, "manner", text(o->since ? manner_name(o->manner) : NULL));
	json_object_set_new(
		out, "signal", number(WTERMSIG(o->exit_code), exited && WIFSIGNALED(o->exit_code)));
	json_object_set_new(out, "exit_status",
		number(WEXITSTATUS(o->exit_code), exited && WIFEXITED(o->exit_code)));
	return out;
}

static json_t *orphans_json(const struct instance_row *i, const struct snapshot *s)
{
	json_t *out = json_array();

	for (size_t o = 0; o < i->orphan_count; o++)
		json_array_append_new(out, orphan_json(&i->orphans[o], s));
	return out;
}

static json_t *remotes_json(const struct instance_row *i)
{
	json_t *out = json_array();

	for (size_t r = 0; r < i->remote_count; r++) {
		char address[64];

		ip_text(address, sizeof(address), i->remotes[r].address);
		json_array_append_new(
			out, json_pack("{s:s,s:I,s:f}", "address", address, "slots",
				     (json_int_t)i->remotes[r].slots, "share",
				     (double)(i->remotes[r].slots * 1000 / i->used) / 1000));
	}
	return out;
}

static json_t *history_json(const struct instance_row *i, const struct snapshot *s)
{
	json_t *out = json_array();
	char time[40];

	for (size_t h = 0; h < i->history_count; h++) {
		format_time(time, sizeof(time), s->session, i->history[h].time);
		json_array_append_new(out, json_pack("{s:s,s:I}", "time", time, "slots_used",
						   (json_int_t)i->history[h].used));
	}
	return out;
}

void json_set_instance(json_t *to, const struct server_row *row, const struct snapshot *s)
{
	static const struct instance_row none = {.reserved = -1, .per_minute = NAN};
	const struct instance_row *i = row->instance ? row->instance : &none;
	bool postgres = i->kind == SERVER_POSTGRESQL;

	json_object_set_new(
		to, "kind", json_string(row->instance ? server_kind_name(i->kind) : "unknown"));
	json_object_set_new(to, "program", text(i->program));
	json_object_set_new(to, "pid", number(i->process.pid, i->process.pid));
	json_object_set_new(to, "version", number(i->version, i->version));
	json_object_set_new(to, "data_directory", text(i->data_directory));
	json_object_set_new(
		to, "max_connections", number(row->max_connections, row->max_connections >= 0));
	json_object_set_new(to, "limit_source",
		text(i->max_connections >= 0 && postgres ? i->limit_source
			: row->max_connections >= 0      ? "--max-connections"
							 : NULL));
	json_object_set_new(to, "reserved", number(i->reserved, i->reserved >= 0));
	json_object_set_new(to, "slots_used", number((__s64)i->used, postgres));
	json_object_set_new(to, "orphan_slots", postgres ? orphans_json(i, s) : json_null());
	json_object_set_new(to, "remote", postgres ? remotes_json(i) : json_null());
	json_object_set_new(to, "per_minute",
		postgres && !isnan(i->per_minute)
			? json_real((double)(long long)(i->per_minute * 10) / 10)
			: json_null());
	json_object_set_new(to, "full_in", i->full_in ? json_seconds(i->full_in) : json_null());
	json_object_set_new(to, "history", postgres ? history_json(i, s) : json_null());
}
