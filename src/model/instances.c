/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * instances.c: the rows of the servers on this host: slots, orphans, who comes from elsewhere, how
 * fast it fills.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/mem.h"
#include "base/ns.h"
#include "model/state.h"

#define RATE_LEAST (2 * SECOND) /* a shorter history says nothing of the next minute */

static const char *text_or_empty(const char *text)
{
	return text ? text : "";
}

static void orphan_add(
	struct instance_row *row, const struct model *model, const struct backend *backend)
{
	const struct connection *conn = backend_client(model, backend);
	struct orphan_row *orphan;

	row->orphans = xrealloc(row->orphans, (row->orphan_count + 1) * sizeof(*row->orphans));
	orphan = &row->orphans[row->orphan_count++];
	*orphan = (struct orphan_row){
		.backend_pid = backend->event.process.pid,
		.backend_pid_in_ns = backend->event.pid_in_ns,
		.user = text_or_empty(backend->event.user),
		.database = text_or_empty(backend->event.database),
		.activity = text_or_empty(backend->event.activity),
	};
	if (backend->joined) {
		orphan->client = backend->opener.process;
		orphan->script = model_script(model, &backend->opener.process);
	}
	if (conn && conn->ended_at) {
		orphan->since = conn->ended_at;
		orphan->ending = conn->ending;
		orphan->manner = conn->manner;
		orphan->exit_code = conn->exit_code;
	}
}

/* Another host's: TCP, from an address that is not the server's own, and no client of ours. */
static bool is_remote(const struct backend *backend)
{
	return backend->event.local.family != AF_UNIX && !backend->joined &&
	       memcmp(backend->event.client, backend->event.local.address,
		       sizeof(backend->event.client));
}

static void remote_add(struct instance_row *row, const __u8 *address)
{
	size_t i = 0;

	while (i < row->remote_count &&
		memcmp(row->remotes[i].address, address, sizeof(row->remotes[i].address)))
		i++;
	if (i == row->remote_count) {
		row->remotes = xrealloc(row->remotes, (i + 1) * sizeof(*row->remotes));
		memcpy(row->remotes[i].address, address, sizeof(row->remotes[i].address));
		row->remotes[i].slots = 0;
		row->remote_count++;
	}
	row->remotes[i].slots++;
}

static int by_slots(const void *a, const void *b)
{
	const struct remote_row *x = a, *y = b;

	if (x->slots != y->slots)
		return x->slots > y->slots ? -1 : 1;
	return memcmp(x->address, y->address, sizeof(x->address));
}

static int by_since(const void *a, const void *b)
{
	const struct orphan_row *x = a, *y = b;

	if (x->since != y->since)
		return x->since < y->since ? -1 : 1;
	return x->backend_pid < y->backend_pid ? -1 : x->backend_pid > y->backend_pid;
}

/* The middle one of three neighbours: one odd look does not make a trend. */
static double middle_of(const struct sample *s)
{
	__u32 a = s[0].used, b = s[1].used, c = s[2].used;
	__u32 low = a < b ? a : b, high = a < b ? b : a;

	return c < low ? low : c > high ? high : c;
}

/* Growth over the last minute, or over all that was seen if that is shorter. */
static double rate_of(const struct sample *history, size_t count)
{
	size_t from = count;
	__u64 newest, span;

	if (count < 4)
		return NAN;
	newest = history[count - 1].time;
	while (from > 0 && history[from - 1].time + MINUTE >= newest)
		from--;
	if (count - from < 4)
		return NAN;
	span = history[count - 2].time - history[from + 1].time;
	if (newest - history[from].time < RATE_LEAST || !span)
		return NAN;
	return (middle_of(&history[count - 3]) - middle_of(&history[from])) * (double)MINUTE /
	       (double)span;
}

/* It grew, and then no more: nothing was added for half of what the rate is taken from, and for three
 * times as long as one takes at that rate. Pools grow in bursts, a slow leak once a minute. */
static bool growth_stopped(const struct sample *history, size_t count, double per_minute)
{
	const struct sample *settled = &history[count - 3], *since = settled;
	__u64 seen = history[count - 1].time - history[0].time, quiet;

	while (since > history && since[-1].used >= middle_of(settled))
		since--;
	quiet = settled->time - since->time;
	return quiet > (seen < MINUTE ? seen : MINUTE) / 2 &&
	       (double)quiet > 3 * (double)MINUTE / per_minute;
}

static __u64 full_in(const struct instance_row *row)
{
	double left;

	if (row->max_connections < 0 || row->reserved < 0 || !(row->per_minute > 0) ||
		growth_stopped(row->history, row->history_count, row->per_minute))
		return 0;
	left = (double)row->max_connections - row->reserved - (double)row->used;
	left = left > 0 ? left / row->per_minute * (double)MINUTE : 0;
	return left < 1e18 ? (__u64)left : 0;
}

static void instance_fill(
	struct instance_row *row, const struct instance *instance, const struct model *model)
{
	const struct event_server *facts = &instance->facts;

	*row = (struct instance_row){
		.process = instance->key,
		.kind = (enum server_kind)facts->kind,
		.version = facts->version,
		.program = text_or_empty(facts->program),
		.data_directory = facts->data_directory,
		.limit_source = facts->limit_source,
		.container = facts->container,
		.max_connections = facts->max_connections,
		.reserved = facts->reserved,
		.history = instance->history,
		.history_count = instance->history_count,
		.per_minute = rate_of(instance->history, instance->history_count),
	};
	for (size_t i = 0; i < instance->backend_count; i++) {
		const struct backend *backend = &instance->backends[i];

		if (!backend_takes_slot(instance, backend))
			continue;
		row->used++;
		if (backend_is_orphan(model, backend))
			orphan_add(row, model, backend);
		if (is_remote(backend))
			remote_add(row, backend->event.client);
	}
	row->full_in = full_in(row);
	if (row->orphan_count)
		qsort(row->orphans, row->orphan_count, sizeof(*row->orphans), by_since);
	if (row->remote_count)
		qsort(row->remotes, row->remote_count, sizeof(*row->remotes), by_slots);
}

static int by_instance_start(const void *a, const void *b)
{
	const struct instance *x = *(struct instance *const *)a, *y = *(struct instance *const *)b;

	if (x->key.start != y->key.start)
		return x->key.start < y->key.start ? -1 : 1;
	return x->key.pid < y->key.pid ? -1 : x->key.pid > y->key.pid;
}

static const struct instance_row *row_of(const struct snapshot *s, const struct instance *instance)
{
	for (size_t i = 0; instance && i < s->instance_count; i++)
		if (!memcmp(&s->instances[i].process, &instance->key, sizeof(instance->key)))
			return &s->instances[i];
	return NULL;
}

static __s32 limit_of(const struct instance_row *instance, const struct query *query)
{
	if (instance && instance->max_connections >= 0)
		return instance->max_connections;
	return query->max_connections ? (__s32)query->max_connections : -1;
}

const struct server_row *snapshot_server(
	const struct snapshot *s, const struct instance_row *instance)
{
	for (size_t i = 0; i < s->server_count; i++)
		if (s->servers[i].instance == instance)
			return &s->servers[i];
	return NULL;
}

/* A server without a client here has a row too, by its best known address: TCP before unix. */
static void lonely_add(struct snapshot *s, const struct model *model, const struct query *query,
	const struct instance *instance, const struct instance_row *row)
{
	const struct server_key *best = NULL;

	for (size_t i = 0; i < instance->listener_count; i++) {
		const struct server_key *key = &instance->listeners[i];

		if (query_wants_server(query, key) &&
			(!best || (best->family == AF_UNIX && key->family != AF_UNIX)))
			best = key;
	}
	if (!best)
		return;
	s->servers = xrealloc(s->servers, (s->server_count + 1) * sizeof(*s->servers));
	s->servers[s->server_count++] = (struct server_row){
		.key = *best,
		.path = state_path(model, best),
		.instance = row,
	};
}

void instances_fill(struct snapshot *s, const struct model *model, const struct query *query)
{
	size_t count = HASH_COUNT(model->instances), n = 0;
	struct instance **sorted = xcalloc(count + 1, sizeof(*sorted)), *instance, *next;

	HASH_ITER (hh, model->instances, instance, next)
		sorted[n++] = instance;
	qsort(sorted, n, sizeof(*sorted), by_instance_start);
	s->instances = xcalloc(count + 1, sizeof(*s->instances));
	for (size_t i = 0; i < n; i++)
		instance_fill(&s->instances[s->instance_count++], sorted[i], model);
	for (size_t i = 0; i < s->server_count; i++)
		s->servers[i].instance = row_of(s, state_instance(model, &s->servers[i].key));
	for (size_t i = 0; i < n; i++)
		if (!snapshot_server(s, &s->instances[i]))
			lonely_add(s, model, query, sorted[i], &s->instances[i]);
	for (size_t i = 0; i < s->server_count; i++)
		s->servers[i].max_connections = limit_of(s->servers[i].instance, query);
	free(sorted);
}

void instances_free(struct snapshot *snapshot)
{
	for (size_t i = 0; i < snapshot->instance_count; i++) {
		free(snapshot->instances[i].orphans);
		free(snapshot->instances[i].remotes);
	}
	free(snapshot->instances);
}
