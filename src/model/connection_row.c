/* SPDX-License-Identifier: BSD-2-Clause */
/* connection_row.c: one connection as the views are told of it: its own facts, the wire's, and its
 * server's side. */
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
	if (!c->ended_at && told->snapshot == model->snapshots)
		row->activity = told->activity;
}

void connection_row_fill(
	struct connection_row *row, const struct connection *c, const struct model *model)
{
	__u64 opened = connection_born(c);
	__u64 active = c->last_traffic > opened ? c->last_traffic : opened;
	__u64 end = c->ended_at ? c->ended_at : model->now;

	*row = (struct connection_row){
		.cookie = c->cookie,
		.opened_at = opened,
		.ended_at = c->ended_at,
		.age = end > opened ? end - opened : 0,
		.idle = end > active ? end - active : 0,
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
