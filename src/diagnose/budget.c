/* SPDX-License-Identifier: BSD-2-Clause */
/* budget.c: (max_connections - reserved - others) / peak per process = safe processes. */
#include <stdio.h>
#include <string.h>

#include "diagnose/diagnose.h"

const struct server_row *connection_server(
	const struct snapshot *s, const struct connection_row *row)
{
	for (size_t i = 0; i < s->server_count; i++)
		if (!memcmp(&s->servers[i].key, &row->server, sizeof(row->server)))
			return &s->servers[i];
	return NULL;
}

/* Two ways to the same server: 127.0.0.1, ::1 and a unix socket of one instance. */
static bool is_same_server(const struct server_row *a, const struct server_row *b)
{
	return a == b || (a && b && a->instance && a->instance == b->instance);
}

static __u64 open_at(
	const struct snapshot *s, const struct group_row *g, const struct server_row *server)
{
	__u64 open = 0;

	for (size_t i = 0; i < g->process_count; i++)
		for (size_t c = 0; c < g->processes[i].connection_count; c++) {
			const struct connection_row *row = &g->processes[i].connections[c];

			if (row->ended_at) /* open ones come first */
				break;
			if (is_same_server(connection_server(s, row), server))
				open++;
		}
	return open;
}

/* The server that counts: of those whose limit is known, the one it has most connections to. */
static const struct server_row *main_server(
	const struct snapshot *s, const struct group_row *g, __u64 *own)
{
	const struct server_row *best = NULL;

	*own = 0;
	for (size_t i = 0; i < s->server_count; i++) {
		__u64 open;

		if (s->servers[i].max_connections <= 0)
			continue;
		open = open_at(s, g, &s->servers[i]);
		if (open > *own) {
			best = &s->servers[i];
			*own = open;
		}
	}
	return best;
}

/* What the server counts itself, or else what we see of it: then a lower bound. */
static __u64 used_slots(const struct snapshot *s, const struct server_row *server)
{
	__u64 seen = 0;

	for (size_t i = 0; i < s->server_count; i++)
		if (is_same_server(&s->servers[i], server))
			seen += s->servers[i].counts.open;
	return server->instance && server->instance->used > seen ? server->instance->used : seen;
}

bool server_had_room(const struct snapshot *s, const struct connection_row *row)
{
	const struct server_row *server = connection_server(s, row);
	const struct instance_row *i = server ? server->instance : NULL;
	__u64 most = i ? i->used : 0, seen = 0;

	if (!i || i->max_connections <= 0)
		return false;
	for (size_t n = 0; n < i->history_count; n++)
		most = i->history[n].used > most ? i->history[n].used : most;
	for (size_t n = 0; n < s->server_count; n++)
		if (is_same_server(&s->servers[n], server))
			seen += s->servers[n].counts.peak;
	return (most > seen ? most : seen) + (i->reserved > 0 ? (__u64)i->reserved : 0) <
	       (__u64)i->max_connections;
}

bool budget_of(const struct snapshot *s, const struct group_row *g, struct budget *b)
{
	__u64 own, used, taken;
	const struct server_row *server = main_server(s, g, &own);

	if (!server || !g->process_peak)
		return false;
	used = used_slots(s, server);
	*b = (struct budget){
		.known = true,
		.max_connections = server->max_connections,
		.reserved = server->instance ? server->instance->reserved : -1,
		.others = used > own ? used - own : 0,
		.per_process = g->process_peak,
		.processes = g->concurrent ? g->concurrent : 1,
	};
	taken = b->others + (b->reserved > 0 ? (__u64)b->reserved : 0);
	b->slots = (__u64)b->max_connections > taken ? (__u64)b->max_connections - taken : 0;
	b->safe_processes = b->slots / b->per_process;
	b->limit = b->slots / b->processes;
	return true;
}

bool budget_prove(const struct look *look, struct finding *f)
{
	struct budget *b = &f->budget;

	if (!budget_of(look->snapshot, look->group, b))
		return false;
	prove(f, "max_connections", (__u64)b->max_connections, false);
	if (b->reserved >= 0)
		prove(f, "reserved", (__u64)b->reserved, false);
	prove(f, "others", b->others, false);
	prove(f, "process_peak", b->per_process, false);
	prove(f, "concurrent", b->processes, false);
	prove(f, "safe_processes", b->safe_processes, false);
	prove(f, "recommended_limit", b->limit, false);
	return true;
}

void budget_text(char *out, size_t size, const struct budget *b)
{
	char reserved[32] = "", each[64];

	*out = 0;
	if (!b->known)
		return;
	if (b->reserved >= 0)
		snprintf(reserved, sizeof(reserved), " - %d reserved", b->reserved);
	if (b->limit)
		snprintf(each, sizeof(each), "at most %llu connection%s each",
			(unsigned long long)b->limit, b->limit > 1 ? "s" : "");
	else
		snprintf(each, sizeof(each), "not even one connection each");
	snprintf(out, size,
		"(%d max_connections%s - %llu others) / %llu per process = %llu process%s at once; "
		"%llu ran: %s",
		b->max_connections, reserved, (unsigned long long)b->others,
		(unsigned long long)b->per_process, (unsigned long long)b->safe_processes,
		b->safe_processes == 1 ? "" : "es", (unsigned long long)b->processes, each);
}
