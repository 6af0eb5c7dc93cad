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
		.head = {EVENT_FAIL, sizeof(event), 0},
		.ledger = conn->ledger,
		.attempted_at = conn->attempted_at,
		.manner = manner,
		.error = error,
		.tid = conn->tid,
	};
	struct totals *totals;

	if (!connection_step(conn, PHASE_CONNECTING, PHASE_ENDED))
		return;
	event.head.time = bpf_ktime_get_boot_ns();
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

/* Current is the closer, whoever opened it. */
static void by_owner(const struct connection *conn, struct event_end *event)
{
	struct task_struct *task = bpf_get_current_task_btf();

	event->ending = ENDING_CLOSED;
	if (task->flags & PF_EXITING) {
		if (!conn->terminated)
			event->ending = ENDING_ABANDONED;
		event->manner = MANNER_EXIT;
		event->exit_code = task->exit_code;
	} else if (process_in_exec(task)) {
		event->manner = MANNER_EXEC;
	}
	event->tid = (__u32)task->pid;
	process_key_of(task, &event->closer);
	process_comm_of(task, event->comm);
}

/* After a Terminate the server's or the network's end is only its part of a clean ending. */
static void by_server(struct sock *sk, const struct connection *conn, struct event_end *event)
{
	event->ending = conn->terminated ? ENDING_CLOSED : ENDING_HUNG_UP;
	event->error = sk->sk_err;
	if (event->manner == MANNER_FIN && event->received)
		event->received--; /* the FIN counts as one */
}

__hidden void ending_reached(struct sock *sk, struct connection *conn, const struct ending_how *how)
{
	struct event_end event = {
		.head = {EVENT_END, sizeof(event), 0},
		.ledger = conn->ledger,
		.opened_at = conn->opened_at,
		.manner = how->manner,
		.held = how->held,
	};
	struct totals *totals;

	if (!connection_step(conn, PHASE_OPEN, how->held ? PHASE_HELD : PHASE_ENDED))
		return;
	event.head.time = bpf_ktime_get_boot_ns();
	event.cookie = conn->cookie;
	traffic(sk, &event.sent, &event.received);
	if (how->by_owner)
		by_owner(conn, &event);
	else
		by_server(sk, conn, &event);
	event.ending = refusal_or(sk, conn, &event);
	totals = ledger_find(conn);
	if (totals)
		ledger_end(totals, event.ending, how->held);
	output_detail(&event, sizeof(event));
}

__hidden void ending_released(struct sock *sk, struct connection *conn)
{
	struct event_release event = {
		.head = {EVENT_RELEASE, sizeof(event), 0},
		.ledger = conn->ledger,
	};
	struct totals *totals;

	if (!connection_step(conn, PHASE_HELD, PHASE_ENDED))
		return;
	event.head.time = bpf_ktime_get_boot_ns();
	totals = ledger_find(conn);
	if (totals)
		__sync_fetch_and_add(&totals->held, -1);
	event.cookie = conn->cookie;
	output_detail(&event, sizeof(event));
}
