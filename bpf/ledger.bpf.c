// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * ledger.bpf.c: the books, one ledger per process image and server. They are written before any
 * event is sent and are the only source of every count that is shown.
 */
#include "pgleaktrace.bpf.h"

/* Inserted: ledger_open(), at a process's first connect or adoption. Deleted: src/stream/live_snapshot.c,
 * once the process is gone and nothing of it is open. Read: both. Full: the connection is booked
 * in `untracked` and counted as LOSS_LEDGER_FULL. Never an LRU: this is the truth. Resized by
 * --max-tracked before load. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 16384);
	__type(key, struct ledger_key);
	__type(value, struct totals);
} ledgers SEC(".maps");

/* The ledger of everything that found no room above. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct totals);
} untracked SEC(".maps");

/* Where the connection was booked when it began: also when there is room again for its process. */
__hidden struct totals *ledger_find(const struct connection *conn)
{
	struct totals *totals = NULL;
	__u32 zero = 0;

	if (!conn->untracked)
		totals = bpf_map_lookup_elem(&ledgers, &conn->ledger);
	return totals ? totals : bpf_map_lookup_elem(&untracked, &zero);
}

__hidden struct totals *ledger_open(struct connection *conn)
{
	struct totals *totals = bpf_map_lookup_elem(&ledgers, &conn->ledger);
	struct totals fresh = {};

	conn->untracked = 0;
	if (totals)
		return totals;
	/* Another thread may come first: then NOEXIST fails and the look-up finds its entry. */
	bpf_map_update_elem(&ledgers, &conn->ledger, &fresh, BPF_NOEXIST);
	totals = bpf_map_lookup_elem(&ledgers, &conn->ledger);
	if (totals)
		return totals;
	conn->untracked = 1;
	loss_count(LOSS_LEDGER_FULL);
	return ledger_find(conn);
}

struct raise {
	struct totals *totals;
	__s64 now;
};

static long raise_peak(__u32 attempt, struct raise *raise)
{
	__s64 peak = raise->totals->peak;

	return raise->now <= peak || __sync_val_compare_and_swap(&raise->totals->peak, peak,
					     raise->now) == peak;
}

/* One more is open; the peak follows without a lock: a few tries are enough, and a try fails only
 * because somebody else raised it. */
GLOBAL int ledger_raise_open(struct totals *totals)
{
	struct raise raise = {.totals = totals};

	if (!totals)
		return 0;
	raise.now = __sync_fetch_and_add(&totals->open, 1) + 1;
	if (raise.now > totals->peak)
		bpf_loop(8, raise_peak, &raise, 0);
	return 0;
}

/* One less; `held`: a client still has the descriptor. */
GLOBAL int ledger_end(struct totals *totals, enum ending ending, bool held)
{
	if (!totals)
		return 0;
	if (ending == ENDING_CLOSED)
		__sync_fetch_and_add(&totals->closed, 1);
	else if (ending == ENDING_ABANDONED)
		__sync_fetch_and_add(&totals->abandoned, 1);
	else if (ending == ENDING_REFUSED)
		__sync_fetch_and_add(&totals->refused, 1);
	else if (ending == ENDING_HUNG_UP)
		__sync_fetch_and_add(&totals->hung_up, 1);
	else
		__sync_fetch_and_add(&totals->unknown, 1);
	__sync_fetch_and_add(&totals->open, -1);
	if (held)
		__sync_fetch_and_add(&totals->held, 1);
	return 0;
}
