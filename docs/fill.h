/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fill.h: the man page, the shells' completions and the event's schema are templates; a line `@NAME@` in one stands for
 * what the program's own tables say. So nothing that --help tells is written down twice.
 */
#ifndef FILL_H
#define FILL_H

#include <argp.h>
#include <stdbool.h>
#include <stdio.h>

struct filler {
	const char *name; /* between the @s */
	void (*write)(FILE *out);
};

/* Each ends with an empty row. */
extern const struct filler man_fillers[], completion_fillers[], schema_fillers[];

/* The option table and what argp adds to it; both end with an empty row. */
extern const struct argp_option *const option_tables[2];

/* A row that names an option a person may use: no heading, not hidden. */
bool is_option(const struct argp_option *row);
bool has_letter(const struct argp_option *row);
/* What --help says of it; free() it. */
char *option_help(const struct argp_option *row);

#endif
