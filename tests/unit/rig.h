/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * rig.h: snapshots built by hand for the tests of src/diagnose/: add groups, processes in them,
 * connections in those; the counts follow. What they take is freed at the end of the program.
 */
#ifndef RIG_H
#define RIG_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <pgleaktrace/finding.h>

#define SECOND 1000000000ull
#define NOW    (1000 * SECOND)

struct rig {
	struct snapshot s;
	struct group_row groups[8];
	struct process_row processes[8][40];
	struct server_row server;
	struct instance_row instance;
};

struct kept {
	void *memory;
	struct findings *findings;
	struct kept *next;
};
static struct kept *kept;

static inline void rig_free_all(void)
{
	for (struct kept *k = kept, *next; k; k = next) {
		next = k->next;
		free(k->memory);
		findings_free(k->findings);
		free(k);
	}
}

static inline void *rig_keep(void *memory, struct findings *findings)
{
	struct kept *k = malloc(sizeof(*k));

	if (!kept)
		atexit(rig_free_all);
	*k = (struct kept){memory, findings, kept};
	kept = k;
	return memory;
}

static inline struct rig *rig_new(void)
{
	struct rig *r = rig_keep(calloc(1, sizeof(*r)), NULL);

	r->s.now = NOW;
	r->s.started = NOW - 100 * SECOND;
	r->s.older = 60 * SECOND;
	r->s.groups = r->groups;
	r->s.servers = &r->server;
	r->s.server_count = 1;
	r->server.max_connections = -1;
	return r;
}

/* The server is on this host and this big. */
static inline void rig_limit(struct rig *r, int max, int reserved, __u64 used)
{
	r->instance = (struct instance_row){.kind = SERVER_POSTGRESQL,
		.program = "postgres",
		.max_connections = max,
		.reserved = reserved,
		.used = used};
	r->s.instances = &r->instance;
	r->s.instance_count = 1;
	r->server.instance = &r->instance;
	r->server.max_connections = max;
}

static inline struct group_row *rig_group(struct rig *r, const char *name)
{
	struct group_row *g = &r->groups[r->s.group_count];

	g->name = name;
	g->processes = r->processes[r->s.group_count++];
	return g;
}

static inline struct process_row *rig_process(struct group_row *g, const char *exe)
{
	static __u32 pid = 100;
	struct process_row *p = &g->processes[g->process_count++];
	struct event_process *e = rig_keep(calloc(1, sizeof(*e)), NULL);

	e->exe = exe;
	e->argv = e->comm = "";
	p->key = (struct process_key){.pid = pid++, .start = 1};
	p->identity = e;
	p->script = g->name;
	p->connections = rig_keep(calloc(400, sizeof(*p->connections)), NULL);
	return p;
}

static inline void rig_count(struct counts *c, const struct connection_row *row, __u64 older)
{
	c->opened++;
	c->open += !row->ended_at;
	c->idle += !row->ended_at && row->idle > older;
	c->closed += row->ending == ENDING_CLOSED;
	c->abandoned += row->ending == ENDING_ABANDONED;
	c->hung_up += row->ending == ENDING_HUNG_UP;
	c->refused += row->ending == ENDING_REFUSED;
	c->fd_leak += row->held;
	if (c->open > c->peak)
		c->peak = c->open;
	if (!row->ended_at && row->age > c->oldest)
		c->oldest = row->age;
}

/* A connection opened `age` ago and unused for `idle`; it ended `ended` ago, or not. */
static inline struct connection_row *rig_connection(struct rig *r, struct group_row *g,
	struct process_row *p, __u64 age, __u64 idle, enum ending ending, __u64 ended)
{
	struct connection_row *row = &p->connections[p->connection_count++];

	row->server = r->server.key;
	row->opened_at = NOW - age;
	row->ending = ending;
	row->ended_at = ending ? NOW - ended : 0;
	row->age = ending ? age - ended : age;
	row->idle = idle;
	row->attribution = ATTRIBUTION_CONNECT;
	row->sqlstate = "";
	row->held = false;
	rig_count(&p->counts, row, r->s.older);
	rig_count(&g->counts, row, r->s.older);
	rig_count(&r->s.counts, row, r->s.older);
	rig_count(&r->server.counts, row, r->s.older);
	if (p->counts.peak > g->process_peak)
		g->process_peak = p->counts.peak;
	g->concurrent = 0;
	for (size_t i = 0; i < g->process_count; i++)
		g->concurrent += g->processes[i].counts.open > 0;
	return row;
}

/* `count` open ones, unused for `idle`. */
static inline void rig_open(
	struct rig *r, struct group_row *g, struct process_row *p, int count, __u64 idle)
{
	for (int i = 0; i < count; i++)
		rig_connection(r, g, p, idle + SECOND, idle, ENDING_NONE, 0);
}

/* Every number that is given is one that the rule's row names. */
static inline void rig_check_evidence(const struct finding *f)
{
	for (size_t i = 0; i < f->evidence_count; i++) {
		char name[64], names[512];

		snprintf(name, sizeof(name), " %s ", f->evidence[i].name);
		snprintf(names, sizeof(names), " %s ", rule_rows[f->rule].evidence);
		assert_non_null(strstr(names, name));
	}
}

/* The finding of that rule, or NULL. */
static inline const struct finding *rig_find(struct rig *r, enum rule rule, const char *subject)
{
	static const struct rule_settings settings;
	struct findings *f = findings_of(&r->s, &settings);

	rig_keep(NULL, f);
	for (size_t i = 0; i < f->count; i++)
		rig_check_evidence(&f->rows[i]);
	for (size_t i = 0; i < f->count; i++)
		if (f->rows[i].rule == rule && !strcmp(finding_subject(&f->rows[i]), subject))
			return &f->rows[i];
	return NULL;
}

static inline size_t rig_count_findings(struct rig *r)
{
	static const struct rule_settings settings;

	struct findings *f = findings_of(&r->s, &settings);
	size_t count = f->count;

	findings_free(f);
	return count;
}

static inline __u64 rig_evidence(const struct finding *f, const char *name)
{
	for (size_t i = 0; i < f->evidence_count; i++)
		if (!strcmp(f->evidence[i].name, name))
			return f->evidence[i].number;
	return ~0ull;
}

#endif
