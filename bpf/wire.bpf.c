// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * wire.bpf.c: did the client say goodbye? A clean ending is a Terminate message ('X', length 4) and
 * a close(), and on a fast machine the server hangs up between the two. Only egress segments to a
 * watched port are looked at, and of those only the last five bytes.
 *
 * Under TLS the message can't be read: a segment that is one record of exactly a Terminate's or a
 * close_notify's length is taken for it.
 */
#include "pgleaktrace.bpf.h"

#define IPPROTO_TCP   6
#define TERMINATE     5	   /* bytes: 'X', then its length as 32 bits */
#define TLS_HEADER    5	   /* type, version, length of what follows */
#define TLS_DATA      0x17
#define TLS_ALERT     0x15
#define TLS_13_ALERT  19   /* 2 bytes, type byte, tag */
#define TLS_13_FAREWELL 22 /* 5 bytes, type byte, tag */
#define TLS_12_FAREWELL 29 /* nonce, 5 bytes, tag */

/* Offset of the TCP payload in a packet that begins with its IP header; 0: none. */
static __u32 payload_offset(struct __sk_buff *skb)
{
	__u8 first, protocol, doff;
	__u32 ip;

	if (bpf_skb_load_bytes(skb, 0, &first, 1))
		return 0;
	ip = first >> 4 == 6 ? 40 : (first & 15) * 4;
	if (bpf_skb_load_bytes(skb, first >> 4 == 6 ? 6 : 9, &protocol, 1) || protocol != IPPROTO_TCP)
		return 0;
	if (bpf_skb_load_bytes(skb, ip + 12, &doff, 1))
		return 0;
	return ip + (doff >> 4) * 4;
}

static bool is_farewell(const __u8 *last, const __u8 *first, __u32 length)
{
	__u32 record = (__u32)first[3] << 8 | first[4];

	if (last[0] == 'X' && !last[1] && !last[2] && !last[3] && last[4] == 4)
		return true;
	if (first[0] == TLS_ALERT && first[1] == 3)
		return true;
	return first[0] == TLS_DATA && first[1] == 3 && length >= record + TLS_HEADER &&
		(record == TLS_13_ALERT || record == TLS_13_FAREWELL || record == TLS_12_FAREWELL);
}

__hidden bool wire_terminates(struct __sk_buff *skb)
{
	__u32 offset = payload_offset(skb), length = skb->len;
	__u8 first[TLS_HEADER], last[TERMINATE];

	if (!offset || length < offset + TERMINATE)
		return false;
	if (bpf_skb_load_bytes(skb, offset, first, sizeof(first)) ||
		bpf_skb_load_bytes(skb, length - TERMINATE, last, sizeof(last)))
		return false;
	return is_farewell(last, first, length - offset);
}
