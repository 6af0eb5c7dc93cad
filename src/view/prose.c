/* SPDX-License-Identifier: BSD-2-Clause */
/* prose.c: see prose.h. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"
#include "view/prose.h"

void prose_name(const struct view_context *c, const char *name, size_t columns)
{
	char cut[4096], *clean = text_clean(name, strlen(name));

	text_cut(cut, sizeof(cut), clean, columns, c->ascii);
	fputs(cut, c->out);
	free(clean);
}

void prose_entry(const struct view_context *c, unsigned indent, unsigned width, const char *label,
	const char *words)
{
	char *text = text_clean(words, strlen(words)); /* names of scripts are foreign text */
	size_t column = 0,
	       most = c->columns > indent + width + 16 ? c->columns - indent - width : 16;

	fprintf(c->out, "%*s%-*s", (int)indent, "", (int)width, label);
	for (const char *at = text; *at;) {
		size_t n = strcspn(at, " "), wide;
		char *word = xmemdup(at, n);

		wide = text_columns(word);
		free(word);
		if (column && column + 1 + wide > most) {
			fprintf(c->out, "\n%*s", (int)(indent + width), "");
			column = 0;
		}
		fprintf(c->out, "%s%.*s", column ? " " : "", (int)n, at);
		column += wide + (column ? 1 : 0);
		at += n + (at[n] ? 1 : 0);
	}
	fputc('\n', c->out);
	free(text);
}

void prose_words(const struct view_context *c, unsigned indent, const char *words)
{
	prose_entry(c, indent, 0, "", words);
}

void prose_code(const struct view_context *c, unsigned indent, const char *lines)
{
	for (const char *at = lines; *at;) {
		size_t n = strcspn(at, "\n");
		char *line = text_clean(at, n);

		fprintf(c->out, "%*s%s\n", (int)indent, "", line);
		free(line);
		at += n + (at[n] ? 1 : 0);
	}
}

void prose_sentence(const struct view_context *c, const char *words)
{
	char *sentence = xasprintf("%s.", words);

	prose_words(c, 4, sentence);
	free(sentence);
}
