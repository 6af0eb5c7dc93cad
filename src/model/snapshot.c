/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * snapshot.c: rows out: the model's facts grouped and counted, and frozen for the views. Which are
 * wanted says filter.c, in what order order.c; connection_row.c and instances.c fill rows.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/address.h"
#include "base/mem.h"
#include "model/state.h"

/* A group while it is being gathered; hh keys it by name. */
struct gather {
	struct group_row row;
	char *name;
	UT_hash_handle hh;
};

/* Where the connections of a ledger go; hh keys it by the ledger. */
struct seat {
	struct ledger_key key;
	struct gather *gather;
	size_t process; /* of the gather's rows */
	UT_hash_handle hh;
};

struct builder {
	const struct model *model;
	const struct query *query;
	struct snapshot *snapshot;
	struct gather *gathers;
	struct seat *seats;      /* by key */
	struct seat *seat_array; /* their memory */
};

static void group_text(const struct builder *b, const struct ledger *ledger, char *out, size_t size)
{
	const struct process *p = state_process(b->model, &ledger->key.process);
	const struct event_process *e = p && p->identified ? &p->identity : NULL;
	const char *script = state_script(b->model, &ledger->key.process);

	switch (b->query->group_by) {
	case GROUP_PROCESS:
		if (p && p->folded)
			snprintf(out, size, "%llu gone %s", (unsigned long long)p->folded, script);
		else
			snprintf(out, size, "%u %s", ledger->key.process.pid, script);
		break;
	case GROUP_USER:
		if (e && !e->user)
			snprintf(out, size, "%u", e->uid);
		else
			snprintf(out, size, "%s", e ? e->user : "?");
		break;
	case GROUP_CONTAINER:
		snprintf(out, size, "%s",
			!e             ? "?"
			: e->container ? e->container
			: e->unit      ? e->unit
				       : "(host)");
		break;
	case GROUP_SERVER:
		server_text(
			out, size, &ledger->key.server, state_path(b->model, &ledger->key.server));
		break;
	case GROUP_SCRIPT:
	case GROUPS: snprintf(out, size, "%s", script); break;
	}
}

static void counts_add_ledger(struct counts *c, const struct ledger *l)
{
	const struct totals *a = &l->totals, *b = &l->settled;
	__u64 peak = (__u64)(a->peak > b->peak ? a->peak : b->peak);

	c->adopted += a->adopted + b->adopted;
	c->opened += a->opened + b->opened;
	c->closed += a->closed + b->closed;
	c->abandoned += a->abandoned + b->abandoned;
	c->hung_up += a->hung_up + b->hung_up;
	c->refused += a->refused + b->refused;
	c->failed += a->failed + b->failed;
	c->unknown += a->unknown + b->unknown + l->unknown;
	c->open += ledger_open(l);
	c->fd_leak += (__u64)(a->held + b->held);
	if (peak > c->peak)
		c->peak = peak;
}

static void counts_add_age(struct counts *c, const struct connection_row *row, __u64 older)
{
	if (row->ended_at)
		return;
	if (row->idle > older)
		c->idle++;
	if (row->age > c->oldest) {
		c->oldest = row->age;
		c->oldest_at_least = row->at_least;
	}
}

static struct gather *gather_get(struct builder *b, const struct ledger *ledger)
{
	char name[4200];
	struct gather *g;
	const struct process *p = state_process(b->model, &ledger->key.process);

	group_text(b, ledger, name, sizeof(name));
	HASH_FIND_STR(b->gathers, name, g);
	if (g)
		return g;
	g = xcalloc(1, sizeof(*g));
	g->name = xstrdup(name);
	g->row.name = g->name;
	if (p && b->query->group_by == GROUP_SCRIPT) {
		g->row.wrapper = p->wrapper;
		g->row.runtime = p->name.runtime;
	}
	HASH_ADD_KEYPTR(hh, b->gathers, g->name, strlen(g->name), g);
	return g;
}

static struct process_row *process_row_get(
	struct builder *b, struct gather *g, const struct process_key *key)
{
	const struct process *p = state_process(b->model, key);
	struct process_row *row;

	/* The ledgers are sorted by process: one of the same process is the last row. */
	if (g->row.process_count) {
		row = &g->row.processes[g->row.process_count - 1];
		if (!memcmp(&row->key, key, sizeof(*key)))
			return row;
	}
	g->row.processes =
		xrealloc(g->row.processes, (g->row.process_count + 1) * sizeof(*g->row.processes));
	row = &g->row.processes[g->row.process_count++];
	memset(row, 0, sizeof(*row));
	row->key = *key;
	if (p && p->identified) {
		row->identity = &p->identity;
		row->script = p->name.script;
	}
	row->folded = p ? p->folded : 0;
	g->row.process_total += row->folded ? row->folded : 1;
	row->gone = p && p->gone;
	row->worker = p && p->worker;
	row->exit_code = p ? p->exit_code : 0;
	return row;
}

/* Room doubles: a full array's count is a power of two. */
static struct connection_row *connection_row_add(struct process_row *p)
{
	size_t n = p->connection_count;

	if (!(n & (n - 1)))
		p->connections =
			xrealloc(p->connections, (n ? 2 * n : 1) * sizeof(*p->connections));
	return &p->connections[p->connection_count++];
}

static void gather_connection(struct builder *b, const struct connection *c)
{
	struct connection_row *row;
	struct process_row *p;
	struct seat *seat;

	/* Without books yet (a torn recording) it can't be counted, so it is not listed either. */
	HASH_FIND(hh, b->seats, &c->ledger, sizeof(c->ledger), seat);
	if (!seat)
		return;
	p = &seat->gather->row.processes[seat->process];
	row = connection_row_add(p);
	connection_row_fill(row, c, b->model);
	counts_add_age(&p->counts, row, b->query->older);
	counts_add_age(&seat->gather->row.counts, row, b->query->older);
	counts_add_age(&b->snapshot->counts, row, b->query->older);
	for (size_t i = 0; i < b->snapshot->server_count; i++)
		if (!memcmp(&b->snapshot->servers[i].key, &c->ledger.server,
			    sizeof(c->ledger.server)))
			counts_add_age(&b->snapshot->servers[i].counts, row, b->query->older);
}

static void gather_server(struct builder *b, const struct ledger *ledger)
{
	struct snapshot *s = b->snapshot;
	size_t i = 0;

	while (i < s->server_count &&
		memcmp(&s->servers[i].key, &ledger->key.server, sizeof(s->servers[i].key)))
		i++;
	if (i == s->server_count) {
		s->servers = xrealloc(s->servers, (i + 1) * sizeof(*s->servers));
		memset(&s->servers[i], 0, sizeof(s->servers[i]));
		s->servers[i].key = ledger->key.server;
		s->servers[i].path = state_path(b->model, &ledger->key.server);
		s->server_count++;
	}
	counts_add_ledger(&s->servers[i].counts, ledger);
}

static int by_ledger_key(const void *a, const void *b)
{
	const struct ledger *x = *(struct ledger *const *)a, *y = *(struct ledger *const *)b;
	int order = process_key_order(&x->key.process, &y->key.process);

	return order ? order : memcmp(&x->key.server, &y->key.server, sizeof(x->key.server));
}

static void gather_ledgers(struct builder *b)
{
	size_t count = HASH_COUNT(b->model->ledgers), n = 0;
	struct ledger **sorted = xcalloc(count + 1, sizeof(*sorted)), *ledger, *next;

	HASH_ITER (hh, b->model->ledgers, ledger, next) {
		if (!ledger_is_empty(ledger) && query_wants(b->query, b->model, ledger))
			sorted[n++] = ledger;
	}
	qsort(sorted, n, sizeof(*sorted), by_ledger_key);
	b->seat_array = xcalloc(n + 1, sizeof(*b->seat_array));
	for (size_t i = 0; i < n; i++) {
		struct gather *g = gather_get(b, sorted[i]);
		struct seat *seat = &b->seat_array[i];

		counts_add_ledger(
			&process_row_get(b, g, &sorted[i]->key.process)->counts, sorted[i]);
		counts_add_ledger(&g->row.counts, sorted[i]);
		counts_add_ledger(&b->snapshot->counts, sorted[i]);
		gather_server(b, sorted[i]);
		*seat = (struct seat){sorted[i]->key, g, g->row.process_count - 1, {0}};
		HASH_ADD(hh, b->seats, key, sizeof(seat->key), seat);
	}
	free(sorted);
}

static void gather_connections(struct builder *b)
{
	struct connection *conn, *next;

	HASH_ITER (hh, b->model->connections, conn, next) {
		if (!conn->ended_at)
			gather_connection(b, conn);
	}
	for (conn = b->model->ended_first; conn; conn = conn->next_ended)
		gather_connection(b, conn);
	HASH_CLEAR(hh, b->seats);
	free(b->seat_array);
}

/* A group that is all of a script is its crowd. Of a part, as a filter leaves it, only what its
 * processes had at most is known. */
static const struct crowd *group_crowd(const struct builder *b, const char *name)
{
	if (b->query->group_by != GROUP_SCRIPT || b->snapshot->narrowed)
		return NULL;
	return crowd_of_script(b->model, name);
}

/* A crowd's peak is what the events saw; never less than any of its parts' or than now. */
static void raise_peak(const struct crowd *crowd, struct counts *counts)
{
	if (crowd && crowd->peak > 0 && (__u64)crowd->peak > counts->peak)
		counts->peak = (__u64)crowd->peak;
	if (counts->open > counts->peak)
		counts->peak = counts->open;
}

/* Its processes: the most connections of one, and how many had any at once. */
static void count_crowd(const struct builder *b, struct group_row *row)
{
	const struct crowd *crowd = group_crowd(b, row->name);
	__u64 holding = 0;

	for (size_t i = 0; i < row->process_count; i++) {
		const struct counts *c = &row->processes[i].counts;

		holding += c->open > 0;
		if (c->peak > row->process_peak)
			row->process_peak = c->peak;
		if (c->open > row->process_peak)
			row->process_peak = c->open;
	}
	row->concurrent = holding;
	if (crowd && crowd->busy_peak > 0 && (__u64)crowd->busy_peak > holding)
		row->concurrent = (__u64)crowd->busy_peak;
}

static void group_finish(struct builder *b, struct gather *g, struct group_row *to)
{
	raise_peak(group_crowd(b, g->name), &g->row.counts);
	for (size_t i = 0; i < g->row.process_count; i++)
		connections_sort(
			g->row.processes[i].connections, g->row.processes[i].connection_count);
	processes_sort(g->row.processes, g->row.process_count);
	count_crowd(b, &g->row);
	*to = g->row;
}

static void group_row_free(struct group_row *row)
{
	for (size_t i = 0; i < row->process_count; i++)
		free(row->processes[i].connections);
	free(row->processes);
	free((char *)row->name);
}

static void finish_groups(struct builder *b)
{
	struct snapshot *s = b->snapshot;
	struct gather *g, *next;

	for (size_t i = 0; i < s->server_count; i++)
		raise_peak(s->narrowed ? NULL : crowd_of_server(b->model, &s->servers[i].key),
			&s->servers[i].counts);
	s->groups = xcalloc(HASH_COUNT(b->gathers) + 1, sizeof(*s->groups));
	HASH_ITER (hh, b->gathers, g, next) {
		HASH_DEL(b->gathers, g);
		group_finish(b, g, &s->groups[s->group_count++]);
		free(g);
	}
	groups_sort(s->groups, s->group_count, b->query->sort);
	while (b->query->rows && s->group_count > b->query->rows) {
		group_row_free(&s->groups[--s->group_count]);
		s->groups_hidden++;
	}
}

static bool is_complete(const struct losses *l, enum stop_reason stop)
{
	return !(l->ring_full + l->ledger_full + l->sockets_full + l->scope_full + l->drift +
		       l->unreadable + l->bad_lines) &&
	       stop != STOP_TRUNCATED && stop != STOP_BROKEN;
}

struct snapshot *model_snapshot(const struct model *model, const struct query *query)
{
	struct snapshot *s = xcalloc(1, sizeof(*s));
	struct builder b = {.model = model, .query = query, .snapshot = s};

	s->session = model_session(model);
	s->now = model->now;
	s->started = model->started;
	s->older = query->older;
	s->group_by = query->group_by;
	s->narrowed = query_narrows(query);
	s->command = model->command.pid ? &model->command : NULL;
	s->stop = model->stop;
	s->losses = model->losses;
	s->complete = is_complete(&model->losses, model->stop);
	s->forgotten = model->forgotten;
	gather_ledgers(&b);
	gather_connections(&b);
	instances_fill(s, model, query);
	finish_groups(&b);
	if (!query->no_series)
		series_gather(s, model, query->older);
	return s;
}

void snapshot_free(struct snapshot *snapshot)
{
	if (!snapshot)
		return;
	for (size_t i = 0; i < snapshot->group_count; i++)
		group_row_free(&snapshot->groups[i]);
	free(snapshot->groups);
	free(snapshot->servers);
	free(snapshot->series);
	instances_free(snapshot);
	free(snapshot);
}
