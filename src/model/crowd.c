/* SPDX-License-Identifier: BSD-2-Clause */
/* crowd.c: how many of a script, or to a server, are open at once, and were at most. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "model/state.h"

void server_crowd_name(char *out, size_t size, const struct server_key *key)
{
	__u64 address[2];

	memcpy(address, key->address, sizeof(address));
	snprintf(out, size, "/%llx:%llx/%u/%u", (unsigned long long)address[0],
		(unsigned long long)address[1], key->port, key->netns);
}

const struct crowd *crowd_find(const struct model *model, const char *name)
{
	struct crowd *crowd;

	HASH_FIND_STR(model->crowds, name, crowd);
	return crowd;
}

static struct crowd *crowd_get(struct model *model, const char *name)
{
	struct crowd *crowd = (struct crowd *)crowd_find(model, name);

	if (crowd)
		return crowd;
	crowd = xcalloc(1, sizeof(*crowd));
	crowd->name = xstrdup(name);
	HASH_ADD_KEYPTR(hh, model->crowds, crowd->name, strlen(crowd->name), crowd);
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
	struct crowd *script =
		crowd_get(model, process && process->identified ? process->name.script : "?");
	char server[80];

	server_crowd_name(server, sizeof(server), &key->server);
	crowd_change(crowd_get(model, server), by);
	crowd_change(script, by);
	if (process)
		crowd_busy(script, process, by);
}

static void keep(struct model *model, const char *name)
{
	struct crowd *crowd = (struct crowd *)crowd_find(model, name);

	if (crowd)
		crowd->kept = true;
}

void crowds_sweep(struct model *model)
{
	struct process *p, *next_process;
	struct ledger *ledger, *next_ledger;
	struct crowd *crowd, *next;
	char server[80];

	HASH_ITER (hh, model->crowds, crowd, next)
		crowd->kept = false;
	keep(model, "?");
	HASH_ITER (hh, model->ledgers, ledger, next_ledger) {
		server_crowd_name(server, sizeof(server), &ledger->key.server);
		keep(model, server);
	}
	HASH_ITER (hh, model->processes, p, next_process) {
		if (p->identified)
			keep(model, p->name.script);
	}
	HASH_ITER (hh, model->crowds, crowd, next) {
		if (!crowd->kept)
			crowd_free(model, crowd);
	}
}

void crowds_free(struct model *model)
{
	struct crowd *crowd, *next;

	HASH_ITER (hh, model->crowds, crowd, next)
		crowd_free(model, crowd);
}
