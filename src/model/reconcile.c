/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * reconcile.c: the books are taken over from the kernel, and a snapshot checks them: a look at all
 * that is open begins, tells, and ends.
 */
#include <string.h>

#include "model/state.h"

static void snapshot_begins(struct model *model)
{
	struct ledger *ledger, *next;

	model->snapshots++;
	connections_unhold(model);
	servers_begin(model);
	HASH_ITER (hh, model->ledgers, ledger, next)
		ledger->alive = 0;
}

/* What the books hold open and no snapshot finds, twice running and unchanged, ended unseen. */
static void snapshot_ends(struct model *model, __u64 time)
{
	struct ledger *ledger, *next;

	HASH_ITER (hh, model->ledgers, ledger, next) {
		__s64 missing = ledger->totals.open - ledger->alive - (__s64)ledger->unknown;

		if (missing > 0 && missing == ledger->missing) {
			ledger->unknown += (__u64)missing;
			model->losses.drift += (__u64)missing;
			series_count(model, ledger);
			missing = 0;
		}
		ledger->missing = missing > 0 ? missing : 0;
	}
	servers_end(model, time);
}

bool model_is_certain(const struct model *model)
{
	for (const struct ledger *ledger = model->ledgers; ledger; ledger = ledger->hh.next)
		if (ledger->missing)
			return false;
	return true;
}

void apply_snapshot(struct model *model, const struct event_snapshot *e)
{
	if (e->begins) {
		snapshot_begins(model);
		return;
	}
	snapshot_ends(model, e->head.time);
	series_sweep(model);
	fold_gone(model, GONE_MOST, KINDS_MOST);
}

/* Of what the books hold open some ended unseen, never more than they hold: in a storm two looks can
 * miss as many and mean others, whose ends the books then tell. */
static void take_back_unknown(struct model *model, struct ledger *ledger)
{
	__s64 open = ledger->totals.open > 0 ? ledger->totals.open : 0;
	__s64 excess = (__s64)ledger->unknown - open;

	if (excess <= 0)
		return;
	ledger->unknown -= (__u64)excess;
	model->losses.drift -= (__u64)excess;
}

void apply_totals(struct model *model, const struct event_totals *e)
{
	struct ledger *ledger = ledger_get(model, &e->ledger);

	process_get(model, &e->ledger.process);
	ledger->totals = e->totals;
	if (e->gone) {
		totals_add(&ledger->settled, &e->totals);
		memset(&ledger->totals, 0, sizeof(ledger->totals));
		process_went(model, process_get(model, &e->ledger.process));
	}
	take_back_unknown(model, ledger);
	series_count(model, ledger);
}
