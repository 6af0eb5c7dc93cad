/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * model.c: events in. One function per kind, in the file of the noun it speaks of; each changes only
 * what its fact says. Counts are taken over from the kernel's ledgers; events only give the details.
 *
 *   process.c     who a process is
 *   ledger.c      the books of a process with a server
 *   crowd.c       how many of a script, or to a server, are open at once
 *   place.c       where unix servers' sockets lie
 *   series.c      what metrics count
 *   connection.c  the life of a connection
 *   join.c        which connection each backend serves
 *   servers.c     the servers on this host and their backends
 *   fold.c        the long gone, together
 *   reconcile.c   the kernel's counts, and the snapshot that checks them: it calls those above
 */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/texts.h"
#include "model/state.h"

static void apply_loss(struct model *model, const struct event_loss *e)
{
	__u64 drift = model->losses.drift;

	model->losses = e->losses;
	/* Found here, not in the kernel; or by the model that is told again. */
	if (drift > e->losses.drift)
		model->losses.drift = drift;
}

static void apply_session(struct model *model, const struct event_session *e)
{
	struct event_session *own = &model->session;

	free(model->session_texts);
	*own = *e;
	model->session_texts =
		texts_keep((const char **const[]){&own->host, &own->kernel, &own->version, NULL});
	model->started = e->head.time;
	model->has_session = true;
}

static void apply_command(struct model *model, const struct event_command *e)
{
	free(model->command_argv);
	model->command_argv = xcalloc(1, e->argv_length + 1u);
	if (e->argv_length)
		memcpy(model->command_argv, e->argv, e->argv_length);
	model->command = *e;
	model->command.argv = model->command_argv;
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
	case EVENT_COMMAND: apply_command(model, &event->command); break;
	case EVENT_PLACE: apply_place(model, &event->place); break;
	case EVENT_BACKEND: apply_backend(model, &event->backend); break;
	case EVENT_SERVER: apply_server(model, &event->server); break;
	case EVENT_FAIL: /* counted in the ledger; shown by the views that show events */
	case EVENT_NONE:
	case EVENT_KINDS: break;
	}
}

struct model *model_new(void)
{
	return xcalloc(1, sizeof(struct model));
}

struct model *model_for(const struct query *query)
{
	struct model *model = model_new();

	model->keep_all = query->pid || query->cmdline || query->group_by == GROUP_PROCESS;
	return model;
}

void model_free(struct model *model)
{
	struct process *process, *next_process;
	struct ledger *ledger, *next_ledger;

	if (!model)
		return;
	connections_free(model);
	HASH_ITER (hh, model->processes, process, next_process) {
		HASH_DEL(model->processes, process);
		process_free(process);
	}
	HASH_ITER (hh, model->ledgers, ledger, next_ledger) {
		HASH_DEL(model->ledgers, ledger);
		free(ledger);
	}
	crowds_free(model);
	places_free(model);
	servers_free(model);
	series_free(model);
	free(model->session_texts);
	free(model->command_argv);
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

const struct event_wire *model_wire(const struct model *model, __u64 cookie)
{
	const struct connection *conn = connection_get(model, cookie);

	return conn ? conn->wire : NULL;
}

const struct event_session *model_session(const struct model *model)
{
	return model->has_session ? &model->session : NULL;
}
