/* SPDX-License-Identifier: BSD-2-Clause */
/* screen_draw.c: a frame: top, table, details, foot, each in its part of the canvas. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"
#include "view/screen_state.h"

#define ROWS_LEAST 3 /* of the table, whatever else wants room */
#define PANE_LEAST 7 /* lines of details, their rule included */

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

void older_text(char *out, size_t size, __u64 older)
{
	unsigned long long seconds = older / 1000000000ull;

	if (older % 1000000000ull)
		text_age(out, size, older);
	else if (seconds < 100 || seconds % 60)
		snprintf(out, size, "%llus", seconds);
	else
		snprintf(out, size, "%llum", seconds / 60);
}

enum style severity_style(enum severity severity)
{
	static const enum style styles[] = {STYLE_PLAIN, STYLE_WARNING, STYLE_LEAK};

	_Static_assert(sizeof(styles) / sizeof(styles[0]) == SEVERITIES, "a style each");
	return styles[severity];
}

/* The table scrolls just as far as the cursor needs. */
static void scroll(struct screen *s, size_t lines)
{
	if (s->cursor_at < s->top)
		s->top = s->cursor_at;
	if (s->cursor_at >= s->top + lines)
		s->top = s->cursor_at - lines + 1;
	if (s->top && s->top + lines > s->list.count)
		s->top = s->list.count > lines ? s->list.count - lines : 0;
	s->page = lines;
}

static void draw_empty(struct screen *s, unsigned line)
{
	if (s->groups_filtered)
		canvas_print(&s->canvas, line, 2, STYLE_PLAIN, "Nothing matches the filter.");
	else
		canvas_print(&s->canvas, line, 2, STYLE_PLAIN,
			"No process has or made a connection to %s so far.",
			s->snapshot->session && s->snapshot->session->port_count > 1 ? "these ports"
										     : "this port");
}

static void draw_table(struct screen *s, unsigned line, unsigned end)
{
	draw_titles(s, line++);
	scroll(s, end > line ? end - line : 1);
	s->table_line = line;
	for (size_t i = s->top; i < s->list.count && line < end; i++, line++) {
		draw_row(s, line, &s->list.rows[i]);
		if (i == s->cursor_at)
			canvas_select(&s->canvas, line);
	}
	if (s->snapshot->group_count == s->groups_filtered && line < end)
		draw_empty(s, line);
}

/* A third of the screen explains, and what the table does not need. */
static unsigned pane_lines(const struct screen *s, unsigned top)
{
	unsigned rows = s->canvas.rows, lines = rows / 3 > PANE_LEAST ? rows / 3 : PANE_LEAST;
	size_t used = top + 1 + (s->list.count > ROWS_LEAST ? s->list.count : ROWS_LEAST) + 1;

	if (s->pane == PANE_HIDDEN || rows < top + 1 + ROWS_LEAST + PANE_LEAST + 1)
		return 0;
	if (s->pane == PANE_LARGE)
		lines = rows - (top + 1 + ROWS_LEAST + 1);
	return used + lines < rows ? rows - (unsigned)used : lines;
}

void screen_draw(struct screen *s)
{
	unsigned top, pane, foot = s->canvas.rows - 1;

	if (s->help) {
		draw_help(s);
		return;
	}
	top = draw_top(s);
	pane = pane_lines(s, top);
	draw_table(s, top, foot > pane ? foot - pane : foot);
	if (pane)
		draw_pane(s, foot - pane, foot);
	draw_foot(s);
}
