// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * connection.bpf.c: the life of a connection, from connect() to its one ending.
 *
 *            attempt            established              owner closes
 *   (none) ───────────▶ CONNECTING ───────────▶ OPEN ───────────────────▶ ENDED
 *                           │ failed             │ server ends it    ▲
 *                           ▼                    ▼                   │ descriptor closed
 *                         ENDED                 HELD ────────────────┘
 *
 * A change is told by a tracepoint. The kernel skips its program where it would run inside itself: in
 * a softirq that comes in between, never for what an owner does. Then the next thing the owner does
 * proves what must have happened: a close out of ESTABLISHED was established, a close out of
 * CLOSE_WAIT was hung up, a socket destroyed while we think it open was reset.
 *
 * Since Linux 7.0 an owner may be preempted in the program, and then the next one is skipped too.
 * There the socket's own callback tells (hooks.bpf.c), which is never skipped, and the tracepoint
 * steps aside; a connect() is told by both, and whoever comes first books it. Connections from
 * before us have no callback.
 */
#include "pgleaktrace.bpf.h"

/* 1 until the first snapshot is done (and again after LOSS_SOCKETS_FULL): unknown connections are
 * adopted. A close of an unknown one is then booked too, and leaves a mark so that the snapshot, a
 * moment late, does not adopt the dead. Set by src/stream/live_snapshot.c. */
__u32 adopting = 0;

/* 1: each socket that asks to be called back is (hook_socket hangs on the root of all cgroups). Set
 * by src/stream/live_load.c. */
__u32 sockets_call_back = 0;

/* 1: without that, changes of state could be missed. Set by ask_kernel(), read by
 * src/stream/live_load.c. */
__u32 callbacks_needed = 0;

/* Is the state one of several? To the verifier one question, where each == is a way of its own, which it
 * would go to the end. */
#define ONE(state) (1u << (state))

static __always_inline bool is_among(int state, __u32 several)
{
	return ONE(state & 31) & several;
}

/* Inserted: connection_attempt(), connection_adopt(). Deleted: by the kernel with the socket.
 * Read: here and in snapshot.bpf.c. Has no size; when the kernel has no memory for an entry the
 * connection is counted as LOSS_SOCKETS_FULL and adopted by the next snapshot. */
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

/* Does the socket itself tell what the tracepoint tells? Before all that is open has been adopted both
 * are heard: somebody else may have asked for the callbacks of one that we do not know. */
__hidden bool connection_calls_back(struct sock *sk)
{
	struct tcp_sock *tcp;

	if (!tracepoints_preempted() || !sockets_call_back || adopting)
		return false;
	tcp = bpf_skc_to_tcp_sock(sk);
	return tcp && tcp->bpf_sock_ops_cb_flags & BPF_SOCK_OPS_STATE_CB_FLAG;
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

/* connect() has begun; the second who tells finds it CONNECTING. */
__hidden void connection_attempt(struct sock *sk, __u64 cookie)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct connection *conn;
	struct totals *totals;

	if (!scope_has(task))
		return;
	conn = bpf_sk_storage_get(&connections, sk, 0, BPF_SK_STORAGE_GET_F_CREATE);
	if (!conn) {
		loss_count(LOSS_SOCKETS_FULL);
		return;
	}
	if (conn->phase == PHASE_CONNECTING)
		return;
	process_key_of(task, &conn->ledger.process);
	connection_server(sk, &conn->ledger.server);
	conn->attempted_at = bpf_ktime_get_boot_ns();
	conn->opened_at = 0;
	conn->cookie = cookie;
	if (conn->reading)
		wire_forget(sk);
	__builtin_memset(&conn->tail, 0, sizeof(*conn) - offsetof(struct connection, tail));
	conn->tid = (__u32)task->pid;
	conn->attribution = ATTRIBUTION_CONNECT;
	process_comm_of(task, conn->comm);
	conn->phase = PHASE_CONNECTING;
	process_introduce(task, &conn->ledger.process);
	totals = ledger_open(conn);
	if (totals)
		__sync_fetch_and_add(&totals->attempted, 1);
}

static void established(struct sock *sk, struct connection *conn)
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
		established((struct sock *)tcp, conn);
}

static enum manner manner_of_error(int error)
{
	return error == ETIMEDOUT ? MANNER_TIMEOUT : MANNER_RESET;
}

/* The network leaves its reason in sk_err before it changes the state; an owner's close() (still
 * connecting, unread data, SO_LINGER 0) leaves none. */
static void connect_failed(struct sock *sk, struct connection *conn)
{
	int error = sk->sk_err;

	if (error)
		ending_failed(
			sk, conn, error == ETIMEDOUT ? MANNER_TIMEOUT : MANNER_ERROR, error);
	else
		ending_failed(sk, conn, MANNER_GIVEN_UP, 0);
}

/* Into CLOSE at once. */
static void transition_close(
	struct sock *sk, struct connection *conn, int oldstate, struct ending_how *how)
{
	int error = sk->sk_err;

	if (error) {
		how->manner = manner_of_error(error);
		how->held = true;
	} else if (oldstate == TCP_CLOSE_WAIT && !conn->terminated) {
		how->manner = MANNER_FIN;
	} else {
		how->by_owner = true;
		how->manner = MANNER_RESET_BY_CLIENT;
	}
}

/* A connection opened before us, closing before the first snapshot reached it: adopted and ended
 * in one step, held by the one who closes it. */
static struct connection *adopt_closing(struct sock *sk, int oldstate)
{
	if (!is_among(oldstate, ONE(TCP_ESTABLISHED) | ONE(TCP_CLOSE_WAIT)))
		return NULL;
	connection_adopt(sk, bpf_get_current_task_btf());
	return connection_of(sk);
}

/* Between two that matter: FIN_WAIT2; SYN_RECV, when both ends call connect() at once. */
static bool is_step(int newstate)
{
	return is_among(newstate, ONE(TCP_FIN_WAIT2) | ONE(TCP_SYN_RECV));
}

/* Out of any state but these two: that proves it was established. After a Terminate the server's FIN
 * ends nothing: the client's close() is on its way and says who and how. */
static void moves(struct sock *sk, struct connection *conn, int oldstate, int newstate)
{
	struct ending_how how = {.manner = MANNER_FIN};

	if (is_among(oldstate, ONE(TCP_SYN_SENT) | ONE(TCP_SYN_RECV)) && newstate == TCP_CLOSE) {
		connect_failed(sk, conn);
		return;
	}
	established(sk, conn);
	switch (newstate) {
	case TCP_CLOSE_WAIT:
		if (conn->terminated)
			return;
		how.held = true;
		break;
	case TCP_FIN_WAIT1:
		how.by_owner = true;
		how.manner = MANNER_CLOSE;
		break;
	case TCP_LAST_ACK:
		if (conn->terminated) {
			how.by_owner = true;
			how.manner = MANNER_CLOSE;
		}
		break;
	case TCP_CLOSE: transition_close(sk, conn, oldstate, &how); break;
	default: return;
	}
	ending_reached(sk, conn, &how);
	if (!how.held)
		ending_released(sk, conn);
}

/* Told by the tracepoint. */
__hidden void connection_transition(struct sock *sk, int oldstate, int newstate)
{
	struct connection *conn;

	if (is_step(newstate))
		return;
	conn = connection_of(sk);
	if (!conn && is_among(newstate, ONE(TCP_FIN_WAIT1) | ONE(TCP_LAST_ACK)))
		conn = adopt_closing(sk, oldstate);
	if (conn && conn->phase != PHASE_ENDED)
		moves(sk, conn, oldstate, newstate);
}

/* Told by the socket's callback. */
__hidden void connection_called_back(struct sock *sk, int oldstate, int newstate)
{
	struct connection *conn;

	if (is_step(newstate))
		return;
	conn = connection_of(sk);
	if (conn && conn->phase != PHASE_ENDED)
		moves(sk, conn, oldstate, newstate);
}

__hidden void connection_destroyed(struct sock *sk)
{
	struct connection *conn = connection_of(sk);
	struct ending_how how = {.manner = manner_of_error(sk->sk_err)};

	if (!conn || conn->phase == PHASE_ENDED)
		return;
	if (conn->phase == PHASE_CONNECTING)
		ending_failed(sk, conn, MANNER_ERROR, sk->sk_err);
	else if (conn->phase == PHASE_OPEN)
		ending_reached(sk, conn, &how);
	else
		ending_released(sk, conn);
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
	conn = bpf_sk_storage_get(&connections, sk, 0, BPF_SK_STORAGE_GET_F_CREATE);
	if (!conn) {
		loss_count(LOSS_SOCKETS_FULL);
		return;
	}
	if (!connection_step(conn, PHASE_NONE, PHASE_CONNECTING))
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
	if (state == TCP_CLOSE_WAIT) /* until connection_repair(): together with nobody */
		__sync_fetch_and_add(&totals->open, 1);
	else
		ledger_raise_open(totals);
	emit_open(sk, conn);
}

/* What softirq transitions the kernel skipped, or came before us, the socket's state still shows. */
__hidden void connection_repair(struct sock *sk, struct connection *conn)
{
	struct ending_how how = {.manner = MANNER_FIN, .held = true};
	int state = sk->__sk_common.skc_state;

	if (state == TCP_ESTABLISHED)
		established(sk, conn);
	else if (state == TCP_CLOSE_WAIT)
		ending_reached(sk, conn, &how);
}
