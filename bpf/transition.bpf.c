// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * transition.bpf.c: the life of a connection, from connect() to its one ending, as changes of its
 * socket's state tell it.
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

/* 1: each socket that asks to be called back is (hook_socket hangs on the root of all cgroups). Set
 * by src/stream/live_load.c. */
__u32 sockets_call_back = 0;

/* 1: without that, changes of state could be missed. Set by ask_kernel(), read by
 * src/stream/live_load.c. */
__u32 callbacks_needed = 0;

/* Does the socket itself tell what the tracepoint tells? Before all that is open has been adopted both
 * are heard: somebody else may have asked for the callbacks of one that we do not know. */
__hidden bool transition_calls_back(struct sock *sk)
{
	struct tcp_sock *tcp;

	if (!tracepoints_preempted() || !sockets_call_back || adopting)
		return false;
	tcp = bpf_skc_to_tcp_sock(sk);
	return tcp && tcp->bpf_sock_ops_cb_flags & BPF_SOCK_OPS_STATE_CB_FLAG;
}

/* connect() has begun; the second who tells finds it CONNECTING. */
__hidden void transition_attempt(struct sock *sk, __u64 cookie)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct connection *conn;
	struct totals *totals;

	if (!scope_has(task))
		return;
	conn = connection_make(sk);
	if (!conn || conn->phase == PHASE_CONNECTING)
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
static void into_close(
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
	connection_established(sk, conn);
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
	case TCP_CLOSE: into_close(sk, conn, oldstate, &how); break;
	default: return;
	}
	ending_reached(sk, conn, &how);
	if (!how.held)
		ending_released(sk, conn);
}

/* Told by the tracepoint. */
__hidden void transition_told(struct sock *sk, int oldstate, int newstate)
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
__hidden void transition_called_back(struct sock *sk, int oldstate, int newstate)
{
	struct connection *conn;

	if (is_step(newstate))
		return;
	conn = connection_of(sk);
	if (conn && conn->phase != PHASE_ENDED)
		moves(sk, conn, oldstate, newstate);
}

__hidden void transition_destroyed(struct sock *sk)
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

/* What softirq transitions the kernel skipped, or came before us, the socket's state still shows. */
__hidden void transition_missed(struct sock *sk, struct connection *conn)
{
	struct ending_how how = {.manner = MANNER_FIN, .held = true};
	int state = sk->__sk_common.skc_state;

	if (state == TCP_ESTABLISHED)
		connection_established(sk, conn);
	else if (state == TCP_CLOSE_WAIT)
		ending_reached(sk, conn, &how);
}
