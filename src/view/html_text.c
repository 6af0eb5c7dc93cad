/* SPDX-License-Identifier: BSD-2-Clause */
/* html_text.c: the only ways by which text gets into the page. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/ns.h"
#include "base/text.h"
#include "view/html.h"

static void escape(FILE *out, const char *clean)
{
	for (; *clean; clean++) {
		switch (*clean) {
		case '&': fputs("&amp;", out); break;
		case '<': fputs("&lt;", out); break;
		case '>': fputs("&gt;", out); break;
		case '"': fputs("&quot;", out); break;
		case '\'': fputs("&#39;", out); break;
		default: fputc(*clean, out);
		}
	}
}

void html_text(FILE *out, const char *text)
{
	char *clean = text_clean(text, strlen(text));

	escape(out, clean);
	free(clean);
}

void html_cut(FILE *out, const char *text, size_t columns)
{
	char cut[2048], *clean = text_clean(text, strlen(text));

	text_cut(cut, sizeof(cut), clean, columns, false);
	escape(out, cut);
	free(clean);
}

void html_print(FILE *out, const char *format, ...)
{
	va_list arguments;
	char *text;

	va_start(arguments, format);
	text = xvasprintf(format, arguments);
	va_end(arguments);
	html_text(out, text);
	free(text);
}

size_t html_json(FILE *out, const char *text)
{
	char *clean = text_clean(text, strlen(text));
	size_t written = 2;

	fputc('"', out);
	for (const char *at = clean; *at; at++) {
		int n = 1;

		if (*at == '"' || *at == '\\')
			n = fprintf(out, "\\%c", *at);
		else if (*at == '<' || *at == '>' || *at == '&')
			n = fprintf(out, "\\u%04x", (unsigned)*at);
		else
			fputc(*at, out);
		written += n > 0 ? (size_t)n : 0;
	}
	fputc('"', out);
	free(clean);
	return written;
}

void html_age(FILE *out, __u64 ns, bool at_least)
{
	char age[24];

	text_age(age, sizeof(age), ns);
	fprintf(out, "%s<time datetime=\"PT%.1fS\">%s</time>", at_least ? "≥" : "",
		(double)(ns / (SECOND / 10)) / 10, age);
}
