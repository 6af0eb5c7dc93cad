/* SPDX-License-Identifier: BSD-2-Clause */
/* screen_draw.c: a frame: top, table, details, foot, each in its part of the canvas. */
#include "view/screen_state.h"

#define ROWS_LEAST 3 /* of the table, whatever else wants room */
#define PANE_LEAST 7 /* lines of details, their rule included */

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
