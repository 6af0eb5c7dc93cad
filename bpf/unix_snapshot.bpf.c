// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * unix_snapshot.bpf.c: the unix sockets' part in a look at all that is open:
 *
 *   unix_file()              of snapshot_files: adopts; one EVENT_HOLDER per descriptor
 *   snapshot_unix_sockets    one EVENT_SOCKET per connection alive; settles what has changed
 *   snapshot_unix_vanished   ends what was there before and was not found
 */
#include "unix.bpf.h"

/* Set before load, see --unix. */
const volatile __u32 unix_watching = 1;

/* A server's end has no times of its own. Its backend sleeps as long as nothing comes: when it has
 * run since the last look, there was traffic. */
static void backend_seen(struct task_struct *task, struct sock *client_end)
{
	struct unix_connection *conn =
		unix_find((__u64)BPF_CORE_READ(client_end, __sk_common.skc_cookie.counter));
	__u64 switches = task->nvcsw + task->nivcsw;

	unix_hold(task);
	if (!conn)
		return;
	if (conn->switches && conn->switches != switches)
		conn->last_traffic = bpf_ktime_get_boot_ns();
	conn->switches = switches;
}

static __noinline void client_found(
	struct sock *sk, struct sock *server_end, struct task_struct *task)
{
	__u64 cookie = bpf_get_socket_cookie(sk);

	if (!unix_find(cookie))
		unix_adopt(sk, server_end, task);
	unix_settle(cookie, address_of(sk));
}

static __noinline void client_seen(
	struct bpf_iter__task_file *ctx, struct sock *sk, struct task_struct *task)
{
	struct event_holder event = {};
	struct unix_connection *conn;

	event.cookie = bpf_get_socket_cookie(sk);
	conn = unix_find(event.cookie);
	if (!conn)
		return;
	unix_hold(task);
	if (conn->elsewhere == ELSEWHERE_UNSEEN || (conn->holder && conn->holder != (__u32)task->tgid))
		conn->elsewhere = ELSEWHERE_FORKED; /* seen now, and its exit will be */
	conn->holder = (__u32)task->tgid;
	if (conn->base.phase != PHASE_OPEN && conn->base.phase != PHASE_HELD)
		return;
	event.head.kind = EVENT_HOLDER;
	event.head.size = sizeof(event);
	event.head.time = bpf_ktime_get_boot_ns();
	event.fd = (__s32)ctx->fd;
	process_key_at(&event.process, address_of(task));
	bpf_seq_write(ctx->meta->seq, &event, sizeof(event));
}

static __noinline void listener_seen(struct task_struct *task, struct sock *sk)
{
	struct server_key key;

	if (!unix_server_of(&key, address_of(sk)))
		return;
	unix_asked_bound(task, sk, &key);
	if (unix_hooked)
		unix_relay_seen(task, &key);
	else
		unix_hold(task); /* a postmaster: unix_unseen.bpf.c wants its children */
}

/* A descriptor of a unix socket, whoever's. */
__hidden void unix_file(
	struct bpf_iter__task_file *ctx, struct task_struct *task, struct sock *sk)
{
	struct sock *peer = unix_peer(sk);

	if (!unix_watching)
		return;
	if (sk->__sk_common.skc_state == TCP_LISTEN)
		listener_seen(task, sk);
	if (!peer || sk->__sk_common.skc_state != TCP_ESTABLISHED)
		return;
	if (unix_watched(peer)) {
		client_found(sk, peer, task);
		client_seen(ctx, sk, task);
	} else if (unix_watched(sk)) {
		backend_seen(task, peer);
	}
}

/* A client that is gone so soon may have been refused: the exit of its backend, which is on its way,
 * says so. Asked once. */
static bool backend_will_tell(struct unix_connection *conn, struct sock *client_end)
{
	bool first = !conn->closing;

	if (unix_alive(client_end) ||
		bpf_ktime_get_boot_ns() - conn->base.opened_at > REFUSAL_LIFE)
		return false;
	conn->closing = 1;
	return first;
}

/* A function of its own: what settles a connection needs the stack. */
static __noinline void write_socket(struct seq_file *seq, struct unix_connection *conn, int state)
{
	struct event_socket event = {};

	event.head.kind = EVENT_SOCKET;
	event.head.size = sizeof(event);
	event.head.time = bpf_ktime_get_boot_ns();
	event.cookie = conn->cookie;
	event.ledger = conn->base.ledger;
	event.opened_at = conn->base.opened_at;
	event.open = conn->base.phase == PHASE_OPEN;
	event.attribution = (__u8)conn->base.attribution;
	event.state = (__u8)state;
	event.last_received = conn->last_traffic;
	bpf_seq_write(seq, &event, sizeof(event));
}

SEC("iter/bpf_sk_storage_map")
int snapshot_unix_sockets(struct bpf_iter__bpf_sk_storage_map *ctx)
{
	struct sock *sk = ctx->sk;
	__u64 *mark = ctx->value;
	struct unix_connection *conn = sk && mark ? unix_find(*mark) : NULL;

	if (!conn)
		return 0;
	conn->seen = snapshot_number;
	if (!backend_will_tell(conn, sk))
		unix_settle(conn->cookie, address_of(sk));
	if (conn->base.phase == PHASE_OPEN || conn->base.phase == PHASE_HELD)
		write_socket(ctx->meta->seq, conn, sk->__sk_common.skc_state);
	return 0;
}

SEC("iter/bpf_map_elem")
int snapshot_unix_vanished(struct bpf_iter__bpf_map_elem *ctx)
{
	struct unix_connection *value = ctx->value;
	struct unix_connection *conn = value ? unix_find(value->cookie) : NULL;

	if (conn && conn->born != snapshot_number && conn->seen != snapshot_number)
		unix_vanished(conn);
	return 0;
}
