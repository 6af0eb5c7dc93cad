/* SPDX-License-Identifier: BSD-2-Clause */
/* screen_columns.c: the table: a column is a row of a table here, a number of count_fields its
 * cell. Wider terminals get more of them. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/address.h"
#include "base/mem.h"
#include "base/text.h"
#include "view/format.h"
#include "view/screen_state.h"

#define MARK_WIDTH    2   /* "+ ", "- ": just opened, just gone */
#define LINKS_WIDE    120 /* columns from which there is room for all of a line */
#define VERDICT_WIDTH 14  /* "idle-hoard +1", "signal 11" */

/* Of scripts and processes, between the name and the verdict. */
static const struct column {
	const char *field; /* of count_fields; NULL: the number of processes */
	unsigned from;     /* shown on terminals of at least so many columns */
} columns[] = {
	{NULL, 72},
	{"open", 0},
	{"idle", 52},
	{"oldest", 62},
	{"opened", 96},
	{"closed", 96},
	{"abandoned", 80},
	{"hung_up", 120},
	{"refused", 130},
	{"failed", 120},
	{"fd_leak", 130},
	{"peak", 110},
};
#define COLUMNS (sizeof(columns) / sizeof(columns[0]))

static bool is_sorted_by(const struct screen *s, const struct column *c)
{
	return s->query.sort && c->field && !strcmp(s->query.sort->name, c->field);
}

static void cell_title(const struct screen *s, const struct column *c, char *out, size_t size)
{
	const struct count_field *f = c->field ? count_field_find(c->field) : NULL;
	const char *sign = is_sorted_by(s, c) ? glyphs_of(s)->down : "";
	char age[24];

	if (c->field && !strcmp(c->field, "idle")) {
		format_older(age, sizeof(age), s->query.older);
		snprintf(out, size, "IDLE>%s%s", age, sign);
	} else {
		snprintf(out, size, "%s%s", f ? f->title : "PROCS", sign);
	}
}

static unsigned cell_width(const struct screen *s, const struct column *c)
{
	char title[32];

	cell_title(s, c, title, sizeof(title));
	return text_columns(title) < 6 ? 6 : (unsigned)text_columns(title);
}

static unsigned name_width(const struct screen *s)
{
	unsigned used = MARK_WIDTH + 1 + VERDICT_WIDTH;

	for (size_t i = 0; i < COLUMNS; i++)
		if (s->canvas.columns >= columns[i].from)
			used += 1 + cell_width(s, &columns[i]);
	return s->canvas.columns > used + 8 ? s->canvas.columns - used : 8;
}

static void put_right(struct screen *s, unsigned line, unsigned *at, unsigned width,
	enum style style, const char *text)
{
	unsigned wide = (unsigned)text_columns(text);

	*at += 1;
	canvas_put(&s->canvas, line, *at + (wide < width ? width - wide : 0), width, style, text);
	*at += width;
}

void draw_titles(struct screen *s, unsigned line)
{
	char title[32];
	unsigned at = MARK_WIDTH + name_width(s);

	snprintf(title, sizeof(title), "%s", group_by_name(s->query.group_by));
	for (char *c = title; *c; c++)
		*c = (char)(*c - 'a' + 'A');
	canvas_put(&s->canvas, line, MARK_WIDTH, 20, STYLE_HEADING, title);
	for (size_t i = 0; i < COLUMNS; i++) {
		if (s->canvas.columns < columns[i].from)
			continue;
		cell_title(s, &columns[i], title, sizeof(title));
		put_right(s, line, &at, cell_width(s, &columns[i]),
			is_sorted_by(s, &columns[i]) ? STYLE_STRONG : STYLE_HEADING, title);
	}
	canvas_put(&s->canvas, line, at + 1, VERDICT_WIDTH, STYLE_HEADING, "VERDICT");
}

static void cell_text(const struct screen *s, const struct column *c, const struct row *row,
	const struct counts *n, char *out, size_t size)
{
	const struct count_field *f = c->field ? count_field_find(c->field) : NULL;

	if (!f) {
		if (row->kind == ROW_GROUP)
			snprintf(out, size, "%llu", (unsigned long long)row->group->process_total);
		else
			*out = 0;
	} else if (!f->is_age) {
		snprintf(out, size, "%llu", (unsigned long long)f->get(n));
	} else if (n->open) {
		text_age_from(out, size, f->get(n), n->oldest_at_least, s->config.ascii);
	} else {
		snprintf(out, size, "-");
	}
}

static void draw_counts(struct screen *s, unsigned line, const struct row *row)
{
	const struct counts *n =
		row->kind == ROW_PROCESS ? &row->process->counts : &row->group->counts;
	unsigned at = MARK_WIDTH + name_width(s);
	char text[32];

	for (size_t i = 0; i < COLUMNS; i++) {
		if (s->canvas.columns < columns[i].from)
			continue;
		cell_text(s, &columns[i], row, n, text, sizeof(text));
		put_right(s, line, &at, cell_width(s, &columns[i]),
			!strcmp(text, "0") ? STYLE_DIM : STYLE_PLAIN, text);
	}
}

static void draw_verdict(struct screen *s, unsigned line, const struct row *row)
{
	size_t count;
	const struct finding *f = finding_of(s, row->group, row->instance, &count);
	unsigned at = s->canvas.columns - VERDICT_WIDTH;
	char text[48];

	if (!f && row->group)
		canvas_put(&s->canvas, line, at, VERDICT_WIDTH, STYLE_DIM,
			role_name(group_role(s->snapshot, row->group)));
	if (!f)
		return;
	snprintf(
		text, sizeof(text), count > 1 ? "%s +%zu" : "%s", rule_rows[f->rule].id, count - 1);
	canvas_put(&s->canvas, line, at, VERDICT_WIDTH, severity_style(f->severity), text);
}

static void draw_name(struct screen *s, unsigned line, unsigned indent, unsigned width,
	const struct row *row, const char *text)
{
	const struct glyphs *g = glyphs_of(s);
	const char *sign = row->folds ? row->open ? g->open : g->closed : g->leaf;
	unsigned at = MARK_WIDTH + indent;
	char *name;

	width -= indent < width ? indent + 2 : width;
	name = clean_cut(s, text, width);
	canvas_put(&s->canvas, line, at, 1, STYLE_DIM, sign);
	canvas_put(&s->canvas, line, at + 2, width, STYLE_PLAIN, name);
	free(name);
}

static void draw_mark(struct screen *s, unsigned line, const struct row *row)
{
	const struct glyphs *g = glyphs_of(s);

	if (row->came || row->went)
		canvas_put(&s->canvas, line, 0, 1, row->came ? STYLE_NEW : STYLE_GONE,
			row->came && row->went ? g->both
			: row->came            ? g->came
					       : g->went);
}

static void draw_process(struct screen *s, unsigned line, const struct row *row)
{
	const struct process_row *p = row->process;
	const struct event_process *e = p->identity;
	char *argv = e ? format_argv(e) : xstrdup("?"), exit[48], folded[48];
	bool user = e && e->user && s->canvas.columns >= LINKS_WIDE;
	char *name = xasprintf("%u %s%s%s", p->key.pid, user ? e->user : "", user ? " " : "", argv);

	format_folded(folded, sizeof(folded), p->folded);
	draw_name(s, line, 2, name_width(s), row, p->folded ? folded : name);
	draw_counts(s, line, row);
	if (p->gone && !p->folded) {
		format_exit(exit, sizeof(exit), p->exit_code);
		canvas_put(&s->canvas, line, s->canvas.columns - VERDICT_WIDTH, VERDICT_WIDTH,
			STYLE_DIM, strncmp(exit, "killed by ", 10) ? exit : exit + 10);
	}
	free(name);
	free(argv);
}

/* Of connections; the last takes what is left of the line. */
enum link_column { PORT, AGE, IDLE, SERVER, BACKEND, USER, DATABASE, STATE, LINK_COLUMNS };

static const struct link_title {
	const char *title;
	unsigned narrow, wide; /* width below 120 columns, and from there */
	bool right;
} links[LINK_COLUMNS] = {
	[PORT] = {"PORT", 5, 5, true},
	[AGE] = {"AGE", 7, 7, true},
	[IDLE] = {"IDLE", 6, 6, true},
	[SERVER] = {"SERVER", 15, 22, false},
	[BACKEND] = {"BACKEND", 7, 7, true},
	[USER] = {"USER", 8, 14, false},
	[DATABASE] = {"DATABASE", 8, 14, false},
	[STATE] = {"STATE", 0, 0, false},
};
#define LINK_INDENT 5

/* What it does, or how it ended. */
static void state_text(const struct connection_row *c, char *out, size_t size)
{
	snprintf(out, size, "%s%s",
		c->ended_at || !*c->activity ? ending_name(c->ending) : c->activity,
		c->held ? ", held" : "");
	for (char *at = out; c->ended_at && *at; at++)
		if (*at == '_')
			*at = ' ';
}

static void link_text(const struct screen *s, enum link_column column,
	const struct connection_row *c, char *out, size_t size)
{
	*out = 0;
	switch (column) {
	case PORT:
		if (c->local_port)
			snprintf(out, size, "%u", c->local_port);
		break;
	case AGE: text_age_from(out, size, c->age, c->at_least, s->config.ascii); break;
	case IDLE:
		if (c->busy)
			snprintf(out, size, "busy");
		else if (!c->ended_at)
			text_age(out, size, c->idle);
		break;
	case SERVER: server_text(out, size, &c->server, c->server_path); break;
	case BACKEND:
		if (c->backend_pid)
			snprintf(out, size, "%u", c->backend_pid);
		break;
	case USER: snprintf(out, size, "%s", c->user); break;
	case DATABASE: snprintf(out, size, "%s", c->database); break;
	case STATE: state_text(c, out, size); break;
	case LINK_COLUMNS: break;
	}
}

static void draw_links(struct screen *s, unsigned line, const struct connection_row *c)
{
	unsigned at = LINK_INDENT - 1;
	char text[256];

	for (int i = 0; i < LINK_COLUMNS; i++) {
		unsigned width = s->canvas.columns < LINKS_WIDE ? links[i].narrow : links[i].wide;
		enum style style = c ? c->ended_at ? STYLE_DIM : STYLE_PLAIN : STYLE_HEADING;
		char *cell;

		if (!width)
			width = s->canvas.columns > at + 1 ? s->canvas.columns - at - 1 : 1;
		if (c)
			link_text(s, (enum link_column)i, c, text, sizeof(text));
		/* The last one's begin says most: "idle in transac". */
		cell = clean_cut(s, c ? text : links[i].title, i == STATE ? sizeof(text) : width);
		if (links[i].right) {
			put_right(s, line, &at, width, style, cell);
		} else {
			canvas_put(&s->canvas, line, at + 1, width, style, cell);
			at += 1 + width;
		}
		free(cell);
	}
}

/* The folder, if there is room for all of it: the counts say more. */
static void draw_instance(struct screen *s, unsigned line, const struct row *row)
{
	const struct instance_row *i = row->instance;
	unsigned width = s->canvas.columns - VERDICT_WIDTH - MARK_WIDTH - 1;
	char *text, orphans[48] = "", remotes[48] = "";
	const char *folder = i->data_directory ? i->data_directory : "";

	if (i->orphan_count)
		snprintf(orphans, sizeof(orphans), "  %zu orphan slot%s", i->orphan_count,
			i->orphan_count == 1 ? "" : "s");
	if (i->remote_count)
		snprintf(remotes, sizeof(remotes), "  %zu remote address%s", i->remote_count,
			i->remote_count == 1 ? "" : "es");
	text = xasprintf("%s  pid %u%s%s", i->program ? i->program : server_kind_name(i->kind),
		i->process.pid, orphans, remotes);
	if (text_columns(text) + text_columns(folder) + 4 <= width) {
		char *longer = xasprintf("%s  %s", text, folder);

		free(text);
		text = longer;
	}
	draw_name(s, line, 0, width, row, text);
	draw_verdict(s, line, row);
	free(text);
}

static void draw_orphan(struct screen *s, unsigned line, const struct row *row)
{
	const struct orphan_row *o = row->orphan;
	char age[24] = "longer than we watch", *text;

	if (o->since && s->snapshot->now >= o->since)
		text_age(age, sizeof(age), s->snapshot->now - o->since);
	text = xasprintf("backend %u  %s@%s  %s  without a client for %s%s%s", o->backend_pid,
		*o->user ? o->user : "?", *o->database ? o->database : "?", o->activity, age,
		o->script ? ", was " : "", o->script ? o->script : "");
	draw_name(s, line, 2, s->canvas.columns - MARK_WIDTH, row, text);
	free(text);
}

static void draw_remote(struct screen *s, unsigned line, const struct row *row)
{
	char address[ADDRESS_SIZE], *text;

	ip_text(address, sizeof(address), row->remote->address);
	text = xasprintf("%s  %llu slot%s", address, (unsigned long long)row->remote->slots,
		row->remote->slots == 1 ? "" : "s");
	draw_name(s, line, 2, s->canvas.columns - MARK_WIDTH, row, text);
	free(text);
}

static void draw_note(struct screen *s, unsigned line, const struct row *row)
{
	const char *plural = row->more == 1 ? "" : row->process ? "s" : "es";

	if (!row->group)
		canvas_print(&s->canvas, line, MARK_WIDTH, STYLE_DIM,
			"and %zu more, left out by --rows", row->more);
	else if (row->process)
		canvas_print(&s->canvas, line, LINK_INDENT, STYLE_DIM,
			"%zu ended connection%s (e shows them)", row->more, plural);
	else
		canvas_print(&s->canvas, line, MARK_WIDTH + 4, STYLE_DIM,
			"%zu process%s without an open connection (e shows them)", row->more,
			plural);
}

void draw_row(struct screen *s, unsigned line, const struct row *row)
{
	switch (row->kind) {
	case ROW_INSTANCE: draw_instance(s, line, row); break;
	case ROW_ORPHAN: draw_orphan(s, line, row); break;
	case ROW_REMOTE: draw_remote(s, line, row); break;
	case ROW_GROUP:
		draw_name(s, line, 0, name_width(s), row, row->group->name);
		draw_counts(s, line, row);
		draw_verdict(s, line, row);
		break;
	case ROW_PROCESS: draw_process(s, line, row); break;
	case ROW_TITLES: draw_links(s, line, NULL); break;
	case ROW_CONNECTION: draw_links(s, line, row->connection); break;
	case ROW_NOTE: draw_note(s, line, row); break;
	}
	draw_mark(s, line, row);
}
