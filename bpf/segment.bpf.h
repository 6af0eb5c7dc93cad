/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * segment.bpf.h: a TCP segment as the cgroup's programs see it: a packet that begins with its IP header.
 * Where its payload lies, and what of it was not seen before.
 */
#ifndef SEGMENT_BPF_H
#define SEGMENT_BPF_H

#include "pgleaktrace.bpf.h"

#define IPPROTO_TCP 6
#define ETH_P_IP    0x0800
#define TCP_SYN     2

struct segment {
	__u32 payload; /* offset; 0: not TCP */
	__u32 length;
	__u32 sequence;
	__u8 flags;
};

struct tcp_head {
	__be16 source, dest;
	__be32 sequence, acknowledged;
	__u8 offset, flags;
} __attribute__((packed));

/* As nearly all packets are, so that one look is enough: no options, no extension headers. */
struct head4 {
	__u8 first, before[8], protocol, after[10];
	struct tcp_head tcp;
};

struct head6 {
	__u8 before[6], protocol, after[33];
	struct tcp_head tcp;
};

static inline void segment_at(
	struct __sk_buff *skb, struct segment *segment, const struct tcp_head *tcp, __u32 ip)
{
	segment->sequence = bpf_ntohl(tcp->sequence);
	segment->flags = tcp->flags;
	segment->payload = ip + (tcp->offset >> 4) * 4;
	segment->length = skb->len > segment->payload ? skb->len - segment->payload : 0;
}

static inline void segment_of(struct __sk_buff *skb, struct segment *segment)
{
	const struct head4 *flat = (void *)(long)skb->data;
	struct head4 four;
	struct head6 six;
	__u32 ip;

	segment->payload = 0;
	ip = sizeof(four) - sizeof(four.tcp);
	if (skb->protocol == bpf_htons(ETH_P_IP) && (void *)(flat + 1) <= (void *)(long)skb->data_end &&
		(flat->first & 15) * 4 == ip && flat->protocol == IPPROTO_TCP) {
		segment_at(skb, segment, &flat->tcp, ip); /* without a call: nearly all come here */
		return;
	}
	if (skb->protocol != bpf_htons(ETH_P_IP)) {
		if (!bpf_skb_load_bytes(skb, 0, &six, sizeof(six)) && six.protocol == IPPROTO_TCP)
			segment_at(skb, segment, &six.tcp, sizeof(six) - sizeof(six.tcp));
		return;
	}
	if (bpf_skb_load_bytes(skb, 0, &four, sizeof(four)) || four.protocol != IPPROTO_TCP)
		return;
	ip = (four.first & 15) * 4;
	if (ip == sizeof(four) - sizeof(four.tcp) ||
		!bpf_skb_load_bytes(skb, ip, &four.tcp, sizeof(four.tcp)))
		segment_at(skb, segment, &four.tcp, ip);
}

/* Is there anything in it? An acknowledgement alone, or a FIN, is every second packet: gone before
 * a helper is called. */
static inline bool segment_says(struct __sk_buff *skb, struct segment *segment)
{
	segment_of(skb, segment);
	return segment->payload && (segment->length || segment->flags & TCP_SYN);
}

/* Steps over what was seen before. False: nothing new, or a hole. */
static inline bool segment_advance(struct segment *segment, __u32 *next, __u8 *lost)
{
	__u32 old = *next - segment->sequence;

	if ((__s32)old < 0) {
		*lost = 1;
		*next = segment->sequence + segment->length;
		return segment->length > 0;
	}
	if (old >= segment->length)
		return false;
	segment->payload += old;
	segment->length -= old;
	segment->sequence += old;
	*next = segment->sequence + segment->length;
	return true;
}

#endif
