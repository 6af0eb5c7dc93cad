/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * codec.c: one table per event kind says which field has which name and type; writing and reading
 * both follow it, so that they can't disagree.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"
#include "base/codec.h"

enum type {
	U8,
	U16,
	U32,
	U64,
	S32,
	S64,
	RARE, /* U64, written only when it is not 0 */
	ID,
	ADDRESS,
	CHARS, /* an array in the event: `size` bytes, NUL-terminated if shorter */
	TEXT,
	ARGV,
	ANCESTORS,
	PORTS
};

struct field {
	const char *name;
	enum type type;
	size_t offset;
	size_t size;
};

#define F(kind, member, name, type)                                                                \
	{                                                                                          \
		name, type, offsetof(struct event_##kind, member),                                 \
			sizeof(((struct event_##kind *)0)->member)                                 \
	}
#define PROCESS_KEY(kind, member)                                                                  \
	F(kind, member.pid, "pid", U32), F(kind, member.start, "start", U64),                      \
		F(kind, member.exec, "exec", U32)
#define SERVER_KEY(kind, member)                                                                   \
	F(kind, member.address, "server", ADDRESS), F(kind, member.port, "port", U16),             \
		F(kind, member.family, "family", U16), F(kind, member.netns, "netns", U32)
#define LEDGER_KEY(kind) PROCESS_KEY(kind, ledger.process), SERVER_KEY(kind, ledger.server)

static const struct field process_fields[] = {
	PROCESS_KEY(process, process),
	F(process, cgroup, "cgroup", ID),
	F(process, parent, "parent", U32),
	F(process, uid, "uid", U32),
	F(process, netns, "netns", U32),
	F(process, pidns, "pidns", U32),
	F(process, pid_in_ns, "pid_in_ns", U32),
	F(process, argv_length, "argv", ARGV),
	F(process, argv_truncated, "argv_truncated", U32),
	F(process, by_exec, "by_exec", U32),
	F(process, comm, "comm", TEXT),
	F(process, cwd, "cwd", TEXT),
	F(process, exe, "exe", TEXT),
	F(process, user, "user", TEXT),
	F(process, container, "container", TEXT),
	F(process, unit, "unit", TEXT),
	F(process, library, "library", TEXT),
	F(process, library_sign, "library_sign", TEXT),
	F(process, library_config, "library_config", TEXT),
	F(process, source, "source", TEXT),
	F(process, source_closes, "source_closes", U32),
	F(process, folded, "folded", RARE),
	F(process, ancestors, "ancestors", ANCESTORS),
	{0},
};
static const struct field exit_fields[] = {
	PROCESS_KEY(exit, process),
	F(exit, exit_code, "exit_code", S32),
	F(exit, by_exec, "by_exec", U32),
	{0},
};
static const struct field open_fields[] = {
	F(open, cookie, "cookie", ID),
	LEDGER_KEY(open),
	F(open, attempted_at, "attempted_at", U64),
	F(open, local, "local", ADDRESS),
	F(open, local_port, "local_port", U16),
	F(open, attribution, "attribution", U16),
	F(open, tid, "tid", U32),
	F(open, comm, "comm", CHARS),
	{0},
};
static const struct field fail_fields[] = {
	F(fail, cookie, "cookie", ID),
	LEDGER_KEY(fail),
	F(fail, attempted_at, "attempted_at", U64),
	F(fail, manner, "manner", U32),
	F(fail, error, "error", S32),
	F(fail, tid, "tid", U32),
	F(fail, comm, "comm", CHARS),
	{0},
};
static const struct field end_fields[] = {
	F(end, cookie, "cookie", ID),
	LEDGER_KEY(end),
	F(end, opened_at, "opened_at", U64),
	F(end, sent, "sent", U64),
	F(end, received, "received", U64),
	F(end, closer.pid, "closer_pid", U32),
	F(end, closer.start, "closer_start", U64),
	F(end, closer.exec, "closer_exec", U32),
	F(end, ending, "ending", U16),
	F(end, manner, "manner", U16),
	F(end, error, "error", S32),
	F(end, exit_code, "exit_code", S32),
	F(end, tid, "tid", U32),
	F(end, comm, "comm", CHARS),
	F(end, held, "held", U8),
	{0},
};
static const struct field release_fields[] = {
	F(release, cookie, "cookie", ID),
	LEDGER_KEY(release),
	{0},
};
static const struct field wire_fields[] = {
	F(wire, cookie, "cookie", ID),
	LEDGER_KEY(wire),
	F(wire, backend_pid, "backend_pid", U32),
	F(wire, encryption, "encryption", U8),
	F(wire, purpose, "purpose", U8),
	F(wire, started, "started", U8),
	F(wire, inferred, "inferred", U8),
	F(wire, sqlstate, "sqlstate", CHARS),
	F(wire, user, "user", CHARS),
	F(wire, database, "database", CHARS),
	F(wire, application, "application", CHARS),
	F(wire, message, "message", CHARS),
	{0},
};
static const struct field backend_fields[] = {
	F(backend, cookie, "cookie", ID),
	PROCESS_KEY(backend, process),
	F(backend, postmaster.pid, "postmaster_pid", U32),
	F(backend, postmaster.start, "postmaster_start", U64),
	F(backend, postmaster.exec, "postmaster_exec", U32),
	SERVER_KEY(backend, local),
	F(backend, client, "client", ADDRESS),
	F(backend, client_port, "client_port", U16),
	F(backend, state, "state", U8),
	F(backend, walsender, "walsender", U8),
	F(backend, pid_in_ns, "pid_in_ns", U32),
	F(backend, user, "user", TEXT),
	F(backend, database, "database", TEXT),
	F(backend, activity, "activity", TEXT),
	{0},
};
static const struct field server_fields[] = {
	PROCESS_KEY(server, process),
	SERVER_KEY(server, key),
	F(server, kind, "kind", U32),
	F(server, version, "version", U32),
	F(server, max_connections, "max_connections", S32),
	F(server, reserved, "reserved", S32),
	F(server, limit_source, "limit_source", TEXT),
	F(server, data_directory, "data_directory", TEXT),
	F(server, program, "program", TEXT),
	F(server, container, "container", TEXT),
	{0},
};
static const struct field place_fields[] = {
	SERVER_KEY(place, key),
	F(place, path, "path", TEXT),
	{0},
};
static const struct field snapshot_fields[] = {
	F(snapshot, begins, "begins", U32),
	F(snapshot, number, "number", U32),
	{0},
};
static const struct field socket_fields[] = {
	F(socket, cookie, "cookie", ID),
	LEDGER_KEY(socket),
	F(socket, opened_at, "opened_at", U64),
	F(socket, sent, "sent", U64),
	F(socket, received, "received", U64),
	F(socket, last_sent, "last_sent", U64),
	F(socket, last_received, "last_received", U64),
	F(socket, local, "local", ADDRESS),
	F(socket, local_port, "local_port", U16),
	F(socket, state, "state", U8),
	F(socket, open, "open", U8),
	F(socket, attribution, "attribution", U8),
	{0},
};
static const struct field holder_fields[] = {
	F(holder, cookie, "cookie", ID),
	PROCESS_KEY(holder, process),
	F(holder, fd, "fd", S32),
	{0},
};
static const struct field totals_fields[] = {
	LEDGER_KEY(totals),
	F(totals, totals.attempted, "attempted", U64),
	F(totals, totals.opened, "opened", U64),
	F(totals, totals.failed, "failed", U64),
	F(totals, totals.adopted, "adopted", U64),
	F(totals, totals.closed, "closed", U64),
	F(totals, totals.abandoned, "abandoned", U64),
	F(totals, totals.hung_up, "hung_up", U64),
	F(totals, totals.refused, "refused", U64),
	F(totals, totals.unknown, "unknown", U64),
	F(totals, totals.open, "open", S64),
	F(totals, totals.held, "held", S64),
	F(totals, totals.peak, "peak", S64),
	F(totals, gone, "gone", U32),
	{0},
};
static const struct field loss_fields[] = {
	F(loss, losses.ring_full, "ring_full", U64),
	F(loss, losses.ledger_full, "ledger_full", U64),
	F(loss, losses.sockets_full, "sockets_full", U64),
	F(loss, losses.recursion_misses, "recursion_misses", U64),
	F(loss, losses.drift, "drift", U64),
	F(loss, losses.unreadable, "unreadable", U64),
	F(loss, losses.scope_full, "scope_full", RARE),
	F(loss, losses.bad_lines, "bad_lines", U64),
	{0},
};
static const struct field session_fields[] = {
	F(session, wall, "wall", U64),
	F(session, ports, "ports", PORTS),
	F(session, host, "host", TEXT),
	F(session, kernel, "kernel", TEXT),
	F(session, version, "version", TEXT),
	{0},
};
static const struct field command_fields[] = {
	F(command, pid, "pid", U32),
	F(command, argv_length, "argv", ARGV),
	F(command, grace, "grace", U64),
	F(command, ended, "ended", U32),
	F(command, exit_code, "exit_code", S32),
	{0},
};
static const struct field stop_fields[] = {
	F(stop, reason, "reason", U32),
	{0},
};

static const struct kind_row {
	const char *name;
	const struct field *fields;
} kinds[EVENT_KINDS] = {
	[EVENT_PROCESS] = {"process", process_fields},
	[EVENT_EXIT] = {"exit", exit_fields},
	[EVENT_OPEN] = {"open", open_fields},
	[EVENT_FAIL] = {"fail", fail_fields},
	[EVENT_END] = {"end", end_fields},
	[EVENT_RELEASE] = {"release", release_fields},
	[EVENT_WIRE] = {"wire", wire_fields},
	[EVENT_BACKEND] = {"backend", backend_fields},
	[EVENT_SERVER] = {"server", server_fields},
	[EVENT_PLACE] = {"place", place_fields},
	[EVENT_SNAPSHOT] = {"snapshot", snapshot_fields},
	[EVENT_SOCKET] = {"socket", socket_fields},
	[EVENT_HOLDER] = {"holder", holder_fields},
	[EVENT_TOTALS] = {"totals", totals_fields},
	[EVENT_LOSS] = {"loss", loss_fields},
	[EVENT_SESSION] = {"session", session_fields},
	[EVENT_COMMAND] = {"command", command_fields},
	[EVENT_STOP] = {"stop", stop_fields},
};

json_t *codec_text(const char *text, size_t length)
{
	char *clean = text_json_safe(text, length);
	json_t *out = json_string(clean);

	free(clean);
	return out;
}

json_t *codec_argv(const char *argv, size_t length)
{
	json_t *out = json_array();

	for (size_t at = 0; at < length;) {
		size_t n = strnlen(argv + at, length - at);

		json_array_append_new(out, codec_text(argv + at, n));
		at += n + 1;
	}
	return out;
}

static json_t *ancestors_json(const struct event_process *process)
{
	json_t *out = json_array();

	for (__u32 i = 0; i < process->ancestor_count; i++) {
		const struct ancestor *a = &process->ancestors[i];
		json_t *one = json_object();

		json_object_set_new(one, "pid", json_integer(a->pid));
		if (a->comm)
			json_object_set_new(one, "comm", codec_text(a->comm, strlen(a->comm)));
		json_object_set_new(one, "argv", codec_argv(a->argv, a->argv_length));
		json_array_append_new(out, one);
	}
	return out;
}

static json_t *ports_json(const struct event_session *session)
{
	json_t *out = json_array();

	for (__u32 i = 0; i < session->port_count && i < EVENT_PORTS; i++)
		json_array_append_new(out, json_integer(session->ports[i]));
	return out;
}

static json_t *number_json(const struct field *field, const void *at)
{
	switch (field->type) {
	case U8: return json_integer(*(const __u8 *)at);
	case U16: return json_integer(*(const __u16 *)at);
	case U32: return json_integer(*(const __u32 *)at);
	case S32: return json_integer(*(const __s32 *)at);
	case S64: return json_integer(*(const __s64 *)at);
	default: return json_integer((json_int_t) * (const __u64 *)at);
	}
}

static json_t *field_json(const struct field *field, const union event *event)
{
	const char *at = (const char *)event + field->offset;
	const char *text;
	char buffer[64];

	switch (field->type) {
	case RARE: return *(const __u64 *)(const void *)at ? number_json(field, at) : NULL;
	case ID:
		snprintf(buffer, sizeof(buffer), "%llu",
			*(const unsigned long long *)(const void *)at);
		return json_string(buffer);
	case ADDRESS: inet_ntop(AF_INET6, at, buffer, sizeof(buffer)); return json_string(buffer);
	case CHARS: return codec_text(at, strnlen(at, field->size));
	case TEXT:
		memcpy(&text, at, sizeof(text));
		return text ? codec_text(text, strlen(text)) : NULL;
	case ARGV:
		return event->head.kind == EVENT_COMMAND
			       ? codec_argv(event->command.argv, event->command.argv_length)
			       : codec_argv(event->process.argv, event->process.argv_length);
	case ANCESTORS: return ancestors_json(&event->process);
	case PORTS: return ports_json(&event->session);
	default: return number_json(field, at);
	}
}

json_t *codec_encode(const union event *event)
{
	const struct kind_row *kind;
	json_t *out;

	if (event->head.kind >= EVENT_KINDS || !kinds[event->head.kind].name)
		return NULL;
	kind = &kinds[event->head.kind];
	out = json_object();
	json_object_set_new(out, "schema", json_string(CODEC_SCHEMA));
	json_object_set_new(out, "type", json_string(kind->name));
	json_object_set_new(out, "time", json_integer((json_int_t)event->head.time));
	for (const struct field *f = kind->fields; f->name; f++) {
		json_t *value = field_json(f, event);

		if (value)
			json_object_set_new(out, f->name, value);
	}
	return out;
}

static int read_number(const struct field *field, json_t *value, void *at)
{
	json_int_t n = json_integer_value(value);

	if (!json_is_integer(value))
		return -EINVAL;
	switch (field->type) {
	case U8: *(__u8 *)at = (__u8)n; break;
	case U16: *(__u16 *)at = (__u16)n; break;
	case U32: *(__u32 *)at = (__u32)n; break;
	case S32: *(__s32 *)at = (__s32)n; break;
	default: *(__u64 *)at = (__u64)n; break;
	}
	return 0;
}

/* Appends an array of strings to the arena as NUL-separated bytes; returns how many. */
static size_t read_argv(json_t *array, char *arena, size_t *used)
{
	size_t from = *used, i;
	json_t *one;

	json_array_foreach (array, i, one) {
		size_t length = json_string_length(one);

		if (!json_is_string(one))
			continue;
		memcpy(arena + *used, json_string_value(one), length);
		arena[*used + length] = 0;
		*used += length + 1;
	}
	return *used - from;
}

static size_t argv_room(json_t *array)
{
	size_t room = 1, i;
	json_t *one;

	json_array_foreach (array, i, one)
		room += json_string_length(one) + 1;
	return room;
}

static void read_process_texts(json_t *object, struct event_process *process, char **arena)
{
	json_t *argv = json_object_get(object, "argv");
	json_t *ancestors = json_object_get(object, "ancestors"), *one;
	size_t room = argv_room(argv), used = 0, i;

	json_array_foreach (ancestors, i, one)
		room += argv_room(json_object_get(one, "argv"));
	*arena = xcalloc(1, room);
	process->argv = *arena;
	process->argv_length = (__u32)read_argv(argv, *arena, &used);
	json_array_foreach (ancestors, i, one) {
		struct ancestor *a = &process->ancestors[process->ancestor_count];

		if (i >= EVENT_ANCESTORS)
			break;
		a->pid = (__u32)json_integer_value(json_object_get(one, "pid"));
		a->comm = json_string_value(json_object_get(one, "comm"));
		a->argv = *arena + used;
		a->argv_length = (__u32)read_argv(json_object_get(one, "argv"), *arena, &used);
		process->ancestor_count++;
	}
}

static void read_command_texts(json_t *object, struct event_command *command, char **arena)
{
	json_t *argv = json_object_get(object, "argv");
	size_t used = 0;

	*arena = xcalloc(1, argv_room(argv));
	command->argv = *arena;
	command->argv_length = (__u32)read_argv(argv, *arena, &used);
}

static int read_ports(json_t *value, struct event_session *session)
{
	json_t *one;
	size_t i;

	json_array_foreach (value, i, one) {
		if (i >= EVENT_PORTS)
			break;
		session->ports[session->port_count++] = (__u16)json_integer_value(one);
	}
	return json_is_array(value) ? 0 : -EINVAL;
}

static int read_field(const struct field *field, json_t *value, union event *event)
{
	char *at = (char *)event + field->offset;
	const char *text = json_string_value(value);

	switch (field->type) {
	case ID:
		if (!text)
			return -EINVAL;
		*(__u64 *)(void *)at = strtoull(text, NULL, 10);
		return 0;
	case ADDRESS: return text && inet_pton(AF_INET6, text, at) == 1 ? 0 : -EINVAL;
	case CHARS:
		if (!text)
			return -EINVAL;
		memcpy(at, text, strnlen(text, field->size - 1));
		return 0;
	case TEXT: memcpy(at, &text, sizeof(text)); return text ? 0 : -EINVAL;
	case ARGV:
	case ANCESTORS: return json_is_array(value) ? 0 : -EINVAL; /* read_…_texts() */
	case PORTS: return read_ports(value, &event->session);
	default: return read_number(field, value, at);
	}
}

static bool closed_sets_hold(const union event *event)
{
	switch (event->head.kind) {
	case EVENT_OPEN: return event->open.attribution < ATTRIBUTIONS;
	case EVENT_FAIL: return event->fail.manner < MANNERS;
	case EVENT_END: return event->end.ending < ENDINGS && event->end.manner < MANNERS;
	case EVENT_SOCKET: return event->socket.attribution < ATTRIBUTIONS;
	case EVENT_STOP: return event->stop.reason < STOPS;
	case EVENT_WIRE:
		return event->wire.encryption < ENCRYPTIONS && event->wire.purpose < PURPOSES;
	case EVENT_SERVER: return event->server.kind < SERVER_KINDS;
	default: return true;
	}
}

int codec_decode(json_t *object, union event *event, char **arena)
{
	const char *type = json_string_value(json_object_get(object, "type"));
	json_t *time = json_object_get(object, "time");
	__u32 kind = 0;

	*arena = NULL;
	memset(event, 0, sizeof(*event));
	if (!type || !json_is_integer(time))
		return -EINVAL;
	while (kind < EVENT_KINDS && (!kinds[kind].name || strcmp(kinds[kind].name, type)))
		kind++;
	if (kind == EVENT_KINDS)
		return -ENOMSG;
	event->head.kind = kind;
	event->head.time = (__u64)json_integer_value(time);
	for (const struct field *f = kinds[kind].fields; f->name; f++) {
		json_t *value = json_object_get(object, f->name);

		if (value && read_field(f, value, event))
			return -EINVAL;
	}
	if (!closed_sets_hold(event))
		return -EINVAL;
	if (kind == EVENT_PROCESS)
		read_process_texts(object, &event->process, arena);
	else if (kind == EVENT_COMMAND)
		read_command_texts(object, &event->command, arena);
	return 0;
}
