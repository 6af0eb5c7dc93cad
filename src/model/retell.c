/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * retell.c: what is believed, told again as events: who the processes are, the connections that are
 * known, how each ended, the books. A copy has the servers' side too, which each look tells anew.
 */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "model/state.h"

struct teller {
	const struct model *model;
	model_tell *tell;
	void *data;
};

static struct event_head head_of(enum event_kind kind, __u64 time)
{
	return (struct event_head){.kind = kind, .time = time};
}

static void tell(const struct teller *t, union event *event, enum event_kind kind, __u64 time)
{
	event->head = head_of(kind, time);
	t->tell(t->data, event);
}

static void tell_process(const struct teller *t, const struct process *p)
{
	union event event = {0};

	if (p->identified || p->folded) {
		event.process = p->identity;
		event.process.process = p->key;
		event.process.folded = p->folded;
		tell(t, &event, EVENT_PROCESS, p->identity.head.time);
	}
	if (p->gone && !p->folded) {
		memset(&event, 0, sizeof(event));
		event.exit.process = p->key;
		event.exit.exit_code = p->exit_code;
		tell(t, &event, EVENT_EXIT, p->identity.head.time);
	}
}

static void tell_place(const struct teller *t, const struct place *p, __u64 time)
{
	union event event = {.place = {.key = p->key, .path = p->path}};

	tell(t, &event, EVENT_PLACE, time);
}

static void tell_opening(const struct teller *t, const struct connection *c)
{
	union event event = {.open = {.cookie = c->cookie,
				     .ledger = c->ledger,
				     .local_port = c->local_port,
				     .attribution = (__u16)c->attribution,
				     .tid = c->tid}};

	memcpy(event.open.local, c->local, sizeof(c->local));
	memcpy(event.open.comm, c->comm, sizeof(c->comm));
	tell(t, &event, EVENT_OPEN, c->opened_at);
	if (!c->wire)
		return;
	event.wire = *c->wire;
	event.wire.cookie = c->cookie;
	event.wire.ledger = c->ledger;
	tell(t, &event, EVENT_WIRE, c->opened_at);
}

static void tell_ending(const struct teller *t, const struct connection *c)
{
	union event event = {.end = {.cookie = c->cookie,
				     .ledger = c->ledger,
				     .opened_at = c->opened_at,
				     .sent = c->sent,
				     .received = c->received,
				     .closer = c->closer,
				     .ending = (__u16)c->ending,
				     .manner = (__u16)c->manner,
				     .error = c->error,
				     .exit_code = c->exit_code,
				     .held = c->held}};

	memcpy(event.end.comm, c->closer_comm, sizeof(c->closer_comm));
	tell(t, &event, EVENT_END, c->ended_at);
}

/* What the last look found: who holds it, what it has sent. */
static void tell_look(const struct teller *t, const struct connection *c)
{
	union event event = {.socket = {.cookie = c->cookie,
				     .ledger = c->ledger,
				     .opened_at = c->opened_at,
				     .sent = c->sent,
				     .received = c->received,
				     .last_sent = c->last_sent,
				     .last_received = c->last_received,
				     .local_port = c->local_port,
				     .open = !c->ended_at,
				     .attribution = (__u8)c->attribution}};

	if (c->ended_at && !c->held)
		return;
	memcpy(event.socket.local, c->local, sizeof(c->local));
	tell(t, &event, EVENT_SOCKET, t->model->now);
	for (size_t i = 0; i < c->holder_count; i++) {
		memset(&event, 0, sizeof(event));
		event.holder.cookie = c->cookie;
		event.holder.process.pid = c->holders[i].pid;
		event.holder.fd = c->holders[i].fd;
		tell(t, &event, EVENT_HOLDER, t->model->now);
	}
}

/* What the kernel has closed first: the books add it up. Ends that were never seen are among what is
 * told last. */
static void tell_ledger(const struct teller *t, const struct ledger *l)
{
	union event event = {.totals = {.ledger = l->key, .totals = l->settled, .gone = 1}};
	const struct process *p = state_process(t->model, &l->key.process);

	if (p && p->gone)
		tell(t, &event, EVENT_TOTALS, t->model->now);
	event.totals.totals = l->totals;
	event.totals.totals.unknown += l->unknown;
	event.totals.totals.open -= (__s64)l->unknown;
	event.totals.gone = 0;
	tell(t, &event, EVENT_TOTALS, t->model->now);
}

static int by_opening(const void *a, const void *b)
{
	const struct connection *x = *(struct connection *const *)a;
	const struct connection *y = *(struct connection *const *)b;

	if (x->opened_at != y->opened_at)
		return x->opened_at < y->opened_at ? -1 : 1;
	return x->cookie < y->cookie ? -1 : x->cookie > y->cookie;
}

static void tell_open(const struct teller *t)
{
	size_t n = 0;
	struct connection **open = xcalloc(HASH_COUNT(t->model->connections) + 1, sizeof(*open)),
			  *c, *next;

	HASH_ITER (hh, t->model->connections, c, next) {
		if (!c->ended_at)
			open[n++] = c;
	}
	qsort(open, n, sizeof(*open), by_opening);
	for (size_t i = 0; i < n; i++)
		tell_opening(t, open[i]);
	free(open);
}

static void tell_snapshot(const struct teller *t)
{
	union event event = {.snapshot = {.begins = 1, .number = 1}};
	struct connection *c, *next;
	struct ledger *l, *next_ledger;

	tell(t, &event, EVENT_SNAPSHOT, t->model->now);
	HASH_ITER (hh, t->model->connections, c, next)
		tell_look(t, c);
	HASH_ITER (hh, t->model->ledgers, l, next_ledger)
		tell_ledger(t, l);
	memset(&event, 0, sizeof(event));
	event.loss.losses = t->model->losses;
	tell(t, &event, EVENT_LOSS, t->model->now);
	memset(&event, 0, sizeof(event));
	event.snapshot.number = 1;
	tell(t, &event, EVENT_SNAPSHOT, t->model->now);
}

void model_retell(const struct model *model, model_tell *each, void *data)
{
	const struct teller t = {model, each, data};
	union event event = {.session = model->session};
	struct process *p, *next;
	struct place *place, *next_place;

	if (!model->has_session)
		return;
	tell(&t, &event, EVENT_SESSION, model->session.head.time);
	HASH_ITER (hh, model->processes, p, next)
		tell_process(&t, p);
	HASH_ITER (hh, model->places, place, next_place)
		tell_place(&t, place, model->started);
	for (const struct connection *c = model->ended_first; c; c = c->next_ended) {
		tell_opening(&t, c);
		tell_ending(&t, c);
	}
	tell_open(&t);
	tell_snapshot(&t);
	if (model->command.pid) {
		memset(&event, 0, sizeof(event));
		event.command = model->command;
		tell(&t, &event, EVENT_COMMAND, model->command.head.time);
	}
	if (model->stop) {
		memset(&event, 0, sizeof(event));
		event.stop.reason = model->stop;
		tell(&t, &event, EVENT_STOP, model->now);
	}
}

void model_tell_again(const struct model *model, model_tell *each, void *data)
{
	const struct teller t = {model, each, data};
	union event event = {.session = model->session};
	struct process *p, *next;
	struct place *place, *next_place;

	if (model->has_session)
		tell(&t, &event, EVENT_SESSION, model->session.head.time);
	HASH_ITER (hh, model->places, place, next_place)
		tell_place(&t, place, model->now);
	HASH_ITER (hh, model->processes, p, next) {
		if (!p->gone)
			tell_process(&t, p);
	}
}

static void believe(void *copy, const union event *event)
{
	model_apply(copy, event);
}

/* What the looks found of it, which no event of an ended one tells. */
static void looks_copy(struct connection *to, const struct connection *from)
{
	to->known_since = from->known_since;
	to->last_sent = from->last_sent;
	to->last_received = from->last_received;
	if (!from->told)
		return;
	to->told = xcalloc(1, sizeof(*to->told));
	*to->told = *from->told;
}

/* The ended are in the same order, the open have their cookie. */
static void connections_copy(struct model *copy, const struct model *model)
{
	struct connection *to = copy->ended_first, *c, *next;
	const struct connection *from = model->ended_first;

	for (; from && to; from = from->next_ended, to = to->next_ended)
		looks_copy(to, from);
	HASH_ITER (hh, model->connections, c, next) {
		to = c->ended_at ? NULL : connection_get(copy, c->cookie);
		if (to)
			looks_copy(to, c);
	}
}

struct model *model_copy(const struct model *model)
{
	struct model *copy = model_new();

	copy->keep_all = model->keep_all;
	model_retell(model, believe, copy);
	crowds_copy(copy, model);
	copy->forgotten = model->forgotten;
	copy->snapshots = model->snapshots;
	connections_copy(copy, model);
	servers_copy(copy, model);
	return copy;
}
