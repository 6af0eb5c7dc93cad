/* SPDX-License-Identifier: BSD-2-Clause */
/* explain.h: the long form: explain.c of rules and libraries, explain_script.c of what was found. */
#ifndef VIEW_EXPLAIN_H
#define VIEW_EXPLAIN_H

#include "base/library.h"
#include <pgleaktrace/view.h>

#define EXPLAIN_LABEL 14 /* columns of the labels */

/* What a library does with connections, and the three patterns. */
void explain_library(const struct view_context *context, const struct library_row *library);

/* A rule: what it counts and from how many on, when it is taken back, what its numbers say. */
void explain_rule(const struct view_context *context, enum rule rule);

#endif
