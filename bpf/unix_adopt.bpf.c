// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * unix_adopt.bpf.c: a connection that a look finds open, and that is in no book: it was there before us or,
 * where connect() can't be hooked, has been made since the last look.
 */
#include "unix.bpf.h"

static __noinline bool found(struct sock *sk, const struct ledger_key *key)
{
	struct unix_connection fresh = {
		.cookie = bpf_get_socket_cookie(sk),
		.born = snapshot_number,
		.base.ledger = *key,
		.base.opened_at = bpf_ktime_get_boot_ns(),
		.base.attribution = ATTRIBUTION_SNAPSHOT,
		.base.phase = PHASE_OPEN,
	};

	return unix_track(&fresh, sk);
}

/* Was what a look finds there before us? Asked anew wherever it matters: Linux 6.1 takes an answer
 * that is kept across calls for a constant. */
static bool was_there(void)
{
	return snapshot_number <= 1 || unix_hooked;
}

/* Whose end is it? False: none of ours, or it is asked again when all who listen have been seen. */
static __noinline bool server_known(
	struct server_key *key, struct sock *server_end, struct task_struct *holder)
{
	int told = unix_server_of(key, address_of(server_end));

	if (told == TOLD_NAME && !unix_asked_left(key, holder) && !listeners_known) {
		listeners_wanted = 1;
		return false;
	}
	return told != TOLD_NOTHING;
}

/* A connection found open: there before us (adopted) or, where connect() can't be hooked, made
 * since the last look (opened). */
__hidden void unix_adopt(struct sock *sk, struct sock *server_end, struct task_struct *holder)
{
	struct unix_connection *conn;
	struct ledger_key key;
	struct totals *totals;

	if (!was_there() && unix_state(server_end) == TCP_CLOSE)
		return; /* counted at its backend's exit */
	process_key_at(&key.process, address_of(holder));
	if (!scope_has(holder) || !server_known(&key.server, server_end, holder) || !found(sk, &key))
		return;
	unix_hold(holder);
	process_note(&key.process);
	conn = unix_find(bpf_get_socket_cookie(sk));
	if (!conn)
		return;
	totals = ledger_open(&conn->base);
	if (totals) {
		if (was_there()) {
			__sync_fetch_and_add(&totals->adopted, 1);
		} else {
			__sync_fetch_and_add(&totals->attempted, 1);
			__sync_fetch_and_add(&totals->opened, 1);
		}
		if (unix_state(server_end) == TCP_CLOSE) /* until it is settled: together with nobody */
			__sync_fetch_and_add(&totals->open, 1);
		else
			ledger_raise_open(totals);
	}
	unix_emit_open(conn);
}
