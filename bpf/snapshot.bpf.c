// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * snapshot.bpf.c: one look at everything that is open now, in every network namespace. Passes, each
 * an iterator that user space reads to its end:
 *
 *   snapshot_files      adopts what is not known yet; one EVENT_HOLDER per descriptor of a client,
 *                       and with the first of an established one its EVENT_SOCKET; one struct
 *                       server_capture per descriptor of a server
 *   snapshot_listeners  only if one could not be told a client from a server's end: which (namespace,
 *                       port) pairs listen; then snapshot_files once more
 *   snapshot_sockets    the other EVENT_SOCKETs: of connections in another state, which may have to
 *                       be repaired, or without a descriptor, in flight between two processes. This
 *                       iterator begins anew at each read(): it had better have little to say
 */
#include "pgleaktrace.bpf.h"
#include "unix.bpf.h"

/* Set by src/stream/live_snapshot.c: the number of the snapshot that runs or ran last, and of the pass
 * over the files, which may be taken twice; 1: snapshot_listeners has run. */
__u32 snapshot_number = 0;
__u32 snapshot_pass = 0;
__u32 listeners_known = 0;
/* Set here to 1: it should run. */
__u32 listeners_wanted = 0;

struct listener {
	__u32 netns;
	__u32 port;
};

/* Inserted: snapshot_listeners. Deleted: never. Read: is_server_end(). Full: a server's end on a
 * watched *client* port could be adopted by mistake; 16384 listening ports make that remote. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 16384);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct listener);
	__type(value, __u8);
} listeners SEC(".maps");

static void listener_of(struct sock *sk, struct listener *key)
{
	key->netns = BPF_CORE_READ(sk, __sk_common.skc_net.net, ns.inum);
	key->port = sk->__sk_common.skc_num;
}

SEC("iter/task_file")
int snapshot_listeners(struct bpf_iter__task_file *ctx)
{
	struct sock *sk = descriptor_socket(ctx->file);
	struct listener key;
	__u8 one = 1;

	if (!sk || !descriptor_is_tcp(sk) || sk->__sk_common.skc_state != TCP_LISTEN)
		return 0;
	listener_of(sk, &key);
	bpf_map_update_elem(&listeners, &key, &one, BPF_ANY);
	return 0;
}

/* An accepted socket shares its port with the listener it came from. */
static bool is_server_end(struct sock *sk)
{
	struct listener key;

	if (descriptor_is_clients(sk))
		return false;
	if (!listeners_known) {
		listeners_wanted = 1;
		return true;
	}
	listener_of(sk, &key);
	return bpf_map_lookup_elem(&listeners, &key) != NULL;
}

/* Once in a snapshot. What finds no more room in the buffer is asked for again, all that was written
 * of the same descriptor too: only what went out whole counts as told. */
static __noinline void write_socket(struct seq_file *seq, struct sock *sk, struct connection *conn)
{
	struct event_socket event = {};
	struct tcp_sock *tcp;

	event.head.kind = EVENT_SOCKET;
	event.head.size = sizeof(event);
	event.head.time = bpf_ktime_get_boot_ns();
	event.cookie = conn->cookie;
	event.ledger = conn->ledger;
	event.opened_at = conn->opened_at;
	event.open = conn->phase == PHASE_OPEN;
	event.attribution = (__u8)conn->attribution;
	event.state = sk->__sk_common.skc_state;
	connection_local(sk, event.local, &event.local_port);
	tcp = bpf_skc_to_tcp_sock(sk);
	if (tcp)
		descriptor_traffic(&event, tcp);
	if (!bpf_seq_write(seq, &event, sizeof(event)))
		conn->seen = snapshot_pass;
}

static void tcp_client_end(
	struct bpf_iter__task_file *ctx, struct task_struct *task, struct sock *sk)
{
	struct connection *conn;

	conn = connection_of(sk);
	if (!conn && adopting && !is_server_end(sk)) {
		connection_adopt(sk, task);
		conn = connection_of(sk);
		if (conn) /* hung up before: told before the next one is open */
			transition_missed(sk, conn);
	}
	if (!conn || conn->phase == PHASE_ENDED || conn->phase == PHASE_NONE)
		return;
	if (descriptor_holder(ctx, task, conn->cookie) && conn->seen != snapshot_pass &&
		conn->phase == PHASE_OPEN && sk->__sk_common.skc_state == TCP_ESTABLISHED)
		write_socket(ctx->meta->seq, sk, conn);
}

static __noinline void tcp_server_end(
	struct bpf_iter__task_file *ctx, struct task_struct *task, struct sock *sk)
{
	struct tcp_sock *tcp = bpf_skc_to_tcp_sock(sk);
	struct ends ends;

	if (!tcp)
		return;
	descriptor_ends(&ends, sk, tcp);
	if (port_watched(ends.local_port))
		descriptor_tcp_server(ctx, task, sk, &ends);
}

SEC("iter/task_file")
int snapshot_files(struct bpf_iter__task_file *ctx)
{
	struct task_struct *task = ctx->task;
	struct sock *sk;

	if (!task) { /* the end of the pass */
		scope_seed();
		return 0;
	}
	sk = descriptor_socket(ctx->file);
	if (!sk)
		return 0;
	if (sk->__sk_common.skc_family == AF_UNIX) {
		unix_file(ctx, task, sk);
		descriptor_unix_server(ctx, task, sk);
	} else if (descriptor_is_tcp(sk)) {
		if (connection_watched(sk))
			tcp_client_end(ctx, task, sk);
		if (!connection_of(sk))
			tcp_server_end(ctx, task, sk);
	}
	return 0;
}

SEC("iter/bpf_sk_storage_map")
int snapshot_sockets(struct bpf_iter__bpf_sk_storage_map *ctx)
{
	struct sock *sk = ctx->sk;
	struct connection *conn;

	if (!sk)
		return 0;
	conn = connection_of(sk); /* not ctx->value: 6.1 lets that only be read */
	if (!conn || conn->seen == snapshot_pass)
		return 0;
	transition_missed(sk, conn);
	if (conn->phase != PHASE_ENDED && conn->phase != PHASE_NONE)
		write_socket(ctx->meta->seq, sk, conn);
	return 0;
}
