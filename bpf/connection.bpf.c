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
 * Each change is told twice, by a tracepoint and by the socket's own callback (hooks.bpf.c), and
 * whoever comes first books it: the kernel skips a tracepoint's program that would run inside
 * itself, never a callback. Connections from before us have no callback. Of theirs, and where there
 * is no cgroup2, what the network does in softirq may be skipped (since Linux 7.0, what owners do
 * too, when one is preempted in the program); then the next thing the owner does proves what must
 * have happened: a close out of ESTABLISHED was established, a close out of CLOSE_WAIT was hung up,
 * a socket destroyed while we think it open was reset.
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
#define SHAPE_LIFE	    10000000000ull /* ns */

/* Set before load, see --port. */
const volatile __u16 watched_ports[EVENT_PORTS] = {5432};
const volatile __u32 watched_count = 1;

/* 1 until the first snapshot is done (and again after LOSS_SOCKETS_FULL): unknown connections are
 * adopted. A close of an unknown one is then booked too, and leaves a mark so that the snapshot, a
 * moment late, does not adopt the dead. Set by src/stream/live.c. */
__u32 adopting = 0;

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

__hidden __u64 connection_cookie(struct sock *sk)
{
	return bpf_get_socket_cookie(sk);
}

__hidden bool port_watched(__u16 port)
{
	for (__u32 i = 0; i < EVENT_PORTS; i++)
		if (i < watched_count && watched_ports[i] == port)
			return true;
	return false;
}

/* The destination port decides: a client whose own ephemeral port is 5432 is not a client of ours. */
__hidden bool connection_watched(struct sock *sk)
{
	return port_watched(bpf_ntohs(sk->__sk_common.skc_dport));
}

__hidden struct connection *connection_of_packet(struct bpf_sock *sk)
{
	return bpf_sk_storage_get(&connections, sk, 0, 0);
}

static void map_address(__u8 *to, __be32 v4)
{
	__builtin_memset(to, 0, 10);
	to[10] = to[11] = 0xff;
	__builtin_memcpy(to + 12, &v4, sizeof(v4));
}

/* AF_INET for a v4-mapped address too: that is what it is on the wire. */
__hidden __u16 address_family(const __u8 *a)
{
	const __u64 *high = (const void *)a;
	const __u32 *mid = (const void *)(a + 8);

	return *high == 0 && *mid == bpf_htonl(0xffff) ? AF_INET : AF_INET6;
}

/* The other end. */
__hidden void connection_remote(struct sock *sk, __u8 *address, __u16 *port)
{
	if (sk->__sk_common.skc_family == AF_INET)
		map_address(address, sk->__sk_common.skc_daddr);
	else
		bpf_core_read(address, 16, &sk->__sk_common.skc_v6_daddr);
	*port = bpf_ntohs(sk->__sk_common.skc_dport);
}

static void server_of(struct sock *sk, struct server_key *server)
{
	connection_remote(sk, server->address, &server->port);
	server->netns = BPF_CORE_READ(sk, __sk_common.skc_net.net, ns.inum);
	server->family = address_family(server->address);
}

/* The local end. skc_num is 0 at the CLOSE transition; inet_sport still has the port. */
__hidden void connection_local(struct sock *sk, __u8 *address, __u16 *port)
{
	if (sk->__sk_common.skc_family == AF_INET)
		map_address(address, sk->__sk_common.skc_rcv_saddr);
	else
		bpf_core_read(address, 16, &sk->__sk_common.skc_v6_rcv_saddr);
	*port = bpf_ntohs(BPF_CORE_READ((struct inet_sock *)sk, inet_sport));
}

static bool step(struct connection *conn, enum phase from, enum phase to)
{
	return __sync_val_compare_and_swap(&conn->phase, from, to) == from;
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
	server_of(sk, &conn->ledger.server);
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

	if (!step(conn, PHASE_CONNECTING, PHASE_OPEN))
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

static void failed(struct sock *sk, struct connection *conn, enum manner manner, int error)
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

	if (!step(conn, PHASE_CONNECTING, PHASE_ENDED))
		return;
	totals = ledger_find(conn);
	if (totals)
		__sync_fetch_and_add(&totals->failed, 1);
	event.cookie = conn->cookie;
	__builtin_memcpy(event.comm, conn->comm, sizeof(event.comm));
	output_detail(&event, sizeof(event));
}

static void book_ending(struct totals *totals, enum ending ending, bool held)
{
	if (ending == ENDING_CLOSED)
		__sync_fetch_and_add(&totals->closed, 1);
	else if (ending == ENDING_ABANDONED)
		__sync_fetch_and_add(&totals->abandoned, 1);
	else if (ending == ENDING_REFUSED)
		__sync_fetch_and_add(&totals->refused, 1);
	else
		__sync_fetch_and_add(&totals->hung_up, 1);
	__sync_fetch_and_add(&totals->open, -1);
	if (held)
		__sync_fetch_and_add(&totals->held, 1);
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
	       event->manner != MANNER_TIMEOUT &&
	       event->head.time - conn->opened_at < SHAPE_LIFE &&
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
static void ended_by_owner(struct sock *sk, struct connection *conn, enum manner manner)
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

	if (!step(conn, PHASE_OPEN, PHASE_ENDED))
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
		book_ending(totals, event.ending, false);
	event.cookie = conn->cookie;
	process_key_of(task, &event.closer);
	process_comm_of(task, event.comm);
	output_detail(&event, sizeof(event));
}

/* The server or the network ended it; the descriptor is still there unless `gone`. After a
 * Terminate that is only the server's part of a clean ending. */
static void ended_by_server(struct sock *sk, struct connection *conn, enum manner manner, bool gone)
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

	if (!step(conn, PHASE_OPEN, gone ? PHASE_ENDED : PHASE_HELD))
		return;
	traffic(sk, &event.sent, &event.received);
	if (manner == MANNER_FIN && event.received)
		event.received--; /* the FIN counts as one */
	event.ending = refusal_or(sk, conn, &event);
	totals = ledger_find(conn);
	if (totals)
		book_ending(totals, event.ending, !gone);
	event.cookie = conn->cookie;
	output_detail(&event, sizeof(event));
}

static void released(struct sock *sk, struct connection *conn)
{
	struct event_release event = {
		.head = {EVENT_RELEASE, sizeof(event), bpf_ktime_get_boot_ns()},
		.ledger = conn->ledger,
	};
	struct totals *totals;

	if (!step(conn, PHASE_HELD, PHASE_ENDED))
		return;
	totals = ledger_find(conn);
	if (totals)
		__sync_fetch_and_add(&totals->held, -1);
	event.cookie = conn->cookie;
	output_detail(&event, sizeof(event));
}

static enum manner manner_of_error(int error)
{
	return error == ETIMEDOUT ? MANNER_TIMEOUT : MANNER_RESET;
}

/* Into CLOSE at once. The network leaves its reason in sk_err before it changes the state; an
 * owner's close (unread data, SO_LINGER 0, still connecting) leaves none. */
static void transition_close(struct sock *sk, struct connection *conn, int oldstate)
{
	int error = sk->sk_err;

	if (oldstate == TCP_SYN_SENT) {
		if (!error)
			failed(sk, conn, MANNER_GIVEN_UP, 0);
		else
			failed(sk, conn, error == ETIMEDOUT ? MANNER_TIMEOUT : MANNER_ERROR, error);
		return;
	}
	established(sk, conn);
	if (conn->phase == PHASE_HELD) {
		if (!error)
			released(sk, conn);
	} else if (error) {
		ended_by_server(sk, conn, manner_of_error(error), false);
	} else if (oldstate == TCP_CLOSE_WAIT && !conn->terminated) {
		ended_by_server(sk, conn, MANNER_FIN, true);
	} else {
		ended_by_owner(sk, conn, MANNER_RESET_BY_CLIENT);
	}
}

/* A connection opened before us, closing before the first snapshot reached it: adopted and ended
 * in one step, held by the one who closes it. */
static struct connection *adopt_closing(struct sock *sk, int oldstate)
{
	if (oldstate != TCP_ESTABLISHED && oldstate != TCP_CLOSE_WAIT)
		return NULL;
	connection_adopt(sk, bpf_get_current_task_btf());
	return connection_of(sk);
}

static void moves(struct sock *sk, struct connection *conn, int oldstate, int newstate)
{
	switch (newstate) {
	case TCP_ESTABLISHED: established(sk, conn); break;
	case TCP_CLOSE_WAIT:
		established(sk, conn);
		/* After a Terminate the client's close() is on its way and says who and how. */
		if (!conn->terminated)
			ended_by_server(sk, conn, MANNER_FIN, false);
		break;
	case TCP_FIN_WAIT1:
		established(sk, conn);
		ended_by_owner(sk, conn, MANNER_CLOSE);
		break;
	case TCP_LAST_ACK:
		established(sk, conn);
		if (conn->terminated)
			ended_by_owner(sk, conn, MANNER_CLOSE);
		ended_by_server(sk, conn, MANNER_FIN, true);
		released(sk, conn);
		break;
	case TCP_CLOSE: transition_close(sk, conn, oldstate); break;
	}
}

/* Told by the tracepoint. */
__hidden void connection_transition(struct sock *sk, int oldstate, int newstate)
{
	struct connection *conn = connection_of(sk);

	if (!conn && (newstate == TCP_FIN_WAIT1 || newstate == TCP_LAST_ACK))
		conn = adopt_closing(sk, oldstate);
	if (conn)
		moves(sk, conn, oldstate, newstate);
}

/* Told by the socket's callback: only of connections whose connect() was seen. */
__hidden void connection_called_back(struct sock *sk, int oldstate, int newstate)
{
	struct connection *conn = connection_of(sk);

	if (conn && newstate != TCP_SYN_SENT)
		moves(sk, conn, oldstate, newstate);
}

__hidden void connection_destroyed(struct sock *sk)
{
	struct connection *conn = connection_of(sk);

	if (!conn)
		return;
	if (conn->phase == PHASE_CONNECTING)
		failed(sk, conn, MANNER_ERROR, sk->sk_err);
	else if (conn->phase == PHASE_OPEN)
		ended_by_server(sk, conn, manner_of_error(sk->sk_err), true);
	else
		released(sk, conn);
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
		(state != TCP_ESTABLISHED && state != TCP_SYN_SENT && state != TCP_CLOSE_WAIT))
		return;
	if (!scope_has(holder))
		return;
	conn = bpf_sk_storage_get(&connections, sk, 0, BPF_SK_STORAGE_GET_F_CREATE);
	if (!conn) {
		loss_count(LOSS_SOCKETS_FULL);
		return;
	}
	if (!step(conn, PHASE_NONE, PHASE_CONNECTING))
		return;
	process_key_of(holder, &conn->ledger.process);
	server_of(sk, &conn->ledger.server);
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
	if (!step(conn, PHASE_CONNECTING, PHASE_OPEN))
		return;
	conn->opened_at = bpf_ktime_get_boot_ns();
	__sync_fetch_and_add(&totals->adopted, 1);
	ledger_raise_open(totals);
	emit_open(sk, conn);
	if (state == TCP_CLOSE_WAIT)
		ended_by_server(sk, conn, MANNER_FIN, false);
}

/* What softirq transitions the kernel skipped, the socket's state still shows. */
__hidden void connection_repair(struct sock *sk, struct connection *conn)
{
	int state = sk->__sk_common.skc_state;

	if (state == TCP_ESTABLISHED)
		established(sk, conn);
	else if (state == TCP_CLOSE_WAIT)
		ended_by_server(sk, conn, MANNER_FIN, false);
}
