/* SPDX-License-Identifier: BSD-2-Clause */
/* crowd.c: how many of a script, or to a server, are open at once, and were at most. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "model/state.h"

static struct crowd *crowd_find(const struct model *model, const void *name, size_t length)
{
	struct crowd *crowd;

	HASH_FIND(hh, model->crowds, name, length, crowd);
	return crowd;
}

const struct crowd *crowd_of_script(const struct model *model, const char *script)
{
	return crowd_find(model, script, strlen(script));
}

const struct crowd *crowd_of_server(const struct model *model, const struct server_key *key)
{
	return crowd_find(model, key, sizeof(*key));
}

static struct crowd *crowd_get(struct model *model, const void *name, size_t length)
{
	struct crowd *crowd = crowd_find(model, name, length);

	if (crowd)
		return crowd;
	crowd = xcalloc(1, sizeof(*crowd));
	crowd->name = xmemdup(name, length);
	crowd->length = length;
	HASH_ADD_KEYPTR(hh, model->crowds, crowd->name, length, crowd);
	return crowd;
}

static void crowd_free(struct model *model, struct crowd *crowd)
{
	HASH_DEL(model->crowds, crowd);
	free(crowd->name);
	free(crowd);
}

static void crowd_change(struct crowd *crowd, __s64 by)
{
	crowd->open += by;
	if (crowd->open > crowd->peak)
		crowd->peak = crowd->open;
}

/* A process got its first open connection, or lost its last. */
static void crowd_busy(struct crowd *crowd, struct process *process, __s64 by)
{
	__s64 before = process->open;

	process->open = before + by > 0 ? before + by : 0; /* its opening may be lost */
	crowd->busy += (process->open > 0) - (before > 0);
	if (crowd->busy > crowd->busy_peak)
		crowd->busy_peak = crowd->busy;
}

void crowds_change(struct model *model, const struct ledger_key *key, __s64 by)
{
	struct process *process = state_process(model, &key->process);
	const char *name = process && process->identified ? process->name.script : "?";
	struct crowd *script = crowd_get(model, name, strlen(name));

	crowd_change(crowd_get(model, &key->server, sizeof(key->server)), by);
	crowd_change(script, by);
	if (process)
		crowd_busy(script, process, by);
}

static void keep(struct model *model, const void *name, size_t length)
{
	struct crowd *crowd = crowd_find(model, name, length);

	if (crowd)
		crowd->kept = true;
}

void crowds_sweep(struct model *model)
{
	struct process *p, *next_process;
	struct ledger *ledger, *next_ledger;
	struct crowd *crowd, *next;

	HASH_ITER (hh, model->crowds, crowd, next)
		crowd->kept = false;
	keep(model, "?", 1);
	HASH_ITER (hh, model->ledgers, ledger, next_ledger) {
		keep(model, &ledger->key.server, sizeof(ledger->key.server));
	}
	HASH_ITER (hh, model->processes, p, next_process) {
		if (p->identified)
			keep(model, p->name.script, strlen(p->name.script));
	}
	HASH_ITER (hh, model->crowds, crowd, next) {
		if (!crowd->kept)
			crowd_free(model, crowd);
	}
}

void crowds_copy(struct model *to, const struct model *from)
{
	struct crowd *crowd, *next, *same;

	HASH_ITER (hh, from->crowds, crowd, next) {
		same = crowd_get(to, crowd->name, crowd->length);
		same->peak = crowd->peak;
		same->busy_peak = crowd->busy_peak;
	}
}

void crowds_free(struct model *model)
{
	struct crowd *crowd, *next;

	HASH_ITER (hh, model->crowds, crowd, next)
		crowd_free(model, crowd);
}
