/* SPDX-License-Identifier: BSD-2-Clause */
/* fill.c: fills a template: standard input to standard output. See fill.h. */
#include <stdlib.h>
#include <string.h>

#include "fill.h"
#include "options.h"

/* argp's own; a test compares with what --help really lists. */
static const struct argp_option argp_rows[] = {
	{"help", 'h', 0, 0, "list the options", 0},
	{"usage", 'u' + 256, 0, 0, "list the options in a few lines", 0},
	{"version", 'V', 0, 0,
		"say the version, the formats, the libraries and the BPF object's id", 0},
	{0},
};

const struct argp_option *const option_tables[2] = {options_rows, argp_rows};

bool is_option(const struct argp_option *row)
{
	return row->name && !(row->flags & OPTION_HIDDEN);
}

bool has_letter(const struct argp_option *row)
{
	return row->key > ' ' && row->key < 0x7f;
}

char *option_help(const struct argp_option *row)
{
	char *help = options_help_filter(row->key, row->doc, NULL);

	return help == row->doc ? strdup(row->doc) : help;
}

static const struct filler *find(const struct filler *fillers, const char *name)
{
	while (fillers->name && strcmp(fillers->name, name))
		fillers++;
	return fillers->name ? fillers : NULL;
}

static int fill(const char *line, FILE *out)
{
	const struct filler *filler;
	char name[32];
	int end = 0;

	if (sscanf(line, "@%31[a-z-]@%n", name, &end) != 1 || strcmp(line + end, "\n")) {
		fputs(line, out);
		return 0;
	}
	filler = find(man_fillers, name);
	if (!filler)
		filler = find(completion_fillers, name);
	if (!filler)
		filler = find(schema_fillers, name);
	if (!filler) {
		fprintf(stderr, "fill: nothing is called @%s@\n", name);
		return 1;
	}
	filler->write(out);
	return 0;
}

int main(void)
{
	char *line = NULL;
	size_t size = 0;
	int status = 0;

	while (!status && getline(&line, &size, stdin) > 0)
		status = fill(line, stdout);
	free(line);
	return status || fflush(stdout) ? 1 : 0;
}
