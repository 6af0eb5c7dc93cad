/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * codec.c: events as JSON and back. Writing and reading both follow the tables of codec_fields.c, so
 * that they can't disagree.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"
#include "base/codec.h"
#include "base/codec_fields.h"

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

	if (event->head.kind >= EVENT_KINDS || !codec_kinds[event->head.kind].name)
		return NULL;
	kind = &codec_kinds[event->head.kind];
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
	while (kind < EVENT_KINDS &&
		(!codec_kinds[kind].name || strcmp(codec_kinds[kind].name, type)))
		kind++;
	if (kind == EVENT_KINDS)
		return -ENOMSG;
	event->head.kind = kind;
	event->head.time = (__u64)json_integer_value(time);
	for (const struct field *f = codec_kinds[kind].fields; f->name; f++) {
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
