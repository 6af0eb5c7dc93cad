/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * source_line.h: what one line of a script says: what it imports, and how it uses a client library. A
 * line is a place in a NUL-terminated text; `end` is its line_end(). Comments say nothing.
 */
#ifndef STREAM_SOURCE_LINE_H
#define STREAM_SOURCE_LINE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/library.h"

/* The newline, or the text's NUL. */
const char *line_end(const char *line);
/* The quoted name in an import or require of JavaScript; NULL: it is none. Caller frees. */
char *line_import(const char *line, const char *end);
/* "import db", "from db import x", "from .db import x": the length of *name, "db"; 0: it is none. */
size_t line_python_import(const char *line, const char **name);

/* The pattern of the library's that creates a client here; NULL: none. */
const char *line_creates(const char *line, const char *end, const struct library_row *library);
/* Is a client closed here? Other things' close() and end() are not meant. */
bool line_closes(const char *line, const char *end, const struct library_row *library);
/* Is a pool made here, whose size may stand in this line or soon after? */
bool line_makes_pool(const char *line, const char *end, const struct library_row *library);
/* "max: 3", "max_size=3": what stands behind the name; 0: no number. */
unsigned line_number(const char *line, const char *end, const char *name);

#endif
