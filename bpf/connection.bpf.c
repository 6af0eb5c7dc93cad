// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * connection.bpf.c: what is kept of each connection, and how one becomes open: established, or met by
 * a look and adopted. What the kernel tells of its further life is read in transition.bpf.c.
 */
#include "pgleaktrace.bpf.h"

/* 1 until the first snapshot is done (and again after LOSS_SOCKETS_FULL): unknown connections are
 * adopted. A close of an unknown one is then booked too, and leaves a mark so that the snapshot, a
 * moment late, does not adopt the dead. Set by src/stream/live_snapshot.c. */
__u32 adopting = 0;

/* Inserted: connection_make(). Deleted: by the kernel with the socket. Read: here, and by
 * snapshot_sockets. Has no size; when the kernel has no memory for an entry the connection is counted as
 * LOSS_SOCKETS_FULL and adopted by the next snapshot. */
struct {
	__uint(type, BPF_MAP_TYPE_SK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct connection);
} connections SEC(".maps");

__hidden struct connection *connection_of(struct sock *sk)
{
	return bpf_sk_storage_get(&connections, sk, 0, 0);
}

__hidden struct connection *connection_of_packet(struct bpf_sock *sk)
{
	return bpf_sk_storage_get(&connections, sk, 0, 0);
}

/* The same, made if there is none. NULL: no memory, counted. */
__hidden struct connection *connection_make(struct sock *sk)
{
	struct connection *conn =
		bpf_sk_storage_get(&connections, sk, 0, BPF_SK_STORAGE_GET_F_CREATE);

	if (!conn)
		loss_count(LOSS_SOCKETS_FULL);
	return conn;
}

static void emit_open(struct sock *sk, struct connection *conn)
{
	struct event_open event = {
		.head = {EVENT_OPEN, sizeof(event), conn->opened_at},
		.cookie = conn->cookie,
		.ledger = conn->ledger,
		.attempted_at = conn->attempted_at,
		.attribution = conn->attribution,
		.tid = conn->tid,
	};

	connection_local(sk, event.local, &event.local_port);
	__builtin_memcpy(event.comm, conn->comm, sizeof(event.comm));
	output_detail(&event, sizeof(event));
}

/* Of two who tell, one finds it CONNECTING. */
__hidden void connection_established(struct sock *sk, struct connection *conn)
{
	struct totals *totals;

	if (!connection_step(conn, PHASE_CONNECTING, PHASE_OPEN))
		return;
	conn->opened_at = bpf_ktime_get_boot_ns();
	totals = ledger_find(conn);
	if (totals) {
		__sync_fetch_and_add(&totals->opened, 1);
		ledger_raise_open(totals);
	}
	emit_open(sk, conn);
}

/* Who sends has been established, even if the kernel skipped to tell. */
__hidden void connection_speaks(struct bpf_sock *sk, struct connection *conn)
{
	struct tcp_sock *tcp;

	if (conn->phase != PHASE_CONNECTING)
		return;
	tcp = bpf_skc_to_tcp_sock(sk);
	if (tcp)
		connection_established((struct sock *)tcp, conn);
}

/*
 * Takes a connection that was there before us into the books, under the first holder found.
 * NOEXIST-like: whoever creates the entry adopts, so holder two of a forked pair adds nothing.
 */
__hidden void connection_adopt(struct sock *sk, struct task_struct *holder)
{
	struct connection *conn = connection_of(sk);
	int state = sk->__sk_common.skc_state;
	struct totals *totals;

	if (!adopting || conn ||
		!is_among(state,
			ONE(TCP_ESTABLISHED) | ONE(TCP_SYN_SENT) | ONE(TCP_CLOSE_WAIT)))
		return;
	if (!scope_has(holder))
		return;
	conn = connection_make(sk);
	if (!conn || !connection_step(conn, PHASE_NONE, PHASE_CONNECTING))
		return;
	process_key_of(holder, &conn->ledger.process);
	connection_server(sk, &conn->ledger.server);
	conn->attribution = ATTRIBUTION_SNAPSHOT;
	conn->cookie = connection_cookie(sk);
	process_note(&conn->ledger.process);
	totals = ledger_open(conn);
	if (!totals)
		return;
	if (state == TCP_SYN_SENT) {
		__sync_fetch_and_add(&totals->attempted, 1);
		return;
	}
	if (!connection_step(conn, PHASE_CONNECTING, PHASE_OPEN))
		return;
	conn->opened_at = bpf_ktime_get_boot_ns();
	__sync_fetch_and_add(&totals->adopted, 1);
	if (state == TCP_CLOSE_WAIT) /* until transition_missed(): together with nobody */
		__sync_fetch_and_add(&totals->open, 1);
	else
		ledger_raise_open(totals);
	emit_open(sk, conn);
}
