/* SPDX-License-Identifier: BSD-2-Clause */
/* connection_row.c: one connection as the views are told of it: its own facts, the wire's, and its
 * server's side. */
#include <string.h>

#include "model/state.h"

static void connection_row_wire(struct connection_row *row, const struct event_wire *wire)
{
	static const struct event_wire nothing;

	if (!wire)
		wire = &nothing;
	row->user = wire->user;
	row->database = wire->database;
	row->application = wire->application;
	row->activity = "";
	row->backend_pid = row->backend_pid_in_ns = wire->backend_pid;
	row->encryption = (enum encryption)wire->encryption;
	row->purpose = (enum purpose)wire->purpose;
	row->sqlstate = wire->sqlstate;
	row->message = wire->message;
	row->refusal_inferred = wire->inferred;
}

static const char *connection_activity(const struct connection *c, const struct model *model)
{
	return c->told && !c->ended_at && c->told->snapshot == model->snapshots ? c->told->activity
										: "";
}

/* The backend's title tells what is so now; the wire told what was asked for at the start. */
static void connection_row_told(
	struct connection_row *row, const struct connection *c, const struct model *model)
{
	const struct told *told = c->told;

	row->at_least = c->attribution != ATTRIBUTION_CONNECT && !told;
	if (!told)
		return;
	row->backend_pid = told->backend.pid;
	if (told->pid_in_ns)
		row->backend_pid_in_ns = told->pid_in_ns;
	if (*told->user)
		row->user = told->user;
	if (*told->database)
		row->database = told->database;
	row->activity = connection_activity(c, model);
}

__u64 connection_quiet(const struct connection *c, const struct model *model)
{
	__u64 last = connection_born(c), end = c->ended_at ? c->ended_at : model->now;

	if (c->last_sent > last)
		last = c->last_sent;
	if (c->last_received > last)
		last = c->last_received;
	return end > last ? end - last : 0;
}

/* As long as a query runs no byte goes either way. Who can't see the backend sees who spoke last;
 * both in the same tick of the kernel's clock, as after a short query, is an answer. */
bool connection_is_busy(const struct connection *c, const struct model *model)
{
	const char *activity = connection_activity(c, model);

	if (c->ended_at)
		return false;
	return *activity ? strncmp(activity, "idle", 4) != 0 : c->last_sent > c->last_received;
}

void connection_row_fill(
	struct connection_row *row, const struct connection *c, const struct model *model)
{
	__u64 opened = connection_born(c), end = c->ended_at ? c->ended_at : model->now;
	__u64 quiet = connection_quiet(c, model);
	bool busy = connection_is_busy(c, model);

	*row = (struct connection_row){
		.cookie = c->cookie,
		.opened_at = opened,
		.ended_at = c->ended_at,
		.age = end > opened ? end - opened : 0,
		.quiet = quiet,
		.idle = busy ? 0 : quiet,
		.busy = busy,
		.sent = c->sent,
		.received = c->received,
		.server = c->ledger.server,
		.local_port = c->local_port,
		.ending = c->ending,
		.manner = c->manner,
		.error = c->error,
		.exit_code = c->exit_code,
		.closer = c->closer,
		.closer_comm = c->closer_comm,
		.attribution = c->attribution,
		.held = c->held,
		.comm = c->comm,
		.tid = c->tid,
		.holders = c->holders,
		.holder_count = c->holder_count,
		.server_path = state_path(model, &c->ledger.server),
	};
	connection_row_wire(row, c->wire);
	connection_row_told(row, c, model);
}
