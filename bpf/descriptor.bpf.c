// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * descriptor.bpf.c: what an iterator over all descriptors finds behind one of them: for a look that is
 * all (look.bpf.c), and for each of a watch (snapshot.bpf.c).
 */
#include "pgleaktrace.bpf.h"
#include "unix.bpf.h"

/* Length of one jiffy in ns, 1e9 / CONFIG_HZ; told by live_tick() of src/stream before load. */
const volatile __u64 tick_ns = 4000000;

__hidden bool descriptor_is_tcp(struct sock *sk)
{
	if (sk->__sk_common.skc_family != AF_INET && sk->__sk_common.skc_family != AF_INET6)
		return false;
	return sk->sk_protocol == 6 /* IPPROTO_TCP */;
}

/* Did connect() choose the port? inet_hash_connect() leaves its mark in the port's bucket, and stays
 * out of those that bind() has taken. */
__hidden bool descriptor_is_clients(struct sock *sk)
{
	/* Without a bucket there is nothing to read: 0. */
	return BPF_CORE_READ((struct tcp_sock *)sk, inet_conn.icsk_bind_hash, fastreuse) < 0;
}

static void address_put(__u8 *to, __be32 v4, __u64 v6)
{
	if (v6) {
		bpf_probe_read_kernel(to, 16, (void *)v6);
		return;
	}
	__builtin_memset(to, 0, 10);
	to[10] = to[11] = 0xff;
	__builtin_memcpy(to + 12, &v4, sizeof(v4));
}

/* Verified once, and not again for each way that leads on from it. `ipv6`: a struct sock, 0: it is IPv4's. */
GLOBAL int descriptor_addresses(struct ends *ends, __be32 local, __be32 remote, __u64 ipv6)
{
	struct sock *sk = (void *)ipv6;

	if (!ends)
		return 0;
	address_put(ends->local, local, ipv6 ? address_of(&sk->__sk_common.skc_v6_rcv_saddr) : 0);
	address_put(ends->remote, remote, ipv6 ? address_of(&sk->__sk_common.skc_v6_daddr) : 0);
	ends->local_family = address_family(ends->local);
	ends->remote_family = address_family(ends->remote);
	return 1;
}

/* Both ends of a TCP connection. Once it is closed only inet_sport has the port; that lies far from the
 * rest, one memory access more for each. */
__hidden void descriptor_ends(struct ends *ends, struct sock *sk, struct tcp_sock *tcp)
{
	ends->local_port = sk->__sk_common.skc_num;
	if (!ends->local_port)
		ends->local_port = bpf_ntohs(tcp->inet_conn.icsk_inet.inet_sport);
	ends->remote_port = bpf_ntohs(sk->__sk_common.skc_dport);
	ends->netns = sk->__sk_common.skc_net.net->ns.inum;
	descriptor_addresses(ends, sk->__sk_common.skc_rcv_saddr, sk->__sk_common.skc_daddr,
		sk->__sk_common.skc_family == AF_INET ? 0 : address_of(sk));
}

static void write_server_end(struct bpf_iter__task_file *ctx, struct task_struct *task,
	struct sock *sk, struct server_capture *end)
{
	end->head.kind = sk->__sk_common.skc_state == TCP_LISTEN ? EVENT_SERVER : EVENT_BACKEND;
	end->head.size = sizeof(*end);
	end->head.time = bpf_ktime_get_boot_ns();
	end->cookie = connection_cookie(sk);
	process_key_of(task, &end->holder);
	process_key_of(task->group_leader->real_parent, &end->parent);
	bpf_seq_write(ctx->meta->seq, end, sizeof(*end));
}

/* The server's end of a TCP connection, or the socket it came from. User space checks that a
 * listener is behind the port: an ephemeral port of a client can have the same number. */
__hidden void descriptor_tcp_server(struct bpf_iter__task_file *ctx, struct task_struct *task,
	struct sock *sk, const struct ends *ends)
{
	struct server_capture end = {};

	__builtin_memcpy(end.local.address, ends->local, sizeof(ends->local));
	end.local.port = ends->local_port;
	end.local.family = ends->local_family;
	end.local.netns = ends->netns;
	end.state = sk->__sk_common.skc_state;
	__builtin_memcpy(end.client, ends->remote, sizeof(ends->remote));
	end.client_port = ends->remote_port;
	write_server_end(ctx, task, sk, &end);
}

/* The same of a unix socket. When the client's end closes, this one is shut down both ways. */
__hidden void descriptor_unix_server(
	struct bpf_iter__task_file *ctx, struct task_struct *task, struct sock *sk)
{
	struct server_capture end = {};
	struct unix_sock *own = bpf_skc_to_unix_sock(sk);
	struct sock *peer;

	if (!own)
		return;
	if (!unix_server_of(&end.local, address_of(sk)))
		return;
	peer = own->peer;
	if (peer)
		end.peer = connection_cookie(peer);
	end.state = sk->__sk_common.skc_state;
	if (end.state != TCP_LISTEN && BPF_CORE_READ(sk, sk_shutdown) == SHUTDOWN_MASK)
		end.state = TCP_CLOSE_WAIT;
	write_server_end(ctx, task, sk, &end);
}

/* False: there was no room in the buffer; the descriptor will be asked for again. */
__hidden bool descriptor_holder(
	struct bpf_iter__task_file *ctx, struct task_struct *task, __u64 cookie)
{
	struct event_holder event = {};

	event.head.kind = EVENT_HOLDER;
	event.head.size = sizeof(event);
	event.head.time = bpf_ktime_get_boot_ns();
	event.cookie = cookie;
	event.fd = (__s32)ctx->fd;
	process_key_of(task, &event.process);
	return !bpf_seq_write(ctx->meta->seq, &event, sizeof(event));
}

/* jiffies of 32 bits, as tcp_sock keeps them, to the boot clock; 0: never. */
GLOBAL __u64 descriptor_when(__u32 stamp, __u64 now)
{
	__u64 age = (__u64)((__u32)bpf_jiffies64() - stamp) * tick_ns;

	return stamp && age < now ? now - age : 0;
}

/* What went through a TCP connection, and when last, seen from event->head.time. */
__hidden void descriptor_traffic(struct event_socket *event, struct tcp_sock *tcp)
{
	__u64 acked = tcp->bytes_acked; /* the SYN counts as one */

	event->sent = acked - !!acked;
	event->received = tcp->bytes_received;
	event->last_sent = descriptor_when(tcp->lsndtime, event->head.time);
	event->last_received =
		descriptor_when(tcp->inet_conn.icsk_ack.lrcvtime, event->head.time);
}
