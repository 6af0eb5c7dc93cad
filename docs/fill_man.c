/* SPDX-License-Identifier: BSD-2-Clause */
/* fill_man.c: what a man page takes from the tables: options, formats, findings, columns,
 * keys, examples. */
#include <stdlib.h>
#include <string.h>
#include <pgleaktrace/finding.h>
#include <pgleaktrace/view.h>

#include "fill.h"
#include "options.h"
#include "view/screen_state.h"

/* Text as roff takes it: a minus that can be copied, no control line by accident. */
static void write_roff(FILE *out, const char *text)
{
	if (*text == '.' || *text == '\'')
		fputs("\\&", out);
	for (; *text; text++) {
		if (*text == '\\')
			fputs("\\e", out);
		else if (*text == '-')
			fputs("\\-", out);
		else
			fputc(*text, out);
		if (*text == '\n' && (text[1] == '.' || text[1] == '\''))
			fputs("\\&", out);
	}
}

static void write_argument(FILE *out, const struct argp_option *row)
{
	if (!row->arg)
		return;
	fputs("\\fR=\\fI", out);
	write_roff(out, row->arg);
}

static void write_option(FILE *out, const struct argp_option *row)
{
	char *help = option_help(row);

	fputs(".TP\n", out);
	if (has_letter(row))
		fprintf(out, "\\fB\\-%c\\fR, ", row->key);
	fputs("\\fB\\-\\-", out);
	write_roff(out, row->name);
	write_argument(out, row);
	fputs("\\fR\n", out);
	write_roff(out, help);
	fputc('\n', out);
	free(help);
}

static bool is_end(const struct argp_option *row)
{
	return !row->name && !row->key && !row->doc;
}

static void write_options(FILE *out)
{
	for (size_t i = 0; i < 2; i++)
		for (const struct argp_option *row = option_tables[i]; !is_end(row); row++)
			if (is_option(row)) {
				write_option(out, row);
			} else if (!row->name && row->doc) {
				fputs(".SS ", out);
				write_roff(out, row->doc);
				fputc('\n', out);
			}
}

static void write_tagged(FILE *out, const char *name, const char *text)
{
	fputs(".TP\n\\fB", out);
	write_roff(out, name);
	fputs("\\fR\n", out);
	write_roff(out, text);
	fputc('\n', out);
}

static void write_formats(FILE *out)
{
	for (size_t i = 0; views[i]; i++)
		write_tagged(out, views[i]->name, views[i]->help);
}

static void write_rules(FILE *out)
{
	for (size_t i = 0; i < RULES; i++) {
		fputs(".TP\n\\fB", out);
		write_roff(out, rule_rows[i].id);
		fprintf(out, "\\fR (%s)\n", severity_name(rule_rows[i].severity));
		write_roff(out, rule_rows[i].what);
		fputc('\n', out);
	}
}

static void write_columns(FILE *out)
{
	for (size_t i = 0; i < count_field_count; i++)
		write_tagged(out, count_fields[i].name, count_fields[i].help);
}

/* What stands behind the options in --help: "EXAMPLES\n…\n\nExit status: …". */
static const char *epilogue(const char *heading)
{
	const char *text = strchr(options_doc, '\v'), *at = text ? strstr(text, heading) : NULL;

	return at ? at + strlen(heading) : "";
}

static void write_examples(FILE *out)
{
	const char *text = epilogue("EXAMPLES\n"), *end = strstr(text, "\n\n");
	char *examples = strndup(text, end ? (size_t)(end - text) : strlen(text));

	fputs(".nf\n", out);
	write_roff(out, examples);
	fputs("\n.fi\n", out);
	free(examples);
}

static void write_status(FILE *out)
{
	write_roff(out, epilogue("Exit status: "));
	fputc('\n', out);
}

static void write_keys(FILE *out)
{
	for (size_t i = 0; i < key_row_count; i++) {
		fputs(".TP\n.B \"", out);
		write_roff(out, key_rows[i].name);
		fputs("\"\n", out);
		write_roff(out, key_rows[i].help);
		if (key_rows[i].when == REPLAY)
			fputs(" (a recording)", out);
		fputs("\n", out);
	}
}

const struct filler man_fillers[] = {
	{"man-options", write_options},
	{"man-formats", write_formats},
	{"man-findings", write_rules},
	{"man-columns", write_columns},
	{"man-keys", write_keys},
	{"man-examples", write_examples},
	{"man-status", write_status},
	{0},
};
