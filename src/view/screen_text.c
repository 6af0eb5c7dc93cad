/* SPDX-License-Identifier: BSD-2-Clause */
/* screen_text.c: marks and texts that all parts of the screen write with, and what it says below. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"
#include "view/screen_state.h"

static const char *const bars[8] = {"▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
static const char *const bars_ascii[8] = {"_", ".", ":", "-", "=", "+", "*", "#"};

const struct glyphs *glyphs_of(const struct screen *s)
{
	static const struct glyphs fine = {
		"▸", "▾", "·", "+", "-", "±", "█", "▒", "░", "·", "▼", "─", "→", bars};
	static const struct glyphs plain = {
		">", "v", " ", "+", "-", "*", "#", "%", ".", "r", "v", "-", "->", bars_ascii};

	return s->config.ascii ? &plain : &fine;
}

char *clean_cut(const struct screen *s, const char *text, size_t columns)
{
	char *clean = text_clean(text, strlen(text));
	size_t size = strlen(clean) + 8;
	char *cut = xcalloc(1, size);

	text_cut(cut, size, clean, columns, s->config.ascii);
	free(clean);
	return cut;
}

enum style severity_style(enum severity severity)
{
	static const enum style styles[] = {STYLE_PLAIN, STYLE_WARNING, STYLE_LEAK};

	_Static_assert(sizeof(styles) / sizeof(styles[0]) == SEVERITIES, "a style each");
	return styles[severity];
}

void screen_say(struct screen *s, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(s->message, sizeof(s->message), format, args);
	va_end(args);
}
