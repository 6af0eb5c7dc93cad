/* SPDX-License-Identifier: BSD-2-Clause */
/* fill_schema.c: the JSON Schema of an event, from the tables that write and read it. */
#include <jansson.h>
#include <stdint.h>
#include <stdlib.h>

#include "base/codec.h"
#include "base/codec_fields.h"
#include "fill.h"

static json_t *integer(json_int_t least, json_int_t most)
{
	return json_pack("{s:s, s:I, s:I}", "type", "integer", "minimum", least, "maximum", most);
}

static json_t *text(void)
{
	return json_pack("{s:s}", "type", "string");
}

static json_t *list_of(json_t *item)
{
	return json_pack("{s:s, s:o}", "type", "array", "items", item);
}

static json_t *ancestor(void)
{
	return json_pack("{s:s, s:{s:o, s:o, s:o}, s:[s, s], s:b}", "type", "object", "properties",
		"pid", integer(0, UINT32_MAX), "comm", text(), "argv", list_of(text()), "required",
		"pid", "argv", "additionalProperties", 0);
}

static json_t *value_of(enum field_type type)
{
	switch (type) {
	case U8: return integer(0, UINT8_MAX);
	case U16: return integer(0, UINT16_MAX);
	case U32: return integer(0, UINT32_MAX);
	case S32: return integer(INT32_MIN, INT32_MAX);
	case S64: return integer(INT64_MIN, INT64_MAX);
	case U64: return integer(0, INT64_MAX);
	case RARE: return integer(1, INT64_MAX);
	case ID: return json_pack("{s:s, s:s}", "type", "string", "pattern", "^[0-9]+$");
	case ARGV: return list_of(text());
	case ANCESTORS: return list_of(ancestor());
	case PORTS: return list_of(integer(1, UINT16_MAX));
	default: return text();
	}
}

static json_t *kind_of(const struct kind_row *kind)
{
	json_t *properties = json_pack("{s:{s:s}, s:{s:s}, s:o, s:o}", "schema", "const",
		CODEC_SCHEMA, "type", "const", kind->name, "time", integer(0, INT64_MAX),
		"timestamp", json_pack("{s:s, s:s}", "type", "string", "format", "date-time"));
	json_t *required = json_pack("[s, s, s]", "schema", "type", "time");

	for (const struct field *f = kind->fields; f->name; f++) {
		json_object_set_new(properties, f->name, value_of(f->type));
		if (f->type != TEXT && f->type != RARE)
			json_array_append_new(required, json_string(f->name));
	}
	return json_pack("{s:s, s:o, s:o, s:b}", "title", kind->name, "properties", properties,
		"required", required, "additionalProperties", 0);
}

/* A finding and its end are no events, but stand among them where they happen. */
static json_t *verdict_of(const char *type, const char *form)
{
	char *described;
	json_t *out;

	if (asprintf(&described,
		    "Beside these it has what $defs/%s of pgleaktrace.schema.json has.", form) < 0)
		return NULL;
	out = json_pack(
		"{s:s, s:s, s:{s:{s:s}, s:{s:s}, s:{s:s, s:s}, s:o, s:o}, s:[s, s, s, s, s]}",
		"title", type, "description", described, "properties", "schema", "const",
		CODEC_SCHEMA, "type", "const", type, "timestamp", "type", "string", "format",
		"date-time", "rule", text(), "subject", text(), "required", "schema", "type",
		"timestamp", "rule", "subject");
	free(described);
	return out;
}

static void write_schema(FILE *out)
{
	json_t *kinds = json_array(), *schema;

	for (size_t i = 0; i < EVENT_KINDS; i++)
		if (codec_kinds[i].name)
			json_array_append_new(kinds, kind_of(&codec_kinds[i]));
	json_array_append_new(kinds, verdict_of("finding", "finding"));
	json_array_append_new(kinds, verdict_of("leak_resolved", "resolution"));
	schema = json_pack("{s:s, s:s, s:s, s:s, s:o}", "$schema",
		"https://json-schema.org/draft/2020-12/schema", "title", "pgleaktrace/1 event",
		"description",
		"A line of --record and of -o ndjson, which has a timestamp, says findings as they "
		"come and go, and ends with the report. docs/RECORDING.md says what each kind "
		"means. `time` and "
		"what "
		"is a time beside it: ns of the boot clock.",
		"type", "object", "oneOf", kinds);
	json_dumpf(schema, out, JSON_INDENT(1));
	fputc('\n', out);
	json_decref(schema);
}

const struct filler schema_fillers[] = {
	{"event-schema", write_schema},
	{0},
};
