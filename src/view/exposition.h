/* SPDX-License-Identifier: BSD-2-Clause */
/* exposition.h: the two formats of the metrics page, which one a client wants, and how a label is
 * written in both. */
#ifndef VIEW_EXPOSITION_H
#define VIEW_EXPOSITION_H

#include <stdbool.h>
#include <stdio.h>

enum exposition { EXPOSITION_OPENMETRICS, EXPOSITION_CLASSIC, EXPOSITIONS };

/* The Content-Type of each. */
extern const char *const exposition_types[EXPOSITIONS];

/* What a client that sends this Accept header is to get. */
enum exposition exposition_choose(const char *accept);

/* `{name="value"`, or `,name="value"` if it is not the first; the value is foreign text, NULL: "". */
void exposition_label(FILE *out, const char *name, const char *value, bool first);

#endif
