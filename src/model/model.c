/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * model.c: events in. One function per kind; each changes only what its fact says. Counts are
 * taken over from the kernel's ledgers; events only give the details.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "model/state.h"

struct process *state_process(const struct model *model, const struct process_key *key)
{
	struct process *process;

	HASH_FIND(hh, model->processes, key, sizeof(*key), process);
	return process;
}

struct ledger *state_ledger(const struct model *model, const struct ledger_key *key)
{
	struct ledger *ledger;

	HASH_FIND(hh, model->ledgers, key, sizeof(*key), ledger);
	return ledger;
}

static struct process *process_get(struct model *model, const struct process_key *key)
{
	struct process *process = state_process(model, key);

	if (process)
		return process;
	process = xcalloc(1, sizeof(*process));
	process->key = *key;
	HASH_ADD(hh, model->processes, key, sizeof(process->key), process);
	return process;
}

static struct ledger *ledger_get(struct model *model, const struct ledger_key *key)
{
	struct ledger *ledger = state_ledger(model, key);

	if (ledger)
		return ledger;
	ledger = xcalloc(1, sizeof(*ledger));
	ledger->key = *key;
	HASH_ADD(hh, model->ledgers, key, sizeof(ledger->key), ledger);
	return ledger;
}

static struct connection *connection_get(const struct model *model, __u64 cookie)
{
	struct connection *conn;

	HASH_FIND(hh, model->connections, &cookie, sizeof(cookie), conn);
	return conn;
}

static const char *copy_text(char **to, const char *text)
{
	size_t n = text ? strlen(text) + 1 : 0;
	char *at = *to;

	if (!text)
		return NULL;
	memcpy(at, text, n);
	*to += n;
	return at;
}

static size_t text_room(const char *text)
{
	return text ? strlen(text) + 1 : 0;
}

/* An identity's plain texts; argv and the ancestors' have a length of their own. */
static const size_t identity_texts[] = {
	offsetof(struct event_process, comm),
	offsetof(struct event_process, cwd),
	offsetof(struct event_process, exe),
	offsetof(struct event_process, user),
	offsetof(struct event_process, container),
	offsetof(struct event_process, unit),
	offsetof(struct event_process, library),
	offsetof(struct event_process, library_sign),
	offsetof(struct event_process, library_config),
	offsetof(struct event_process, source),
};
#define IDENTITY_TEXTS (sizeof(identity_texts) / sizeof(identity_texts[0]))

static const char **identity_text(struct event_process *e, size_t i)
{
	return (const char **)(void *)((char *)e + identity_texts[i]);
}

static size_t identity_room(const struct event_process *e)
{
	size_t room = e->argv_length + 1;

	for (size_t i = 0; i < IDENTITY_TEXTS; i++)
		room += text_room(*identity_text((struct event_process *)e, i));
	for (__u32 i = 0; i < e->ancestor_count; i++)
		room += e->ancestors[i].argv_length + 1 + text_room(e->ancestors[i].comm);
	return room;
}

static const char *copy_argv(char **to, const char *argv, __u32 length)
{
	char *at = *to;

	memcpy(at, argv, length);
	*to += length + 1;
	return at;
}

/* Copies an identity with all its strings into one block. */
static void identity_keep(struct process *process, const struct event_process *e)
{
	struct event_process *own = &process->identity;
	char *to;

	free(process->arena);
	process->arena = to = xcalloc(1, identity_room(e));
	*own = *e;
	own->argv = copy_argv(&to, e->argv, e->argv_length);
	for (size_t i = 0; i < IDENTITY_TEXTS; i++)
		*identity_text(own, i) = copy_text(&to, *identity_text(own, i));
	for (__u32 i = 0; i < e->ancestor_count; i++) {
		struct ancestor *a = &own->ancestors[i];

		a->argv = copy_argv(&to, a->argv, a->argv_length);
		a->comm = copy_text(&to, a->comm);
	}
	process->identified = true;
}

static void apply_process(struct model *model, const struct event_process *e)
{
	struct process *process = process_get(model, &e->process);

	identity_keep(process, e);
	script_free(&process->name);
	script_identify(&process->name, e->argv, e->argv_length, e->comm, e->exe, e->cwd);
	free(process->wrapper);
	process->wrapper = NULL;
	for (__u32 i = 0; i < e->ancestor_count && !process->wrapper; i++)
		process->wrapper =
			script_wrapper(e->ancestors[i].argv, e->ancestors[i].argv_length);
}

static void apply_exit(struct model *model, const struct event_exit *e)
{
	struct process *process = process_get(model, &e->process);

	process->gone = true;
	process->exit_code = e->exit_code;
}

void server_crowd_name(char *out, size_t size, const struct server_key *key)
{
	__u64 address[2];

	memcpy(address, key->address, sizeof(address));
	snprintf(out, size, "/%llx:%llx/%u/%u", (unsigned long long)address[0],
		(unsigned long long)address[1], key->port, key->netns);
}

static struct crowd *crowd_get(struct model *model, const char *name)
{
	struct crowd *crowd;

	HASH_FIND_STR(model->crowds, name, crowd);
	if (crowd)
		return crowd;
	crowd = xcalloc(1, sizeof(*crowd));
	crowd->name = xstrdup(name);
	HASH_ADD_KEYPTR(hh, model->crowds, crowd->name, strlen(crowd->name), crowd);
	return crowd;
}

static void crowd_change(struct crowd *crowd, __s64 by)
{
	crowd->open += by;
	if (crowd->open > crowd->peak)
		crowd->peak = crowd->open;
}

/* One more or one fewer is open: of the opener's script, and to the server. */
static void crowds_change(struct model *model, const struct ledger_key *key, __s64 by)
{
	struct process *process = state_process(model, &key->process);
	char server[80];

	server_crowd_name(server, sizeof(server), &key->server);
	crowd_change(crowd_get(model, server), by);
	crowd_change(
		crowd_get(model, process && process->identified ? process->name.script : "?"), by);
}

static void connection_free(struct connection *conn)
{
	free(conn->holders);
	free(conn->wire);
	free(conn);
}

static void forget_oldest_ended(struct model *model)
{
	struct connection *oldest = model->ended_first;

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

static void apply_end_at(struct model *model, struct connection *conn, __u64 time)
{
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
	crowds_change(model, ledger, 1);
	return conn;
}

static void apply_open(struct model *model, const struct event_open *e)
{
	struct connection *conn = connection_add(model, e->cookie, &e->ledger, e->head.time);

	process_get(model, &e->ledger.process);
	conn->local_port = e->local_port;
	memcpy(conn->local, e->local, sizeof(conn->local));
	conn->attribution = (enum attribution)e->attribution;
	conn->tid = e->tid;
	memcpy(conn->comm, e->comm, sizeof(conn->comm));
	conn->comm[EVENT_COMM - 1] = 0;
}

static void apply_end(struct model *model, const struct event_end *e)
{
	struct connection *conn = connection_get(model, e->cookie);

	if (!conn || conn->ended_at) { /* its opening was lost with the ring */
		if (conn)
			return;
		conn = connection_add(model, e->cookie, &e->ledger, e->opened_at);
		conn->attribution = ATTRIBUTION_CONNECT;
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
	apply_end_at(model, conn, e->head.time);
}

static void apply_release(struct model *model, const struct event_release *e)
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
static void apply_wire(struct model *model, const struct event_wire *e)
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

static void apply_place(struct model *model, const struct event_place *e)
{
	struct place *place;

	HASH_FIND(hh, model->places, &e->key, sizeof(e->key), place);
	if (place || !e->path)
		return;
	place = xcalloc(1, sizeof(*place));
	place->key = e->key;
	place->path = xstrdup(e->path);
	HASH_ADD(hh, model->places, key, sizeof(place->key), place);
}

const char *state_path(const struct model *model, const struct server_key *key)
{
	struct place *place;

	HASH_FIND(hh, model->places, key, sizeof(*key), place);
	return place ? place->path : NULL;
}

static void apply_socket(struct model *model, const struct event_socket *e)
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
	conn->local_port = e->local_port;
	memcpy(conn->local, e->local, sizeof(conn->local));
	conn->sent = e->sent;
	conn->received = e->received;
	conn->last_traffic = e->last_sent > e->last_received ? e->last_sent : e->last_received;
}

static void apply_holder(struct model *model, const struct event_holder *e)
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

static void snapshot_begins(struct model *model)
{
	struct connection *conn, *next_conn;
	struct ledger *ledger, *next;

	HASH_ITER (hh, model->connections, conn, next_conn)
		conn->holder_count = 0;
	HASH_ITER (hh, model->ledgers, ledger, next)
		ledger->alive = 0;
}

/* What the books hold open and no snapshot finds, twice running and unchanged, ended unseen. */
static void snapshot_ends(struct model *model)
{
	struct ledger *ledger, *next;

	HASH_ITER (hh, model->ledgers, ledger, next) {
		__s64 missing = ledger->totals.open - ledger->alive - (__s64)ledger->unknown;

		if (missing > 0 && missing == ledger->missing) {
			ledger->unknown += (__u64)missing;
			model->losses.drift += (__u64)missing;
			missing = 0;
		}
		ledger->missing = missing > 0 ? missing : 0;
	}
}

static void apply_snapshot(struct model *model, const struct event_snapshot *e)
{
	if (e->begins)
		snapshot_begins(model);
	else
		snapshot_ends(model);
}

static void totals_add(struct totals *to, const struct totals *from)
{
	to->attempted += from->attempted;
	to->opened += from->opened;
	to->failed += from->failed;
	to->adopted += from->adopted;
	to->closed += from->closed;
	to->abandoned += from->abandoned;
	to->hung_up += from->hung_up;
	to->refused += from->refused;
	to->unknown += from->unknown;
	to->open += from->open;
	to->held += from->held;
	if (from->peak > to->peak)
		to->peak = from->peak;
}

static void apply_totals(struct model *model, const struct event_totals *e)
{
	struct ledger *ledger = ledger_get(model, &e->ledger);

	process_get(model, &e->ledger.process);
	ledger->totals = e->totals;
	if (e->gone) {
		totals_add(&ledger->settled, &e->totals);
		memset(&ledger->totals, 0, sizeof(ledger->totals));
		process_get(model, &e->ledger.process)->gone = true;
	}
}

static void apply_loss(struct model *model, const struct event_loss *e)
{
	__u64 drift = model->losses.drift;

	model->losses = e->losses;
	model->losses.drift = drift; /* found here, not in the kernel */
}

static void apply_session(struct model *model, const struct event_session *e)
{
	char *to;

	free(model->session_texts);
	model->session_texts = to =
		xcalloc(1, text_room(e->host) + text_room(e->kernel) + text_room(e->version) + 1);
	model->session = *e;
	model->session.host = copy_text(&to, e->host);
	model->session.kernel = copy_text(&to, e->kernel);
	model->session.version = copy_text(&to, e->version);
	model->started = e->head.time;
	model->has_session = true;
}

void model_apply(struct model *model, const union event *event)
{
	if (event->head.time > model->now)
		model->now = event->head.time;
	switch ((enum event_kind)event->head.kind) {
	case EVENT_PROCESS: apply_process(model, &event->process); break;
	case EVENT_EXIT: apply_exit(model, &event->exit); break;
	case EVENT_OPEN: apply_open(model, &event->open); break;
	case EVENT_END: apply_end(model, &event->end); break;
	case EVENT_RELEASE: apply_release(model, &event->release); break;
	case EVENT_SNAPSHOT: apply_snapshot(model, &event->snapshot); break;
	case EVENT_SOCKET: apply_socket(model, &event->socket); break;
	case EVENT_HOLDER: apply_holder(model, &event->holder); break;
	case EVENT_TOTALS: apply_totals(model, &event->totals); break;
	case EVENT_LOSS: apply_loss(model, &event->loss); break;
	case EVENT_SESSION: apply_session(model, &event->session); break;
	case EVENT_STOP: model->stop = (enum stop_reason)event->stop.reason; break;
	case EVENT_WIRE: apply_wire(model, &event->wire); break;
	case EVENT_PLACE: apply_place(model, &event->place); break;
	case EVENT_BACKEND:
	case EVENT_SERVER:
	case EVENT_FAIL: /* counted in the ledger; shown by the views that show events */
	case EVENT_NONE:
	case EVENT_KINDS: break;
	}
}

struct model *model_new(void)
{
	return xcalloc(1, sizeof(struct model));
}

static void free_connections(struct model *model)
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

void model_free(struct model *model)
{
	struct process *process, *next_process;
	struct ledger *ledger, *next_ledger;
	struct crowd *crowd, *next_crowd;
	struct place *place, *next_place;

	if (!model)
		return;
	free_connections(model);
	HASH_ITER (hh, model->processes, process, next_process) {
		HASH_DEL(model->processes, process);
		script_free(&process->name);
		free(process->wrapper);
		free(process->arena);
		free(process);
	}
	HASH_ITER (hh, model->ledgers, ledger, next_ledger) {
		HASH_DEL(model->ledgers, ledger);
		free(ledger);
	}
	HASH_ITER (hh, model->crowds, crowd, next_crowd) {
		HASH_DEL(model->crowds, crowd);
		free(crowd->name);
		free(crowd);
	}
	HASH_ITER (hh, model->places, place, next_place) {
		HASH_DEL(model->places, place);
		free(place->path);
		free(place);
	}
	free(model->session_texts);
	free(model);
}

const struct event_process *model_process(const struct model *model, const struct process_key *key)
{
	struct process *process = state_process(model, key);

	return process && process->identified ? &process->identity : NULL;
}

const char *model_script(const struct model *model, const struct process_key *key)
{
	struct process *process = state_process(model, key);

	return process && process->identified ? process->name.script : NULL;
}

const char *model_path(const struct model *model, const struct server_key *key)
{
	return state_path(model, key);
}

const struct event_session *model_session(const struct model *model)
{
	return model->has_session ? &model->session : NULL;
}
