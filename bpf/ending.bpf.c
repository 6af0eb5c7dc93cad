// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * ending.bpf.c: a connection's one end, and an attempt's: by whom, how, and whether it was a
 * refusal. Whoever takes the step of its phase books it.
 */
#include "pgleaktrace.bpf.h"

/* What a refusal looks like from outside: bytes of a StartupMessage, of an ErrorResponse (a
 * session's greeting is longer), of a TLS record that holds one; and how soon it comes. */
#define SHAPE_STARTUP_LEAST 16
#define SHAPE_STARTUP_MOST  1024
#define SHAPE_ERROR_LEAST   60
#define SHAPE_ERROR_MOST    256
#define SHAPE_RECORD_LEAST  96
#define SHAPE_RECORD_MOST   300
#define SHAPE_LIFE          10000000000ull /* ns */

__hidden void ending_failed(struct sock *sk, struct connection *conn, enum manner manner, int error)
{
	struct event_fail event = {
		.head = {EVENT_FAIL, sizeof(event), bpf_ktime_get_boot_ns()},
		.ledger = conn->ledger,
		.attempted_at = conn->attempted_at,
		.manner = manner,
		.error = error,
		.tid = conn->tid,
	};
	struct totals *totals;

	if (!connection_step(conn, PHASE_CONNECTING, PHASE_ENDED))
		return;
	totals = ledger_find(conn);
	if (totals)
		__sync_fetch_and_add(&totals->failed, 1);
	event.cookie = conn->cookie;
	__builtin_memcpy(event.comm, conn->comm, sizeof(event.comm));
	output_detail(&event, sizeof(event));
}

static void traffic(struct sock *sk, __u64 *sent, __u64 *received)
{
	struct tcp_sock *tcp = bpf_skc_to_tcp_sock(sk);

	if (!tcp)
		return;
	*sent = tcp->bytes_acked ? tcp->bytes_acked - 1 : 0; /* the SYN counts as one */
	*received = tcp->bytes_received;
}

/*
 * Could an end that nobody could read have been a refusal? Under TLS: the server's last record is
 * what an ErrorResponse fills and the greeting of a session exceeds; a close_notify after it says
 * nothing against it. Without the wire: it ended soon, after a few words of that length, and not
 * because a process died.
 */
static bool refused_by_shape(const struct connection *conn, const struct event_end *event)
{
	if (conn->started)
		return false;
	if (conn->reading)
		return conn->reply >= SHAPE_RECORD_LEAST && conn->reply < SHAPE_RECORD_MOST;
	return conn->attribution == ATTRIBUTION_CONNECT && event->manner != MANNER_EXIT &&
	       event->manner != MANNER_TIMEOUT && event->head.time - conn->opened_at < SHAPE_LIFE &&
	       event->sent >= SHAPE_STARTUP_LEAST && event->sent < SHAPE_STARTUP_MOST &&
	       event->received >= SHAPE_ERROR_LEAST && event->received < SHAPE_ERROR_MOST;
}

/* The FATAL before the session decides, whoever closes first after it. */
static __u16 refusal_or(struct sock *sk, struct connection *conn, const struct event_end *event)
{
	if (conn->refused)
		return ENDING_REFUSED;
	if (!refused_by_shape(conn, event))
		return event->ending;
	wire_infer(sk, conn);
	return ENDING_REFUSED;
}

/* The owner ended it: current is the closer, whoever opened it. */
__hidden void ending_by_owner(struct sock *sk, struct connection *conn, enum manner manner)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct event_end event = {
		.head = {EVENT_END, sizeof(event), bpf_ktime_get_boot_ns()},
		.ledger = conn->ledger,
		.opened_at = conn->opened_at,
		.ending = ENDING_CLOSED,
		.manner = manner,
		.tid = (__u32)task->pid,
	};
	struct totals *totals;

	if (!connection_step(conn, PHASE_OPEN, PHASE_ENDED))
		return;
	if (task->flags & PF_EXITING) {
		if (!conn->terminated)
			event.ending = ENDING_ABANDONED;
		event.manner = MANNER_EXIT;
		event.exit_code = task->exit_code;
	} else if (process_in_exec(task)) {
		event.manner = MANNER_EXEC;
	}
	traffic(sk, &event.sent, &event.received);
	event.ending = refusal_or(sk, conn, &event);
	totals = ledger_find(conn);
	if (totals)
		ledger_end(totals, event.ending, false);
	event.cookie = conn->cookie;
	process_key_of(task, &event.closer);
	process_comm_of(task, event.comm);
	output_detail(&event, sizeof(event));
}

/* The server or the network ended it; the descriptor is still there unless `gone`. After a
 * Terminate that is only the server's part of a clean ending. */
__hidden void ending_by_server(
	struct sock *sk, struct connection *conn, enum manner manner, bool gone)
{
	struct event_end event = {
		.head = {EVENT_END, sizeof(event), bpf_ktime_get_boot_ns()},
		.ledger = conn->ledger,
		.opened_at = conn->opened_at,
		.ending = conn->terminated ? ENDING_CLOSED : ENDING_HUNG_UP,
		.manner = manner,
		.error = sk->sk_err,
		.held = !gone,
	};
	struct totals *totals;

	if (!connection_step(conn, PHASE_OPEN, gone ? PHASE_ENDED : PHASE_HELD))
		return;
	traffic(sk, &event.sent, &event.received);
	if (manner == MANNER_FIN && event.received)
		event.received--; /* the FIN counts as one */
	event.ending = refusal_or(sk, conn, &event);
	totals = ledger_find(conn);
	if (totals)
		ledger_end(totals, event.ending, !gone);
	event.cookie = conn->cookie;
	output_detail(&event, sizeof(event));
}

__hidden void ending_released(struct sock *sk, struct connection *conn)
{
	struct event_release event = {
		.head = {EVENT_RELEASE, sizeof(event), bpf_ktime_get_boot_ns()},
		.ledger = conn->ledger,
	};
	struct totals *totals;

	if (!connection_step(conn, PHASE_HELD, PHASE_ENDED))
		return;
	totals = ledger_find(conn);
	if (totals)
		__sync_fetch_and_add(&totals->held, -1);
	event.cookie = conn->cookie;
	output_detail(&event, sizeof(event));
}
