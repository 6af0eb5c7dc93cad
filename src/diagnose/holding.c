/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * holding.c: the rules about what is open: idle-hoard, growing, fan-out. What is healthy here: one
 * process with one pool, idle within the pool's size, however long.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/library.h"
#include "base/mem.h"
#include "base/ns.h"
#include "base/text.h"
#include "diagnose/diagnose.h"

#define QUARTERS     4
#define WINDOW_LEAST (2 * SECOND) /* a burst at the start of a process is no growth */

__u64 pool_configured(const struct library_row *l, const char *config)
{
	for (size_t i = 0; i < LIBRARY_PATTERNS && l->sized[i]; i++) {
		size_t n = strlen(l->sized[i]);

		if (config && !strncmp(config, l->sized[i], n) && config[n] == '=')
			return strtoull(config + n + 1, NULL, 10);
	}
	return 0;
}

/* Never less than usual: a process may have two small pools. */
__u64 process_pool(const struct process_row *process)
{
	const struct event_process *e = process->identity;
	const struct library_row *l = e ? library_find(e->library) : NULL;
	__u64 pool = POOL_USUAL, asked = l ? pool_configured(l, e->library_config) : 0;

	if (l && l->pool > pool)
		pool = l->pool;
	return asked > pool ? asked : pool;
}

/* Slots a client may have at all; 0: not known. */
static __u64 usable_slots(const struct snapshot *s, const struct group_row *g)
{
	__u64 most = 0;

	for (size_t i = 0; i < g->process_count && !most; i++) {
		const struct process_row *p = &g->processes[i];
		const struct server_row *server =
			p->connection_count ? connection_server(s, &p->connections[0]) : NULL;
		__s32 reserved = server && server->instance ? server->instance->reserved : 0;

		if (server && server->max_connections > reserved)
			most = (__u64)(server->max_connections - (reserved > 0 ? reserved : 0));
	}
	return most;
}

struct hoard {
	__u64 processes; /* that have idle connections */
	__u64 holding;   /* that have open ones */
	__u64 idle;
	__u64 workers;    /* of `processes`: workers of a server */
	__u64 hidden;     /* of `processes`: nobody can read how large the pool is */
	bool beyond_pool; /* one alone is idle beyond its pool */
};

/* A pool as large as compiled code or a configuration says: HikariCP's, database/sql's. */
static bool has_hidden_pool(const struct process_row *p)
{
	const struct library_row *l = p->identity ? library_find(p->identity->library) : NULL;

	return l && strcmp(l->bound_by, "-") && !l->sized[0] && l->pool != 1;
}

static void hoard_add(struct hoard *h, const struct process_row *p)
{
	const struct counts *c = &p->counts;

	h->processes += c->idle > 0;
	h->holding += c->open > 0;
	h->idle += c->idle;
	h->workers += c->idle > 0 && p->worker;
	h->hidden += c->idle > 0 && has_hidden_pool(p);
	h->beyond_pool = h->beyond_pool || c->idle > process_pool(p);
}

static struct hoard hoard_of(const struct group_row *g)
{
	struct hoard h = {0};

	for (size_t i = 0; i < g->process_count; i++)
		hoard_add(&h, &g->processes[i]);
	return h;
}

/* A server's workers, each with its pool: as many as somebody has configured. */
static bool is_server(const struct hoard *h)
{
	return h->workers == h->processes && !h->beyond_pool;
}

/* One process with one pool, as far as anybody can tell: as large as somebody has made it. */
static bool is_one_pool(const struct hoard *h)
{
	return h->processes == 1 && h->hidden;
}

/* Several processes may each have a small pool; together they may not idle on more than the
 * threshold, or a quarter of what a small server has; a server's workers on a quarter of any. */
static bool is_hoard(const struct hoard *h, __u64 threshold, __u64 usable)
{
	__u64 limit = threshold;

	if (is_server(h) || is_one_pool(h))
		limit = usable ? usable / 4 : 4 * threshold;
	if (usable && usable / 4 < limit)
		limit = usable / 4 > 1 ? usable / 4 : 2;
	if (is_one_pool(h))
		return h->idle > limit;
	return h->beyond_pool || (h->processes > 1 && h->idle > limit);
}

static const char *folder_of(const struct process_row *p)
{
	return p->identity && p->identity->cwd ? p->identity->cwd : "";
}

static int by_folder(const void *a, const void *b)
{
	return strcmp(folder_of(*(const struct process_row *const *)a),
		folder_of(*(const struct process_row *const *)b));
}

/* Scripts of one name in several folders ("main.js") are several, with a pool each: the worst folder
 * that is a hoard, or all idle zero. Returns in how many folders processes hold connections. */
static size_t folders_of(
	const struct group_row *g, __u64 threshold, __u64 usable, struct hoard *worst)
{
	const struct process_row **rows = xcalloc(g->process_count + 1, sizeof(*rows));
	size_t count = 0, folders = 0;

	*worst = (struct hoard){0};
	for (size_t i = 0; i < g->process_count; i++)
		if (g->processes[i].counts.open)
			rows[count++] = &g->processes[i];
	qsort(rows, count, sizeof(*rows), by_folder);
	for (size_t i = 0; i < count; folders++) {
		struct hoard h = {0};
		size_t from = i;

		for (; i < count && !by_folder(&rows[i], &rows[from]); i++)
			hoard_add(&h, rows[i]);
		if (is_hoard(&h, threshold, usable) && h.idle > worst->idle)
			*worst = h;
	}
	free(rows);
	return folders;
}

bool idle_hoard_holds(const struct look *look, struct finding *f)
{
	const struct snapshot *s = look->snapshot;
	const struct counts *c = &look->group->counts;
	struct hoard h = hoard_of(look->group), worst;
	__u64 usable = usable_slots(s, look->group);
	size_t folders = folders_of(look->group, look->threshold, usable, &worst);
	bool is_much = usable && h.idle * 4 >= usable;
	char older[24], oldest[24], where[32] = "";

	if (group_role(s, look->group) == ROLE_RELAY || !(worst.idle || (folders > 1 && is_much)))
		return false;
	if (is_much && worst.idle && !is_server(&worst) && !is_one_pool(&worst))
		f->severity = SEVERITY_LEAK;
	if (folders > 1)
		snprintf(where, sizeof(where), " in %zu folders", folders);
	text_age(older, sizeof(older), s->older);
	text_age(oldest, sizeof(oldest), c->oldest);
	prove(f, "processes", h.holding, false);
	if (is_server(&h))
		prove(f, "workers", h.workers, false);
	if (folders > 1)
		prove(f, "folders", folders, false);
	prove(f, "open", c->open, false);
	prove(f, "idle", c->idle, false);
	prove(f, "older", s->older, true);
	prove(f, "oldest", c->oldest, true);
	budget_prove(look, f);
	snprintf(f->sentence, sizeof(f->sentence),
		"%llu process%s%s hold%s %llu connections, %llu idle for over %s, oldest %s%s",
		(unsigned long long)h.holding, h.holding > 1 ? "es" : "", where,
		h.holding > 1 ? "" : "s", (unsigned long long)c->open, (unsigned long long)c->idle,
		older, c->oldest_at_least ? "at least " : "", oldest);
	return true;
}

/* How a process's open connections went: at the end of each quarter of the time since its first. */
struct course {
	__u64 window;
	__u64 open[QUARTERS + 1]; /* [0]: at the start */
	__u64 still;              /* open, and no byte for the last quarter */
};

static bool course_of(const struct snapshot *s, const struct process_row *p, struct course *out)
{
	__u64 first = s->now;

	memset(out, 0, sizeof(*out));
	for (size_t i = 0; i < p->connection_count; i++)
		if (p->connections[i].opened_at < first)
			first = p->connections[i].opened_at;
	if (first < s->started)
		first = s->started;
	out->window = s->now - first;
	if (out->window < WINDOW_LEAST)
		return false;
	for (size_t i = 0; i < p->connection_count; i++) {
		const struct connection_row *c = &p->connections[i];

		for (int q = 0; q <= QUARTERS; q++) {
			__u64 then = first + out->window / QUARTERS * (__u64)q;

			if (q == QUARTERS)
				then = s->now;
			out->open[q] +=
				c->opened_at <= then && (!c->ended_at || c->ended_at > then);
		}
		out->still += !c->ended_at && c->idle > out->window / QUARTERS;
	}
	return true;
}

/* Every quarter ends higher than the one before, beyond any pool, and what was opened is not used:
 * a pool that fills up under load has traffic on its older connections. */
static bool is_growing(const struct process_row *p, const struct course *c, __u64 threshold)
{
	for (int q = 2; q <= QUARTERS; q++)
		if (c->open[q] <= c->open[q - 1])
			return false;
	return c->open[QUARTERS] > process_pool(p) && c->still * 2 >= c->open[QUARTERS] &&
	       c->open[QUARTERS] - c->open[1] >= threshold;
}

bool process_is_growing(const struct snapshot *s, const struct process_row *p, __u64 threshold)
{
	struct course course;

	return p->counts.open > process_pool(p) && course_of(s, p, &course) &&
	       is_growing(p, &course, threshold);
}

bool growing_holds(const struct look *look, struct finding *f)
{
	const struct process_row *worst = NULL;
	struct course course, best = {0};
	char window[24];
	__u64 rise, per_minute;

	if (group_role(look->snapshot, look->group) == ROLE_RELAY)
		return false;
	for (size_t i = 0; i < look->group->process_count; i++) {
		const struct process_row *p = &look->group->processes[i];

		if (p->counts.open > process_pool(p) && course_of(look->snapshot, p, &course) &&
			is_growing(p, &course, look->threshold) &&
			course.open[QUARTERS] > best.open[QUARTERS]) {
			worst = p;
			best = course;
		}
	}
	if (!worst)
		return false;
	rise = best.open[QUARTERS] - best.open[0];
	per_minute = rise * MINUTE / best.window;
	text_age(window, sizeof(window), best.window);
	prove(f, "pid", worst->key.pid, false);
	prove(f, "open", best.open[QUARTERS], false);
	prove(f, "rise", rise, false);
	prove(f, "window", best.window, true);
	prove(f, "per_minute", per_minute, false);
	prove(f, "unused", best.still, false);
	budget_prove(look, f);
	snprintf(f->sentence, sizeof(f->sentence),
		"pid %u went from %llu to %llu open connections in %s, about %llu a minute; %llu "
		"of them have not been used since",
		worst->key.pid, (unsigned long long)best.open[0],
		(unsigned long long)best.open[QUARTERS], window, (unsigned long long)per_minute,
		(unsigned long long)best.still);
	return true;
}

bool fan_out_holds(const struct look *look, struct finding *f)
{
	struct hoard h = hoard_of(look->group);
	const struct budget *b = &f->budget;
	__u64 slots = look->threshold;

	if (h.holding < 2 || group_role(look->snapshot, look->group) == ROLE_RELAY)
		return false;
	if (budget_prove(look, f) && !look->threshold)
		slots = b->slots;
	if (!slots || h.holding * look->group->process_peak <= slots)
		return false;
	prove(f, "processes", h.holding, false);
	prove(f, "product", h.holding * look->group->process_peak, false);
	prove(f, "slots", slots, false);
	snprintf(f->sentence, sizeof(f->sentence),
		"%llu processes x up to %llu connections each come to %llu; there is room for %llu",
		(unsigned long long)h.holding, (unsigned long long)look->group->process_peak,
		(unsigned long long)(h.holding * look->group->process_peak),
		(unsigned long long)slots);
	return true;
}
