/* SPDX-License-Identifier: BSD-2-Clause */
/* screen_keys.c: the key table, and what a key does. */
#include <curses.h>
#include <string.h>

#include "base/ns.h"
#include "view/format.h"
#include "view/screen_state.h"

#define CTRL(letter) ((letter)&0x1f)
#define ESCAPE       27
#define SEEK_NS      10000000000ll

static void want(struct screen *s, enum wish wish, __s64 argument)
{
	if (s->wish_count < WISHES_MOST)
		s->wishes[s->wish_count++] = (struct wish_row){wish, argument};
}

static void do_move(struct screen *s, long by)
{
	rows_move(s, by);
}

static void do_page(struct screen *s, long by)
{
	rows_move(s, by * (long)(s->page > 1 ? s->page - 1 : 1));
}

static void do_end(struct screen *s, long end)
{
	rows_go(s, end && s->list.count ? s->list.count - 1 : 0);
}

/* Opens the row; one that is open already: goes on to its first. */
static void do_open(struct screen *s, long unused)
{
	const struct row *row = rows_current(s);

	(void)unused;
	if (row && row->open)
		rows_move(s, 1);
	else if (row && row->folds)
		rows_unfold(s, row, true);
}

static unsigned depth(const struct row *row)
{
	bool below = row->kind == ROW_CONNECTION || row->kind == ROW_TITLES ||
		     (row->kind == ROW_NOTE && row->process);

	return row->kind == ROW_GROUP || row->kind == ROW_INSTANCE ? 0 : below ? 2 : 1;
}

/* Closes the row; one that is closed: goes to the row it belongs to. */
static void do_close(struct screen *s, long unused)
{
	const struct row *row = rows_current(s);

	(void)unused;
	if (!row)
		return;
	if (row->open && s->all_open) {
		screen_say(s, "all rows are open; * closes them");
	} else if (row->open) {
		rows_unfold(s, row, false);
	} else {
		size_t at = s->cursor_at;

		while (at > 0 && depth(&s->list.rows[at]) >= depth(row))
			at--;
		rows_go(s, at);
	}
}

static void do_toggle(struct screen *s, long unused)
{
	const struct row *row = rows_current(s);

	(void)unused;
	if (row && row->open)
		do_close(s, 0);
	else
		do_open(s, 0);
}

static void do_all(struct screen *s, long unused)
{
	(void)unused;
	s->all_open = !s->all_open;
	if (!s->all_open)
		rows_fold_all(s);
}

static void do_filter(struct screen *s, long unused)
{
	(void)unused;
	s->prompt = PROMPT_FILTER;
}

static void do_clear(struct screen *s, long unused)
{
	(void)unused;
	*s->filter = 0;
}

static void do_group(struct screen *s, long unused)
{
	(void)unused;
	s->query.group_by = (enum group_by)((s->query.group_by + 1) % GROUPS);
	screen_say(s, "grouped by %s", group_by_name(s->query.group_by));
}

/* Worst first, then by each column, and round. */
static void do_sort(struct screen *s, long by)
{
	long count = (long)count_field_count + 1;
	long at = s->query.sort ? s->query.sort - count_fields + 1 : 0;

	at = (at + by + count) % count;
	s->query.sort = at ? &count_fields[at - 1] : NULL;
	screen_say(s, "sorted by %s%s%s", at ? s->query.sort->name : "worst first", at ? ": " : "",
		at ? s->query.sort->help : "");
}

static void do_older(struct screen *s, long by)
{
	static const unsigned ladder[] = {1, 2, 5, 10, 30, 60, 120, 300, 600, 1800, 3600, 14400};
	const long steps = sizeof(ladder) / sizeof(ladder[0]);
	char age[24];
	long i = 0;

	if (by > 0) {
		while (i < steps - 1 && ladder[i] * SECOND <= s->query.older)
			i++;
	} else {
		i = steps - 1;
		while (i > 0 && ladder[i] * SECOND >= s->query.older)
			i--;
	}
	s->query.older = ladder[i] * SECOND;
	format_older(age, sizeof(age), s->query.older);
	screen_say(s, "idle for longer than %s counts as IDLE", age);
}

static void do_pause(struct screen *s, long unused)
{
	(void)unused;
	s->paused = !s->paused;
	want(s, WISH_PAUSE, s->paused);
}

static void do_ended(struct screen *s, long unused)
{
	(void)unused;
	s->with_ended = !s->with_ended;
}

/* Below, over all but three rows of the table, hidden. */
static void do_pane(struct screen *s, long unused)
{
	(void)unused;
	s->pane = (enum pane_size)((s->pane + 1) % PANE_SIZES);
}

static void do_save(struct screen *s, long unused)
{
	(void)unused;
	s->save_due = true; /* what is on the screen once this frame is drawn */
}

static void do_record(struct screen *s, long unused)
{
	(void)unused;
	want(s, WISH_RECORD, 0);
}

static void do_seek(struct screen *s, long by)
{
	want(s, WISH_SEEK, by * SEEK_NS);
}

static void do_speed(struct screen *s, long by)
{
	want(s, WISH_FASTER, by);
}

static void do_help(struct screen *s, long unused)
{
	(void)unused;
	s->help = !s->help;
	s->help_top = 0;
}

static void do_quit(struct screen *s, long unused)
{
	(void)unused;
	want(s, WISH_QUIT, 0);
}

#define WHEEL_ROWS 3

/* A click goes to the row; one on the row under the cursor opens or closes it. */
static void click(struct screen *s, unsigned line)
{
	size_t at = s->top + (line - s->table_line);

	if (line < s->table_line || at >= s->list.count || line >= s->table_line + s->page)
		return;
	if (at == s->cursor_at)
		do_toggle(s, 0);
	else
		rows_go(s, at);
}

const struct key_row key_rows[] = {
	{{KEY_DOWN, 'j', 0}, "down, j", "next row", NULL, ALWAYS, do_move, 1},
	{{KEY_UP, 'k', 0}, "up, k", "previous row", NULL, ALWAYS, do_move, -1},
	{{KEY_NPAGE, CTRL('f'), 0}, "PgDn", "a page down", NULL, ALWAYS, do_page, 1},
	{{KEY_PPAGE, CTRL('b'), 0}, "PgUp", "a page up", NULL, ALWAYS, do_page, -1},
	{{KEY_HOME, 0, 0}, "Home", "first row", NULL, ALWAYS, do_end, 0},
	{{KEY_END, 'G', 0}, "End", "last row", NULL, ALWAYS, do_end, 1},
	{{'\n', '\r', KEY_ENTER}, "Enter", "open the row, or close it", "open", ALWAYS, do_toggle,
		0},
	{{KEY_RIGHT, 'l', 0}, "right, l", "open the row", NULL, ALWAYS, do_open, 0},
	{{KEY_LEFT, 'h', 0}, "left, h", "close the row, or go to the one above it", NULL, ALWAYS,
		do_close, 0},
	{{'*', 0, 0}, "*", "open all rows, or close them", "all", ALWAYS, do_all, 0},
	{{'/', 0, 0}, "/", "show only scripts whose name, pid, user or arguments have a text",
		"filter", ALWAYS, do_filter, 0},
	{{ESCAPE, 0, 0}, "Esc", "show all again", NULL, ALWAYS, do_clear, 0},
	{{'g', 0, 0}, "g", "group by script, process, user, container, server", "group", ALWAYS,
		do_group, 0},
	{{'s', 0, 0}, "s", "sort by the next column", "sort", ALWAYS, do_sort, 1},
	{{'r', 0, 0}, "r", "sort by the previous column", NULL, ALWAYS, do_sort, -1},
	{{'+', '=', 0}, "+", "idle counts later (--older up)", NULL, ALWAYS, do_older, 1},
	{{'-', 0, 0}, "-", "idle counts earlier (--older down)", NULL, ALWAYS, do_older, -1},
	{{'e', 0, 0}, "e", "show ended connections and processes, or hide them", NULL, ALWAYS,
		do_ended, 0},
	{{'d', 0, 0}, "d", "more room for the details below, or hide them", NULL, ALWAYS, do_pane,
		0},
	{{'p', ' ', 0}, "p, space", "pause, go on", "pause", ALWAYS, do_pause, 0},
	{{'[', 0, 0}, "[", "10 seconds back", "back", REPLAY, do_seek, -1},
	{{']', 0, 0}, "]", "10 seconds on", "on", REPLAY, do_seek, 1},
	{{'{', 0, 0}, "{", "a minute back", NULL, REPLAY, do_seek, -6},
	{{'}', 0, 0}, "}", "a minute on", NULL, REPLAY, do_seek, 6},
	{{'>', '.', 0}, ">", "play faster", "faster", REPLAY, do_speed, 1},
	{{'<', ',', 0}, "<", "play slower", NULL, REPLAY, do_speed, -1},
	{{'S', 0, 0}, "S", "save this screen as text in the current directory", "save", ALWAYS,
		do_save, 0},
	{{'R', 0, 0}, "R", "start a recording in the current directory, or stop it", "record", LIVE,
		do_record, 0},
	{{'?', KEY_F(1), 0}, "?", "this help", "help", ALWAYS, do_help, 0},
	{{'q', KEY_F(10), CTRL('d')}, "q", "quit; then comes the report", "quit", ALWAYS, do_quit,
		0},
};
const size_t key_row_count = sizeof(key_rows) / sizeof(key_rows[0]);

bool key_applies(const struct screen *s, const struct key_row *row)
{
	return row->when == ALWAYS || (row->when == REPLAY) == s->config.replay;
}

/* The prompt's text: printable ASCII and UTF-8 bytes. */
static void key_typed(struct screen *s, int key)
{
	size_t n = strlen(s->filter);

	if (key == '\n' || key == '\r' || key == KEY_ENTER) {
		s->prompt = PROMPT_NONE;
	} else if (key == ESCAPE) {
		s->prompt = PROMPT_NONE;
		*s->filter = 0;
	} else if (key == KEY_BACKSPACE || key == 127 || key == CTRL('h')) {
		while (n && (s->filter[--n] & 0xc0) == 0x80)
			;
		s->filter[n] = 0;
	} else if (key >= ' ' && key < 256 && n + 1 < sizeof(s->filter)) {
		s->filter[n] = (char)key;
		s->filter[n + 1] = 0;
	}
}

/* draw_help() keeps it within what there is. */
static void help_press(struct screen *s, int key)
{
	if (key == KEY_DOWN || key == 'j' || key == KEY_WHEEL_DOWN)
		s->help_top++;
	else if ((key == KEY_UP || key == 'k' || key == KEY_WHEEL_UP) && s->help_top)
		s->help_top--;
	else if (key == 'q' || key == '?' || key == ESCAPE || key == '\n' || key == '\r')
		s->help = false;
}

void key_press(struct screen *s, int key)
{
	*s->message = 0;
	if (s->prompt) {
		key_typed(s, key);
		return;
	}
	if (s->help) {
		help_press(s, key);
		return;
	}
	if (key == KEY_WHEEL_UP || key == KEY_WHEEL_DOWN)
		rows_move(s, key == KEY_WHEEL_UP ? -WHEEL_ROWS : WHEEL_ROWS);
	else if (key >= KEY_CLICK)
		click(s, (unsigned)(key - KEY_CLICK));
	for (size_t i = 0; i < key_row_count; i++)
		for (int k = 0; k < 3; k++)
			if (key && key_rows[i].keys[k] == key && key_applies(s, &key_rows[i])) {
				key_rows[i].act(s, key_rows[i].argument);
				return;
			}
}
