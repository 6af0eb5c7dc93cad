// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * unix.bpf.c: the life of a connection through a unix socket. The kernel has no hook for its end,
 * so it is put together from what is seen of both ends (docs/UNIX.md):
 *
 *   connect()             cgroup/connect_unix      CONNECTING: who, before success is known
 *   the server accepts    cgroup/getsockname_unix  OPEN: PostgreSQL asks for its own address
 *   a client exits        sched_process_exit       its last descriptors: abandoned
 *   a backend exits       sched_process_exit       client's end alive: hung up; gone: closed
 *   a snapshot            iterators                everything else, at most an interval late
 *
 * The struct sock of a closed end stays while the other end lives; so a closed client is still
 * there to be seen until its backend is gone.
 */
#include "unix.bpf.h"

/* The truth about what is not over, by the client's socket cookie. Inserted: unix_connects(),
 * unix_adopt(). Deleted: here, at the one ending; where connect() can't be hooked, when both ends
 * are gone. Read: all of unix*.bpf.c. Full: counted as LOSS_SOCKETS_FULL, and adopted by a later
 * snapshot. Resized by --max-tracked before load. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 65536);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, __u64);
	__type(value, struct unix_connection);
} unix_connections SEC(".maps");

/* A mark in the client's socket, so that an iterator finds it. Inserted: with the entry above.
 * Deleted: by the kernel with the socket. Read: unix_snapshot.bpf.c, unix_accepted(). */
struct {
	__uint(type, BPF_MAP_TYPE_SK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, __u64); /* cookie */
} unix_marks SEC(".maps");

/* Room for one event: the stack of a program is 512 bytes. Inserted, read: unix_infer(), by the
 * exiting backend's processor. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct event_wire);
} unix_words SEC(".maps");

/* 1: connect() is hooked, so what a later snapshot finds unknown was missed, not new. */
const volatile __u32 unix_hooked = 0;

__hidden struct unix_connection *unix_find(__u64 cookie)
{
	return cookie ? bpf_map_lookup_elem(&unix_connections, &cookie) : NULL;
}

static void forget(__u64 cookie)
{
	struct unix_connection *conn = unix_find(cookie);

	if (conn && conn->leaving)
		unix_last_forget(cookie);
	bpf_map_delete_elem(&unix_connections, &cookie);
}

__hidden void unix_emit_open(struct unix_connection *conn)
{
	struct event_open event = {
		.head = {EVENT_OPEN, sizeof(event), conn->base.opened_at},
		.cookie = conn->cookie,
		.ledger = conn->base.ledger,
		.attempted_at = conn->base.attempted_at,
		.attribution = conn->base.attribution,
		.tid = conn->base.tid,
	};

	__builtin_memcpy(event.comm, conn->base.comm, sizeof(event.comm));
	output_detail(&event, sizeof(event));
}

/* As the others that are GLOBAL here: each is asked for in many places. */
GLOBAL int unix_opened(__u64 cookie, __u64 when)
{
	struct unix_connection *conn = unix_find(cookie);
	struct totals *totals;

	if (!conn)
		return 0;
	conn->base.opened_at = when;
	if (!connection_step(&conn->base, PHASE_CONNECTING, PHASE_OPEN))
		return 0;
	totals = ledger_open(&conn->base);
	if (totals) {
		__sync_fetch_and_add(&totals->attempted, 1);
		__sync_fetch_and_add(&totals->opened, 1);
		ledger_raise_open(totals);
	}
	unix_emit_open(conn);
	return 0;
}

GLOBAL int unix_fail(__u64 cookie, enum manner manner)
{
	struct unix_connection *conn = unix_find(cookie);
	struct event_fail event = {
		.head = {EVENT_FAIL, sizeof(event), bpf_ktime_get_boot_ns()},
		.cookie = cookie,
		.manner = manner,
	};
	struct totals *totals;

	if (!conn || !connection_step(&conn->base, PHASE_CONNECTING, PHASE_ENDED))
		return 0;
	unix_asked_server(&conn->base.ledger.server);
	event.ledger = conn->base.ledger;
	event.attempted_at = conn->base.attempted_at;
	event.tid = conn->base.tid;
	totals = ledger_open(&conn->base);
	if (totals) {
		__sync_fetch_and_add(&totals->attempted, 1);
		__sync_fetch_and_add(&totals->failed, 1);
	}
	__builtin_memcpy(event.comm, conn->base.comm, sizeof(event.comm));
	output_detail(&event, sizeof(event));
	forget(cookie);
	return 0;
}

/* It was refused, but that was not read. */
__hidden void unix_infer(const struct ledger_key *ledger, __u64 cookie)
{
	__u32 zero = 0;
	struct event_wire *words = bpf_map_lookup_elem(&unix_words, &zero);

	if (!words)
		return;
	words->head.kind = EVENT_WIRE;
	words->head.size = sizeof(*words);
	words->head.time = bpf_ktime_get_boot_ns();
	words->cookie = cookie;
	words->ledger = *ledger;
	words->inferred = 1;
	output_detail(words, sizeof(*words));
}

/* `manner`: MANNER_EXIT when current is the closer. */
GLOBAL int unix_end(__u64 cookie, enum ending ending, enum manner manner, bool held)
{
	struct unix_connection *conn = unix_find(cookie);
	struct event_end event = {
		.head = {EVENT_END, sizeof(event), bpf_ktime_get_boot_ns()},
		.cookie = cookie,
		.ending = ending,
		.manner = manner,
		.held = held,
	};
	struct totals *totals;

	if (!conn || !connection_step(&conn->base, PHASE_OPEN, held ? PHASE_HELD : PHASE_ENDED))
		return 0;
	event.ledger = conn->base.ledger;
	event.opened_at = conn->base.opened_at;
	if (manner == MANNER_EXIT) {
		struct task_struct *task = bpf_get_current_task_btf();

		process_key_of(task, &event.closer);
		event.exit_code = task->exit_code;
		event.tid = (__u32)task->pid;
		bpf_get_current_comm(event.comm, sizeof(event.comm));
	}
	totals = ledger_find(&conn->base);
	if (totals)
		ledger_end(totals, ending, held);
	output_detail(&event, sizeof(event));
	if (!held && unix_hooked) /* else its backend's exit must find that it was counted */
		forget(cookie);
	return 0;
}

/* The descriptor of a connection that the server ended is closed at last. */
GLOBAL int unix_release(__u64 cookie)
{
	struct unix_connection *conn = unix_find(cookie);
	struct event_release event = {
		.head = {EVENT_RELEASE, sizeof(event), bpf_ktime_get_boot_ns()},
		.cookie = cookie,
	};
	struct totals *totals;

	if (!conn || !connection_step(&conn->base, PHASE_HELD, PHASE_ENDED))
		return 0;
	event.ledger = conn->base.ledger;
	totals = ledger_find(&conn->base);
	if (totals)
		__sync_fetch_and_add(&totals->held, -1);
	output_detail(&event, sizeof(event));
	forget(cookie);
	return 0;
}

/* Its socket is gone while no exit took it along: somebody who lives closed it. */
static void closed(struct unix_connection *conn)
{
	__u64 cookie = conn->cookie;
	bool seen = conn->elsewhere != ELSEWHERE_UNSEEN || conn->base.terminated;

	unix_end(cookie, seen ? ENDING_CLOSED : ENDING_UNKNOWN, seen ? MANNER_CLOSE : MANNER_NONE,
		false);
	unix_release(cookie);
}

/* PostgreSQL tells of each connection that it is there; a relay need not. Whoever closed one before
 * it was seen was connected. */
static void relayed(struct unix_connection *conn)
{
	if (conn->base.phase == PHASE_CONNECTING && unix_is_relay(&conn->base.ledger.server))
		unix_opened(conn->cookie, conn->base.attempted_at);
}

static void hung_up(struct unix_connection *conn)
{
	bool goodbye = conn->base.terminated;

	unix_end(conn->cookie, goodbye ? ENDING_CLOSED : ENDING_HUNG_UP,
		goodbye ? MANNER_CLOSE : MANNER_FIN, true);
}

/* Brings what we believe up to what the client's struct sock shows. */
GLOBAL int unix_settle(__u64 cookie, __u64 socket)
{
	struct unix_connection *conn = unix_find(cookie);
	struct sock *client_end = (void *)socket;
	struct sock *server_end = unix_peer(client_end);

	if (!conn)
		return 0;
	if (!unix_alive(client_end)) {
		relayed(conn);
		if (conn->base.phase != PHASE_CONNECTING)
			closed(conn);
		return 0; /* still connecting: the server's end, or its absence, will tell */
	}
	if (!server_end)
		return 0;
	unix_open(conn, (__u64)server_end);
	if (conn->base.phase == PHASE_OPEN && unix_state(server_end) == TCP_CLOSE)
		hung_up(conn);
	return 0;
}

/* No struct sock of it is left. */
__hidden void unix_vanished(struct unix_connection *conn)
{
	__u64 cookie = conn->cookie;

	relayed(conn);
	if (conn->base.phase == PHASE_CONNECTING)
		unix_fail(cookie, MANNER_ERROR);
	else
		closed(conn);
	forget(cookie);
}

__hidden bool unix_track(const struct unix_connection *fresh, void *sk)
{
	__u64 cookie = fresh->cookie;
	__u64 *mark = bpf_sk_storage_get(&unix_marks, sk, 0, BPF_SK_STORAGE_GET_F_CREATE);

	if (!mark || bpf_map_update_elem(&unix_connections, &cookie, fresh, BPF_NOEXIST)) {
		loss_count(LOSS_SOCKETS_FULL);
		return false;
	}
	*mark = cookie;
	return true;
}

/* Not inlined, as the next one: the stack of a program is 512 bytes. */
static __noinline bool connects_again(__u64 cookie, struct sock *client)
{
	struct unix_connection *before = unix_find(cookie);

	if (before && (before->base.phase != PHASE_CONNECTING || unix_peer(client)))
		return false; /* EISCONN */
	if (before)
		unix_fail(cookie, MANNER_ERROR);
	return true;
}

static __noinline bool attempt(struct bpf_sock_addr *ctx, const struct ledger_key *key)
{
	struct bpf_sock *sk = ctx->sk;
	struct unix_connection fresh = {
		.cookie = bpf_get_socket_cookie(ctx),
		.born = snapshot_number,
		.base.ledger = *key,
		.base.attempted_at = bpf_ktime_get_boot_ns(),
		.base.tid = (__u32)bpf_get_current_pid_tgid(),
		.base.attribution = ATTRIBUTION_CONNECT,
		.base.phase = PHASE_CONNECTING,
	};

	bpf_get_current_comm(fresh.base.comm, sizeof(fresh.base.comm));
	return sk && unix_track(&fresh, sk);
}

__hidden int unix_connects(struct bpf_sock_addr *ctx)
{
	struct bpf_sock *sk = ctx->sk;
	struct sock *client = sk ? (struct sock *)bpf_skc_to_unix_sock(sk) : NULL;
	struct task_struct *task = bpf_get_current_task_btf();
	struct ledger_key key;

	if (!client || !scope_has(task) || !unix_asked_key(&key.server, ctx, client) ||
		!connects_again(bpf_get_socket_cookie(ctx), client))
		return 1;
	process_key_of(task, &key.process);
	if (attempt(ctx, &key)) {
		unix_hold(task);
		process_introduce(task, &key.process);
	}
	return 1; /* never in the way */
}

/* Some server asks an accepted socket for its own address, as PostgreSQL does with each: then the
 * client at the other end is connected. */
__hidden int unix_accepted(struct bpf_sock_addr *ctx)
{
	struct bpf_sock *sk = ctx->sk;
	struct unix_sock *server_end = sk ? bpf_skc_to_unix_sock(sk) : NULL;
	struct sock *client_end = server_end ? server_end->peer : NULL;
	struct unix_connection *conn;
	struct server_key asked;
	__u64 *mark;

	if (!client_end)
		return 1;
	mark = bpf_sk_storage_get(&unix_marks, client_end, 0, 0);
	conn = mark ? unix_find(*mark) : NULL;
	if (!conn)
		return 1;
	unix_hold(bpf_get_current_task_btf());
	if (conn->base.phase == PHASE_CONNECTING) {
		asked = conn->base.ledger.server;
		unix_open(conn, address_of(server_end));
		unix_asked_learn(&asked, &conn->base.ledger.server);
	}
	return 1;
}
