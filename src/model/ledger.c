/* SPDX-License-Identifier: BSD-2-Clause */
/* ledger.c: the books of one process image with one server; reconcile.c writes into them. */
#include "base/mem.h"
#include "model/state.h"

struct ledger *state_ledger(const struct model *model, const struct ledger_key *key)
{
	struct ledger *ledger;

	HASH_FIND(hh, model->ledgers, key, sizeof(*key), ledger);
	return ledger;
}

struct ledger *ledger_get(struct model *model, const struct ledger_key *key)
{
	struct ledger *ledger = state_ledger(model, key);

	if (ledger)
		return ledger;
	ledger = xcalloc(1, sizeof(*ledger));
	ledger->key = *key;
	HASH_ADD(hh, model->ledgers, key, sizeof(ledger->key), ledger);
	return ledger;
}

bool ledger_is_empty(const struct ledger *l)
{
	return !(l->totals.attempted + l->totals.adopted + l->settled.attempted +
		 l->settled.adopted);
}

__u64 ledger_open(const struct ledger *l)
{
	__s64 open = l->totals.open + l->settled.open - (__s64)l->unknown;

	return open > 0 ? (__u64)open : 0;
}

void totals_add(struct totals *to, const struct totals *from)
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
