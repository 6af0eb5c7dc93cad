/* SPDX-License-Identifier: BSD-2-Clause */
/* screen_help.c: the key table as a page of help and as hints in the bottom line. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "view/screen_state.h"

static size_t help_rows(const struct screen *s)
{
	size_t rows = 0;

	for (size_t i = 0; i < key_row_count; i++)
		rows += key_applies(s, &key_rows[i]);
	return rows;
}

static void draw_legend(struct screen *s, unsigned line)
{
	const struct glyphs *g = glyphs_of(s);

	canvas_print(&s->canvas, line++, 2, STYLE_DIM,
		"At the left: %s just opened, %s just gone, %s both. The mouse works too.", g->came,
		g->went, g->both);
	canvas_print(&s->canvas, line, 2, STYLE_DIM,
		"Slots: %s taken, %s by a client that is gone, %s free, %s for superusers.",
		g->full, g->part, g->empty, g->kept);
}

void draw_help(struct screen *s)
{
	unsigned line = 2, foot = s->canvas.rows - 1;
	size_t lines = foot > line + 3 ? foot - line - 3 : 1, count = help_rows(s), at = 0;

	if (s->help_top + lines > count)
		s->help_top = count > lines ? count - lines : 0;
	canvas_paint(&s->canvas, 0, STYLE_BAR);
	canvas_print(&s->canvas, 0, 0, STYLE_BAR, " pgleaktrace: keys");
	if (count > lines)
		canvas_print(&s->canvas, 0, 18, STYLE_BAR, " %zu to %zu of %zu", s->help_top + 1,
			s->help_top + lines, count);
	for (size_t i = 0; i < key_row_count && line < 2 + lines; i++) {
		if (!key_applies(s, &key_rows[i]) || at++ < s->help_top)
			continue;
		canvas_put(&s->canvas, line, 2, 12, STYLE_STRONG, key_rows[i].name);
		canvas_put(
			&s->canvas, line++, 14, s->canvas.columns, STYLE_PLAIN, key_rows[i].help);
	}
	draw_legend(s, foot - 2);
	canvas_paint(&s->canvas, foot, STYLE_BAR);
	canvas_print(
		&s->canvas, foot, 0, STYLE_BAR, " down and up scroll, any of ? q Esc closes this ");
}

static void draw_hints(struct screen *s, unsigned line)
{
	unsigned at = 1;

	for (size_t i = 0; i < key_row_count; i++) {
		const struct key_row *row = &key_rows[i];
		const char *hint = row->hint;
		char key[8];

		if (!hint || !key_applies(s, row))
			continue;
		if (s->paused && !strcmp(hint, "pause"))
			hint = "go on";
		snprintf(key, sizeof(key), "%.*s", (int)strcspn(row->name, ","), row->name);
		if (at + strlen(key) + strlen(hint) + 3 > s->canvas.columns)
			break;
		at += canvas_print(&s->canvas, line, at, STYLE_STRONG, "%s", key);
		at += 1 + canvas_print(&s->canvas, line, at, STYLE_BAR, " %s ", hint);
	}
}

void draw_foot(struct screen *s)
{
	unsigned line = s->canvas.rows - 1;
	char *filter = text_clean(s->filter, strlen(s->filter));

	canvas_paint(&s->canvas, line, STYLE_BAR);
	if (s->prompt == PROMPT_FILTER)
		canvas_print(&s->canvas, line, 0, STYLE_BAR,
			" filter: %s_   (Enter keeps it, Esc clears it)", filter);
	else if (*s->message)
		canvas_print(&s->canvas, line, 0, STYLE_BAR, " %s", s->message);
	else if (*s->filter)
		canvas_print(&s->canvas, line, 0, STYLE_BAR,
			" filter: %s   %zu of %zu hidden (Esc shows all, / changes it)", filter,
			s->groups_filtered, s->snapshot->group_count);
	else
		draw_hints(s, line);
	free(filter);
}
