/* SPDX-License-Identifier: BSD-2-Clause */
/* exposition.c: see exposition.h. */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/text.h"
#include "view/exposition.h"

const char *const exposition_types[EXPOSITIONS] = {
	[EXPOSITION_OPENMETRICS] = "application/openmetrics-text; version=1.0.0; charset=utf-8",
	[EXPOSITION_CLASSIC] = "text/plain; version=0.0.4; charset=utf-8",
};

/* Of one entry "type/subtype; q=0.5; …": the quality, 1 if it names none. */
static double quality(const char *entry, size_t length)
{
	for (size_t i = 0; i + 2 < length; i++)
		if ((entry[i] == ';' || entry[i] == ' ') && !strncasecmp(entry + i + 1, "q=", 2))
			return strtod(entry + i + 3, NULL);
	return 1;
}

/* How much the client wants the type named; 0 if it does not name it. */
static double wanted(const char *accept, const char *type)
{
	double best = 0;

	while (*accept) {
		size_t length = strcspn(accept, ","), space = strspn(accept, " \t");

		if (space <= length && !strncasecmp(accept + space, type, strlen(type)) &&
			quality(accept, length) > best)
			best = quality(accept, length);
		accept += length + (accept[length] == ',');
	}
	return best;
}

enum exposition exposition_choose(const char *accept)
{
	double open = wanted(accept, "application/openmetrics-text");

	return open > 0 && open >= wanted(accept, "text/plain") ? EXPOSITION_OPENMETRICS
								: EXPOSITION_CLASSIC;
}

/* In a label's value a backslash, a quote and a newline are escaped; control characters are not
 * there any more. */
static void write_value(FILE *out, const char *foreign)
{
	char *clean = text_clean(foreign, strlen(foreign));

	for (const char *at = clean; *at; at++) {
		if (*at == '\\' || *at == '"')
			fputc('\\', out);
		fputc(*at, out);
	}
	free(clean);
}

void exposition_label(FILE *out, const char *name, const char *value, bool first)
{
	fprintf(out, "%s%s=\"", first ? "{" : ",", name);
	write_value(out, value ? value : "");
	fputc('"', out);
}
