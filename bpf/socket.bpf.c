// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * socket.bpf.c: what a TCP socket says of itself: whether it goes to a watched port, and its two
 * ends as everybody here writes them.
 */
#include "pgleaktrace.bpf.h"

/* Set before load, see --port. */
const volatile __u16 watched_ports[EVENT_PORTS] = {5432};
const volatile __u32 watched_count = 1;

__hidden __u64 connection_cookie(struct sock *sk)
{
	return bpf_get_socket_cookie(sk);
}

GLOBAL int port_watched(__u16 port)
{
	for (__u32 i = 0; i < EVENT_PORTS; i++)
		if (i < watched_count && watched_ports[i] == port)
			return 1;
	return 0;
}

/* The destination port decides: a client whose own ephemeral port is 5432 is not a client of ours. */
__hidden bool connection_watched(struct sock *sk)
{
	return port_watched(bpf_ntohs(sk->__sk_common.skc_dport));
}

/* An IPv4 address as mapped into IPv6, what both families are written as. Word by word: so that to the
 * verifier it is the same whichever it was. */
static void write_address(
	struct sock *sk, __u8 *to, __be32 v4, const struct in6_addr *v6)
{
	__u32 a = 0, b = 0, c = bpf_htonl(0xffff), d = v4;
	__u32 *words = (void *)to;

	if (sk->__sk_common.skc_family != AF_INET) {
		a = v6->in6_u.u6_addr32[0];
		b = v6->in6_u.u6_addr32[1];
		c = v6->in6_u.u6_addr32[2];
		d = v6->in6_u.u6_addr32[3];
	}
	words[0] = a;
	words[1] = b;
	words[2] = c;
	words[3] = d;
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
	write_address(sk, address, sk->__sk_common.skc_daddr, &sk->__sk_common.skc_v6_daddr);
	*port = bpf_ntohs(sk->__sk_common.skc_dport);
}

__hidden void connection_server(struct sock *sk, struct server_key *server)
{
	connection_remote(sk, server->address, &server->port);
	server->netns = BPF_CORE_READ(sk, __sk_common.skc_net.net, ns.inum);
	server->family = address_family(server->address);
}

/* The local end. skc_num is 0 at the CLOSE transition; inet_sport still has the port. */
__hidden void connection_local(struct sock *sk, __u8 *address, __u16 *port)
{
	struct tcp_sock *tcp = bpf_skc_to_tcp_sock(sk);

	write_address(
		sk, address, sk->__sk_common.skc_rcv_saddr, &sk->__sk_common.skc_v6_rcv_saddr);
	*port = tcp ? bpf_ntohs(tcp->inet_conn.icsk_inet.inet_sport) : 0;
}
