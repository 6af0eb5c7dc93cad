/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * join.c: which connection each backend serves, and which has none left. The two ends of a TCP
 * connection have the same addresses; those of a unix socket are joined by the kernel's own pointer
 * (the cookie).
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/mem.h"
#include "base/ns.h"
#include "model/state.h"

/* How sure we are that a connection and a backend are two ends of one socket pair. */
enum match {
	MATCH_NONE,
	MATCH_TRANSLATED, /* the client's address and port, but another server address: DNAT */
	MATCH_ACROSS,     /* both addresses, from another network namespace */
	MATCH_SAME,
};

static bool is_loopback(const __u8 *a)
{
	static const __u8 mapped[12] = {[10] = 0xff, [11] = 0xff}, six[16] = {[15] = 1};

	return (!memcmp(a, mapped, sizeof(mapped)) && a[12] == 127) || !memcmp(a, six, sizeof(six));
}

/* 127.0.0.1 is another host in another namespace; any other address is the same everywhere. */
static enum match ends_match(const struct connection *conn, const struct event_backend *e)
{
	const struct server_key *server = &conn->ledger.server;

	if (conn->local_port != e->client_port || server->port != e->local.port ||
		memcmp(conn->local, e->client, sizeof(e->client)))
		return MATCH_NONE;
	if (memcmp(server->address, e->local.address, sizeof(server->address)))
		return is_loopback(e->client) ? MATCH_NONE : MATCH_TRANSLATED;
	if (server->netns == e->local.netns)
		return MATCH_SAME;
	return is_loopback(e->client) ? MATCH_NONE : MATCH_ACROSS;
}

/* A port is used again: did the connection live when the backend was forked for it? */
static bool times_match(const struct connection *conn, const struct event_backend *e)
{
	if (conn->ended_at && conn->ended_at < e->process.start)
		return false;
	return conn->attribution != ATTRIBUTION_CONNECT ||
	       conn->opened_at < e->process.start + SECOND;
}

/* The living before the dead, then the better match, then the one that ended last. */
static void backend_consider(struct backend *backend, struct connection *conn, enum match match)
{
	const struct connection *best = backend->client;
	int order = !best ? 1 : (best->ended_at != 0) - (conn->ended_at != 0);

	if (!order)
		order = (int)match - backend->match;
	if (!order && match == MATCH_SAME)
		order = conn->ended_at > best->ended_at ? 1 : -1;
	if (!order)
		backend->ambiguous = true;
	if (order <= 0)
		return;
	backend->client = conn;
	backend->match = (int)match;
	backend->ambiguous = false;
}

/* TCP backends in the order of their client's port, to be looked up by it. */
struct by_port {
	struct backend **rows;
	size_t count;
};

static int by_client_port(const void *a, const void *b)
{
	const struct backend *x = *(struct backend *const *)a, *y = *(struct backend *const *)b;

	return (int)x->event.client_port - (int)y->event.client_port;
}

static struct by_port backends_sorted(const struct model *model)
{
	struct by_port out = {0};
	struct instance *instance, *next;
	size_t room = 1;

	HASH_ITER (hh, model->instances, instance, next)
		room += instance->backend_count;
	out.rows = xcalloc(room, sizeof(struct backend *));
	HASH_ITER (hh, model->instances, instance, next)
		for (size_t i = 0; i < instance->backend_count; i++)
			if (instance->backends[i].event.local.family != AF_UNIX)
				out.rows[out.count++] = &instance->backends[i];
	qsort(out.rows, out.count, sizeof(struct backend *), by_client_port);
	return out;
}

static void join_tcp(const struct by_port *backends, struct connection *conn)
{
	size_t low = 0, high = backends->count;

	while (low < high) {
		size_t middle = (low + high) / 2;

		if (backends->rows[middle]->event.client_port < conn->local_port)
			low = middle + 1;
		else
			high = middle;
	}
	for (; low < backends->count && backends->rows[low]->event.client_port == conn->local_port;
		low++) {
		enum match match = ends_match(conn, &backends->rows[low]->event);

		if (match != MATCH_NONE && times_match(conn, &backends->rows[low]->event))
			backend_consider(backends->rows[low], conn, match);
	}
}

static void name_put(char *to, const char *from)
{
	if (from && strlen(from) < EVENT_NAME)
		snprintf(to, EVENT_NAME, "%s", from);
	else
		to[0] = 0;
}

static void home_put(
	struct model *model, const struct server_key *key, const struct process_key *instance)
{
	struct home *home;

	HASH_FIND(hh, model->homes, key, sizeof(*key), home);
	if (!home) {
		home = xcalloc(1, sizeof(*home));
		home->key = *key;
		HASH_ADD(hh, model->homes, key, sizeof(home->key), home);
	}
	home->instance = *instance;
}

/* Both ends are known: each learns of the other. */
static void backend_join(struct model *model, struct backend *backend)
{
	struct connection *conn = backend->client;

	if (!conn->told)
		conn->told = xcalloc(1, sizeof(*conn->told));
	conn->told->backend = backend->event.process;
	conn->told->postmaster = backend->event.postmaster;
	conn->told->pid_in_ns = backend->event.pid_in_ns;
	conn->told->snapshot = model->snapshots;
	name_put(conn->told->user, backend->event.user);
	name_put(conn->told->database, backend->event.database);
	name_put(conn->told->activity, backend->event.activity);
	home_put(model, &conn->ledger.server, &backend->event.postmaster);
	backend->joined = true;
	backend->opener = conn->ledger;
	backend->client_cookie = conn->cookie;
	backend->client_opened = conn->opened_at;
}

void backends_join(struct model *model)
{
	struct by_port backends = backends_sorted(model);
	struct instance *instance, *next;
	struct connection *conn, *next_conn;

	HASH_ITER (hh, model->connections, conn, next_conn) {
		if (backends.count && conn->ledger.server.family != AF_UNIX && conn->local_port)
			join_tcp(&backends, conn);
	}
	free(backends.rows);
	HASH_ITER (hh, model->instances, instance, next)
		for (size_t i = 0; i < instance->backend_count; i++) {
			struct backend *backend = &instance->backends[i];

			if (backend->event.local.family == AF_UNIX && backend->event.cookie)
				backend->client = connection_get(model, backend->event.cookie);
			if (backend->client && !backend->ambiguous)
				backend_join(model, backend);
			backend->client = NULL; /* it may be forgotten before the next snapshot */
		}
}

struct connection *backend_client(const struct model *model, const struct backend *backend)
{
	struct connection *conn =
		backend->joined ? connection_get(model, backend->client_cookie) : NULL;

	return conn && conn->opened_at == backend->client_opened ? conn : NULL;
}

/* A backend that is about to end because its client just did is none yet. */
bool backend_is_orphan(const struct model *model, const struct backend *backend)
{
	const struct connection *conn = backend_client(model, backend);

	if (!backend->closed_for)
		return false;
	if (conn && conn->ended_at)
		return model->now >= conn->ended_at + SECOND;
	return backend->closed_for > 1 || model->snapshots == 1;
}
