// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * look.bpf.c: all that --once needs, an object of its own: no hook, no books, no map of what was met
 * before. It starts in a tenth of the time, and what it has seen open is what was open. Whose each
 * connection is, and how many, src/stream/live_look.c makes out of the rows:
 *
 *   a client's descriptor   EVENT_SOCKET, EVENT_HOLDER; the ledger is the holder's
 *   before a process's first of those: struct process_capture, without argv and paths
 *   a server's              struct server_capture
 */
#include "pgleaktrace.bpf.h"
#include "unix.bpf.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

/* Set before load, see --unix. */
const volatile __u32 unix_watching = 1;

/* Set by src/stream/live_look.c between two passes: it wants to know who listens, on any port. */
__u32 listeners_wanted = 0;

/* Whose process_capture went out last. */
static __u32 told = 0;

static __noinline void write_process(
	struct seq_file *seq, struct task_struct *task, const struct process_key *key)
{
	struct process_capture capture = {.process = *key};

	process_facts_at(&capture, address_of(task));
	capture.head.size = sizeof(capture);
	bpf_seq_write(seq, &capture, sizeof(capture));
}

/* What finds no more room in the buffer is asked for again, all that was written of the same
 * descriptor too. */
static __noinline void write_client(struct bpf_iter__task_file *ctx, struct task_struct *task,
	struct event_socket *event)
{
	struct seq_file *seq = ctx->meta->seq;

	event->head.kind = EVENT_SOCKET;
	event->head.size = sizeof(*event);
	process_key_of(task, &event->ledger.process);
	if (told != event->ledger.process.pid)
		write_process(seq, task, &event->ledger.process);
	if (!bpf_seq_write(seq, event, sizeof(*event)) &&
		descriptor_holder(ctx, task, event->cookie))
		told = event->ledger.process.pid;
}

/* Only who listens tells a client that has called bind() before connect() from a server's end: then the
 * attribution is left unknown. What follows from the state alone is left to user space. */
static __noinline void tcp_client(struct bpf_iter__task_file *ctx, struct task_struct *task,
	struct sock *sk, struct tcp_sock *tcp, const struct ends *ends)
{
	struct event_socket event = {.head.time = bpf_ktime_get_boot_ns()};

	event.cookie = connection_cookie(sk);
	__builtin_memcpy(event.ledger.server.address, ends->remote, sizeof(ends->remote));
	event.ledger.server.port = ends->remote_port;
	event.ledger.server.family = ends->remote_family;
	event.ledger.server.netns = ends->netns;
	event.state = sk->__sk_common.skc_state;
	event.attribution = descriptor_is_clients(sk) * ATTRIBUTION_SNAPSHOT;
	__builtin_memcpy(event.local, ends->local, sizeof(ends->local));
	event.local_port = ends->local_port;
	descriptor_traffic(&event, tcp);
	write_client(ctx, task, &event);
}

static bool is_connected(struct sock *sk)
{
	int state = sk->__sk_common.skc_state;

	return state == TCP_ESTABLISHED || state == TCP_SYN_SENT || state == TCP_CLOSE_WAIT;
}

static __noinline void tcp_end(
	struct bpf_iter__task_file *ctx, struct task_struct *task, struct sock *sk)
{
	struct tcp_sock *tcp = bpf_skc_to_tcp_sock(sk);
	struct ends ends;

	if (!tcp)
		return;
	descriptor_ends(&ends, sk, tcp);
	if (!listeners_wanted && is_connected(sk) && port_watched(ends.remote_port))
		tcp_client(ctx, task, sk, tcp, &ends);
	if (listeners_wanted ? sk->__sk_common.skc_state == TCP_LISTEN
			     : port_watched(ends.local_port))
		descriptor_tcp_server(ctx, task, sk, &ends);
}

static __noinline bool unix_client(
	struct bpf_iter__task_file *ctx, struct task_struct *task, struct sock *sk)
{
	struct sock *peer = unix_peer(sk);
	struct event_socket event = {};

	if (!peer || sk->__sk_common.skc_state != TCP_ESTABLISHED ||
		!unix_server_of(&event.ledger.server, address_of(peer)))
		return false;
	event.head.time = bpf_ktime_get_boot_ns();
	event.cookie = connection_cookie(sk);
	event.attribution = ATTRIBUTION_SNAPSHOT;
	event.state = unix_state(peer) == TCP_CLOSE ? TCP_CLOSE_WAIT : TCP_ESTABLISHED;
	write_client(ctx, task, &event);
	return true;
}

SEC("iter/task_file")
int look(struct bpf_iter__task_file *ctx)
{
	struct task_struct *task = ctx->task;
	struct sock *sk = task ? descriptor_socket(ctx->file) : NULL;

	if (!sk)
		return 0;
	if (descriptor_is_tcp(sk))
		tcp_end(ctx, task, sk);
	else if (sk->__sk_common.skc_family == AF_UNIX && !listeners_wanted &&
		 !(unix_watching && unix_client(ctx, task, sk)))
		descriptor_unix_server(ctx, task, sk);
	return 0;
}
