/* SPDX-License-Identifier: BSD-2-Clause */
/* connection.c: the life of each connection as events tell it, and what the wire said of it. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "model/state.h"

struct connection *connection_get(const struct model *model, __u64 cookie)
{
	struct connection *conn;

	HASH_FIND(hh, model->connections, &cookie, sizeof(cookie), conn);
	return conn;
}

static void connection_free(struct connection *conn)
{
	free(conn->holders);
	free(conn->wire);
	free(conn->told);
	free(conn);
}

static void forget_oldest_ended(struct model *model)
{
	struct connection *oldest = model->ended_first;

	assert(oldest != model->ended_last);
	/* One whose descriptor is still held is alive: it goes to the end of the line. */
	model->ended_first = oldest->next_ended;
	oldest->next_ended = NULL;
	if (oldest->held) {
		model->ended_last->next_ended = oldest;
		model->ended_last = oldest;
		return;
	}
	if (oldest->current)
		HASH_DEL(model->connections, oldest);
	connection_free(oldest);
	model->ended_count--;
	model->forgotten++;
}

/* A socket that connects again keeps its cookie: the old connection stays, no longer current. */
static void connection_supersede(struct model *model, struct connection *old)
{
	HASH_DEL(model->connections, old);
	old->current = false;
}

/* It is open together with the others that were seen open. */
static void connection_count(struct model *model, struct connection *conn)
{
	if (conn->counted)
		return;
	conn->counted = true;
	crowds_change(model, &conn->ledger, 1);
}

static void apply_end_at(struct model *model, struct connection *conn, __u64 time)
{
	if (conn->counted)
		crowds_change(model, &conn->ledger, -1);
	conn->ended_at = time;
	if (model->ended_last)
		model->ended_last->next_ended = conn;
	else
		model->ended_first = conn;
	model->ended_last = conn;
	if (++model->ended_count > ENDED_MOST)
		forget_oldest_ended(model);
}

static struct connection *connection_add(
	struct model *model, __u64 cookie, const struct ledger_key *ledger, __u64 opened_at)
{
	struct connection *old = connection_get(model, cookie), *conn;

	if (old && !old->ended_at) { /* its end was lost with the ring */
		old->ending = ENDING_UNKNOWN;
		apply_end_at(model, old, opened_at);
	}
	if (old)
		connection_supersede(model, old);
	conn = xcalloc(1, sizeof(*conn));
	conn->cookie = cookie;
	conn->ledger = *ledger;
	conn->opened_at = opened_at;
	conn->current = true;
	HASH_ADD(hh, model->connections, cookie, sizeof(conn->cookie), conn);
	return conn;
}

/* One that was there before us may have been hung up before: whether it is open, the look says. */
void apply_open(struct model *model, const struct event_open *e)
{
	struct connection *conn = connection_add(model, e->cookie, &e->ledger, e->head.time);

	process_get(model, &e->ledger.process);
	conn->local_port = e->local_port;
	memcpy(conn->local, e->local, sizeof(conn->local));
	conn->attribution = (enum attribution)e->attribution;
	conn->tid = e->tid;
	memcpy(conn->comm, e->comm, sizeof(conn->comm));
	conn->comm[EVENT_COMM - 1] = 0;
	if (conn->attribution == ATTRIBUTION_CONNECT)
		connection_count(model, conn);
}

void apply_end(struct model *model, const struct event_end *e)
{
	struct connection *conn = connection_get(model, e->cookie);

	if (!conn || conn->ended_at) { /* its opening was lost with the ring */
		if (conn)
			return;
		conn = connection_add(model, e->cookie, &e->ledger, e->opened_at);
		conn->attribution = ATTRIBUTION_CONNECT;
		connection_count(model, conn);
	}
	conn->ending = (enum ending)e->ending;
	conn->manner = (enum manner)e->manner;
	conn->error = e->error;
	conn->exit_code = e->exit_code;
	conn->closer = e->closer;
	conn->held = e->held;
	conn->sent = e->sent;
	conn->received = e->received;
	memcpy(conn->closer_comm, e->comm, sizeof(conn->closer_comm));
	conn->closer_comm[EVENT_COMM - 1] = 0;
	series_lifetime(model, conn, e->head.time);
	apply_end_at(model, conn, e->head.time);
}

void apply_release(struct model *model, const struct event_release *e)
{
	struct connection *conn = connection_get(model, e->cookie);

	if (conn)
		conn->held = false;
}

static void wire_add(char *to, const char *from, size_t size)
{
	if (*from)
		memcpy(to, from, size);
	to[size - 1] = 0;
}

/* Each record of the wire adds to what the ones before it said. */
void apply_wire(struct model *model, const struct event_wire *e)
{
	struct connection *conn = connection_get(model, e->cookie);
	struct event_wire *wire;

	if (!conn)
		return;
	if (!conn->wire)
		conn->wire = xcalloc(1, sizeof(*conn->wire));
	wire = conn->wire;
	if (e->backend_pid)
		wire->backend_pid = e->backend_pid;
	if (e->encryption)
		wire->encryption = e->encryption;
	if (e->purpose)
		wire->purpose = e->purpose;
	wire->started |= e->started;
	wire->inferred |= e->inferred;
	wire_add(wire->sqlstate, e->sqlstate, sizeof(wire->sqlstate));
	wire_add(wire->user, e->user, sizeof(wire->user));
	wire_add(wire->database, e->database, sizeof(wire->database));
	wire_add(wire->application, e->application, sizeof(wire->application));
	wire_add(wire->message, e->message, sizeof(wire->message));
}

void apply_socket(struct model *model, const struct event_socket *e)
{
	struct connection *conn = connection_get(model, e->cookie);

	if (e->open)
		ledger_get(model, &e->ledger)->alive++;
	if (!conn && e->open) { /* its opening was lost with the ring */
		conn = connection_add(model, e->cookie, &e->ledger, e->opened_at);
		conn->attribution = (enum attribution)e->attribution;
	}
	if (!conn || (conn->ended_at && !conn->held))
		return;
	if (e->open && !conn->ended_at)
		connection_count(model, conn);
	conn->local_port = e->local_port;
	memcpy(conn->local, e->local, sizeof(conn->local));
	conn->sent = e->sent;
	conn->received = e->received;
	conn->last_sent = e->last_sent;
	conn->last_received = e->last_received;
	if (!conn->known_since)
		conn->known_since = e->last_sent && e->last_sent < e->last_received
					    ? e->last_sent
					    : e->last_received;
}

void apply_holder(struct model *model, const struct event_holder *e)
{
	struct connection *conn = connection_get(model, e->cookie);

	if (!conn)
		return;
	conn->holders = xrealloc(conn->holders, (conn->holder_count + 1) * sizeof(*conn->holders));
	conn->holders[conn->holder_count].pid = e->process.pid;
	conn->holders[conn->holder_count++].fd = e->fd;
	if (conn->attribution == ATTRIBUTION_SNAPSHOT && e->process.pid != conn->ledger.process.pid)
		conn->attribution = ATTRIBUTION_INHERITED;
}

void connections_unhold(struct model *model)
{
	struct connection *conn, *next;

	HASH_ITER (hh, model->connections, conn, next)
		conn->holder_count = 0;
}

void connections_free(struct model *model)
{
	struct connection *conn, *next;

	HASH_ITER (hh, model->connections, conn, next) {
		HASH_DEL(model->connections, conn);
		if (!conn->ended_at)
			connection_free(conn);
	}
	for (conn = model->ended_first; conn; conn = next) {
		next = conn->next_ended;
		connection_free(conn);
	}
}
