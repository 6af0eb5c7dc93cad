/* SPDX-License-Identifier: BSD-2-Clause */
/* prose.h: names and sentences on a terminal: foreign text cleaned, lines broken before the last
 * column. */
#ifndef VIEW_PROSE_H
#define VIEW_PROSE_H

#include <pgleaktrace/view.h>

/* A name of somebody else's, cut in the middle to `columns`. */
void prose_name(const struct view_context *context, const char *name, size_t columns);

/* Words, indented, on as many lines as they need. */
void prose_words(const struct view_context *context, unsigned indent, const char *words);

/* A label, and words behind it in a column of their own. */
void prose_entry(const struct view_context *context, unsigned indent, unsigned width,
	const char *label, const char *words);

/* Lines as they are: source text, our own or a hint's. */
void prose_code(const struct view_context *context, unsigned indent, const char *lines);

/* Words, four columns in, with a full stop. */
void prose_sentence(const struct view_context *context, const char *words);

#endif
