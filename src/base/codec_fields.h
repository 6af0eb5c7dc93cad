/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * codec_fields.h: what an event is in JSON: a name and a type for each field of each kind. A new
 * field of an event is a row there, and codec.c both writes and reads it.
 */
#ifndef BASE_CODEC_FIELDS_H
#define BASE_CODEC_FIELDS_H

#include <stddef.h>
#include <pgleaktrace/event.h>

/* What lies in the event, and how JSON has it. */
enum field_type {
	U8,
	U16,
	U32,
	U64,
	S32,
	S64,
	RARE,    /* U64, written only when it is not 0 */
	ID,      /* U64 as a string: it need not fit a JSON reader's number */
	ADDRESS, /* IPv6, or IPv4 mapped to it, as text */
	CHARS,   /* an array in the event: `size` bytes, NUL-terminated if shorter */
	TEXT,    /* a pointer; not written when NULL */
	ARGV,    /* NUL-separated words as a list */
	ANCESTORS,
	PORTS
};

struct field {
	const char *name;
	enum field_type type;
	size_t offset;
	size_t size;
};

/* `fields` end with a row without a name; a kind without a name has no JSON form. */
extern const struct kind_row {
	const char *name;
	const struct field *fields;
} codec_kinds[EVENT_KINDS];

#endif
