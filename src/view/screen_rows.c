/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * screen_rows.c: the tree as lines: servers into orphan slots and remote clients, scripts into
 * processes, processes into connections. What is opened, and where the cursor is, is known by name,
 * so that both stay where they are while the numbers change.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "view/format.h"
#include "view/screen_state.h"

/* A name that outlives the snapshot; caller frees. */
static char *row_name(const struct row *row)
{
	const struct process_key *p = row->process ? &row->process->key : NULL;
	const struct instance_row *i = row->instance;
	const char *group = row->group ? row->group->name : "";

	switch (row->kind) {
	case ROW_INSTANCE:
		return xasprintf("i%u.%llu", i->process.pid, (unsigned long long)i->process.start);
	case ROW_ORPHAN: return xasprintf("o%u.%u", i->process.pid, row->orphan->backend_pid);
	case ROW_REMOTE: return xasprintf("r%u.%td", i->process.pid, row->remote - i->remotes);
	case ROW_GROUP: return xasprintf("g%s", group);
	case ROW_CONNECTION:
		return xasprintf("c%llu.%llu", (unsigned long long)row->connection->cookie,
			(unsigned long long)row->connection->opened_at);
	case ROW_PROCESS:
	case ROW_TITLES:
	case ROW_NOTE: break;
	}
	return xasprintf("%c%u.%llu.%u %s", row->kind == ROW_PROCESS ? 'p' : 'n', p ? p->pid : 0,
		p ? (unsigned long long)p->start : 0, p ? p->exec : 0, group);
}

static bool is_selectable(const struct row *row)
{
	return row->kind != ROW_TITLES && row->kind != ROW_NOTE;
}

static bool is_unfolded(const struct screen *s, const struct row *row)
{
	struct unfolded *found;
	char *name;

	if (s->all_open)
		return true;
	if (!s->unfolded)
		return false;
	name = row_name(row);
	HASH_FIND_STR(s->unfolded, name, found);
	free(name);
	return found != NULL;
}

static struct row *row_add(struct screen *s, enum row_kind kind)
{
	struct row_list *l = &s->list;

	if (l->count == l->room) {
		l->room = l->room ? l->room * 2 : 256;
		l->rows = xrealloc(l->rows, l->room * sizeof(*l->rows));
	}
	memset(&l->rows[l->count], 0, sizeof(l->rows[0]));
	l->rows[l->count].kind = kind;
	return &l->rows[l->count++];
}

static void note_add(
	struct screen *s, const struct group_row *g, const struct process_row *p, size_t more)
{
	struct row *row = row_add(s, ROW_NOTE);

	row->group = g;
	row->process = p;
	row->more = more;
}

static bool is_recent(const struct screen *s, __u64 time)
{
	return time && time <= s->snapshot->now && s->snapshot->now - time < RECENT_NS;
}

/* An adopted connection was found, not opened. */
static bool just_came(const struct screen *s, const struct connection_row *c)
{
	return c->attribution == ATTRIBUTION_CONNECT && is_recent(s, c->opened_at);
}

static bool is_shown(const struct screen *s, const struct connection_row *c)
{
	return s->with_ended || !c->ended_at || c->held || is_recent(s, c->ended_at);
}

static void mark_recent(const struct screen *s, const struct process_row *p, struct row *row)
{
	for (size_t i = 0; i < p->connection_count && !(row->came && row->went); i++) {
		row->came |= just_came(s, &p->connections[i]);
		row->went |= is_recent(s, p->connections[i].ended_at);
	}
}

static void add_connections(struct screen *s, const struct row *process)
{
	const struct group_row *g = process->group;
	const struct process_row *p = process->process;
	size_t hidden = 0, shown = 0;

	for (size_t i = 0; i < p->connection_count; i++) {
		const struct connection_row *c = &p->connections[i];
		struct row *row;

		if (!is_shown(s, c)) {
			hidden++;
			continue;
		}
		if (!shown++) {
			row = row_add(s, ROW_TITLES);
			row->group = g;
			row->process = p;
		}
		row = row_add(s, ROW_CONNECTION);
		row->group = g;
		row->process = p;
		row->connection = c;
		row->came = just_came(s, c);
		row->went = is_recent(s, c->ended_at);
	}
	if (hidden)
		note_add(s, g, p, hidden);
}

/* A process without an open connection is past, unless something of it happened just now. */
static bool process_shown(const struct screen *s, const struct process_row *p)
{
	struct row recent = {0};

	if (s->with_ended || p->counts.open || p->counts.fd_leak)
		return true;
	mark_recent(s, p, &recent);
	return recent.came || recent.went;
}

static void add_processes(struct screen *s, const struct group_row *g)
{
	size_t hidden = 0;

	for (size_t i = 0; i < g->process_count; i++) {
		const struct process_row *p = &g->processes[i];
		struct row *row, copy;

		if (!process_shown(s, p)) {
			hidden += p->folded ? p->folded : 1;
			continue;
		}
		row = row_add(s, ROW_PROCESS);
		row->group = g;
		row->process = p;
		row->folds = p->connection_count > 0;
		row->open = row->folds && is_unfolded(s, row);
		mark_recent(s, p, row);
		copy = *row; /* adding rows may move them */
		if (copy.open)
			add_connections(s, &copy);
	}
	if (hidden)
		note_add(s, g, NULL, hidden);
}

static void add_instance(struct screen *s, const struct instance_row *i)
{
	struct row *row = row_add(s, ROW_INSTANCE);

	row->instance = i;
	row->folds = i->orphan_count || i->remote_count;
	row->open = row->folds && is_unfolded(s, row);
	if (!row->open)
		return;
	for (size_t n = 0; n < i->orphan_count; n++) {
		row = row_add(s, ROW_ORPHAN);
		row->instance = i;
		row->orphan = &i->orphans[n];
	}
	for (size_t n = 0; n < i->remote_count; n++) {
		row = row_add(s, ROW_REMOTE);
		row->instance = i;
		row->remote = &i->remotes[n];
	}
}

static bool process_matches(const struct process_row *p, const char *text)
{
	char pid[16], *line;
	bool yes;

	snprintf(pid, sizeof(pid), "%u", p->key.pid);
	if (!p->folded && strstr(pid, text))
		return true;
	if (!p->identity)
		return false;
	if (p->identity->user && strcasestr(p->identity->user, text))
		return true;
	if (p->folded)
		return false;
	line = format_argv(p->identity);
	yes = strcasestr(line, text) != NULL;
	free(line);
	return yes;
}

/* As typed after `/`: part of the name, or of a process's pid, user or command line. */
static bool group_matches(const struct screen *s, const struct group_row *g)
{
	if (!*s->filter || strcasestr(g->name, s->filter))
		return true;
	for (size_t i = 0; i < g->process_count; i++)
		if (process_matches(&g->processes[i], s->filter))
			return true;
	return false;
}

static void add_group(struct screen *s, const struct group_row *g)
{
	struct row *row = row_add(s, ROW_GROUP);

	row->group = g;
	row->folds = g->process_count > 0;
	row->open = row->folds && is_unfolded(s, row);
	for (size_t i = 0; i < g->process_count && !(row->came && row->went); i++)
		mark_recent(s, &g->processes[i], row);
	if (row->open)
		add_processes(s, g);
}

static size_t nearest_selectable(const struct screen *s, size_t at)
{
	size_t i = at;

	while (i < s->list.count && !is_selectable(&s->list.rows[i]))
		i++;
	if (i < s->list.count)
		return i;
	for (i = at < s->list.count ? at : s->list.count; i > 0; i--)
		if (is_selectable(&s->list.rows[i - 1]))
			return i - 1;
	return 0;
}

static bool is_cursor(const struct screen *s, size_t at)
{
	char *name;
	bool same;

	if (at >= s->list.count || !is_selectable(&s->list.rows[at]))
		return false;
	name = row_name(&s->list.rows[at]);
	same = !strcmp(name, s->cursor);
	free(name);
	return same;
}

static void cursor_put(struct screen *s, size_t at)
{
	s->cursor_at = nearest_selectable(s, at);
	free(s->cursor);
	s->cursor = s->cursor_at < s->list.count ? row_name(&s->list.rows[s->cursor_at]) : NULL;
}

/* The row the cursor was on, wherever it is now; if it has gone, the one in its place. Before it is
 * first moved: the worst script, whichever that is by now. */
static void cursor_find(struct screen *s)
{
	if (!s->moved) {
		size_t at = 0;

		while (at < s->list.count && s->list.rows[at].kind != ROW_GROUP)
			at++;
		cursor_put(s, at < s->list.count ? at : 0);
		return;
	}
	for (size_t i = 0; s->cursor && i <= s->list.count; i++) { /* it is seldom far */
		if (is_cursor(s, s->cursor_at + i) || is_cursor(s, s->cursor_at - i)) {
			s->cursor_at = is_cursor(s, s->cursor_at + i) ? s->cursor_at + i
								      : s->cursor_at - i;
			return;
		}
	}
	cursor_put(s, s->cursor_at);
}

void rows_build(struct screen *s)
{
	s->list.count = 0;
	s->groups_filtered = 0;
	for (size_t i = 0; i < s->snapshot->instance_count; i++)
		add_instance(s, &s->snapshot->instances[i]);
	for (size_t i = 0; i < s->snapshot->group_count; i++) {
		if (group_matches(s, &s->snapshot->groups[i]))
			add_group(s, &s->snapshot->groups[i]);
		else
			s->groups_filtered++;
	}
	if (s->snapshot->groups_hidden)
		note_add(s, NULL, NULL, s->snapshot->groups_hidden);
	cursor_find(s);
}

const struct row *rows_current(const struct screen *s)
{
	return s->cursor_at < s->list.count ? &s->list.rows[s->cursor_at] : NULL;
}

void rows_go(struct screen *s, size_t at)
{
	s->moved = true;
	cursor_put(s, at);
}

void rows_move(struct screen *s, long by)
{
	size_t at = s->cursor_at;

	while (by > 0 && at + 1 < s->list.count) {
		at++;
		by -= is_selectable(&s->list.rows[at]);
	}
	while (by < 0 && at > 0) {
		at--;
		by += is_selectable(&s->list.rows[at]);
	}
	rows_go(s, at);
}

void rows_unfold(struct screen *s, const struct row *row, bool open)
{
	struct unfolded *found;
	char *name = row_name(row);

	s->moved = true; /* it is this one's insides that are of interest */
	HASH_FIND_STR(s->unfolded, name, found);
	if (open && !found) {
		found = xcalloc(1, sizeof(*found));
		found->name = name;
		HASH_ADD_KEYPTR(hh, s->unfolded, found->name, strlen(found->name), found);
		return;
	}
	if (!open && found) {
		HASH_DEL(s->unfolded, found);
		free(found->name);
		free(found);
	}
	free(name);
}

void rows_fold_all(struct screen *s)
{
	struct unfolded *one, *next;

	HASH_ITER (hh, s->unfolded, one, next) {
		HASH_DEL(s->unfolded, one);
		free(one->name);
		free(one);
	}
}

void rows_free(struct screen *s)
{
	rows_fold_all(s);
	free(s->list.rows);
	free(s->cursor);
}

const struct finding *finding_of(const struct screen *s, const struct group_row *group,
	const struct instance_row *instance, size_t *count)
{
	const struct finding *worst = NULL;
	size_t n = 0;

	for (size_t i = 0; i < s->findings->count; i++) {
		const struct finding *f = &s->findings->rows[i];

		if (f->group != group || f->instance != instance)
			continue;
		n++;
		if (!worst || f->severity > worst->severity)
			worst = f;
	}
	if (count)
		*count = n;
	return worst;
}
