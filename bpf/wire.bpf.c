// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * wire.bpf.c: what the two ends say to each other: the first packets until the session has started,
 * by wire_parse.h, and from then on whether the client's last word was a goodbye. A clean ending is
 * a Terminate message ('X', length 4) and a close(), and on a fast machine the server hangs up
 * between the two.
 *
 * The hooks see each segment in the order it is sent or arrives, with its sequence number: what was
 * seen before is passed over, and a hole ends the reading of that side. They run for the opener or
 * in softirq; of a connection, one side's never run twice at once.
 */
#include "pgleaktrace.bpf.h"
#include "segment.bpf.h"
#include "wire_parse.h"

#define TERMINATE  0x5800000004ull /* 'X', then its length as 32 bits */
#define TAIL_BYTES 5
#define STEPS_MOST 16384 /* bytes read of one segment, at most */

/* Under TLS a Terminate can't be read: a segment that is one record of exactly its or a
 * close_notify's length is taken for it. */
#define TLS_HEADER      5
#define TLS_ALERT       0x15
#define TLS_13_ALERT    19 /* 2 bytes, type byte, tag */
#define TLS_13_FAREWELL 22 /* 5 bytes, type byte, tag */
#define TLS_12_FAREWELL 29 /* nonce, 5 bytes, tag */

/* Inserted: wire_egress(), with the client's first bytes, or wire_infer(). Deleted: when nothing
 * more is to be learned, else by the kernel with the socket. Read: here. No memory for an entry: the
 * connection's first words stay unknown. */
struct {
	__uint(type, BPF_MAP_TYPE_SK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct wire);
} wires SEC(".maps");

/* -- reading ---------------------------------------------------------------------------------- */

/* The places in the packet and in the window are kept in the map, not here: the verifier follows a
 * number on the stack through every step. */
struct reading {
	struct __sk_buff *skb;
	struct wire *wire;
	__u8 window[WIRE_WINDOW];
};

/* Bytes that may be looked at, from side->from on; false: there are none. */
static __always_inline bool look(struct reading *r, struct wire_side *side, __u32 wanted)
{
	__u32 n = side->end - side->from;
	__u32 more;

	if (wanted < n)
		n = wanted;
	if (n > WIRE_WINDOW)
		n = WIRE_WINDOW;
	more = n - 1; /* the verifier of 6.1 believes neither "not 0" nor "n > 0" of a size */
	barrier_var(more);
	if (more >= WIRE_WINDOW || bpf_skb_load_bytes(r->skb, side->from, r->window, more + 1))
		return false;
	side->at = 0;
	side->window_end = (__u8)n;
	side->from += n;
	return true;
}

static __always_inline void skip(struct reading *r, struct wire_side *side)
{
	__u32 n;

	side->from -= (__u8)(side->window_end - side->at);
	side->at = side->window_end = 0;
	n = side->end - side->from;
	if (side->left < n)
		n = side->left;
	wire_skipped(side, n);
	side->from += n;
}

GLOBAL int wire_client_byte(struct wire *wire, __u8 byte)
{
	if (wire)
		wire_client(wire, byte);
	return 0;
}

GLOBAL int wire_server_byte(struct wire *wire, __u8 byte)
{
	if (wire)
		wire_server(wire, byte);
	return 0;
}

/* One byte, or one stretch that is skipped; 1: stop. */
static __always_inline long read_step(struct reading *r, struct wire_side *side, int is_client)
{
	__u32 wanted;
	__u8 byte;

	if (side->state >= WIRE_OVER || (side->at >= side->window_end && side->from >= side->end))
		return 1;
	wanted = wire_wants(side, is_client);
	if (!wanted) {
		skip(r, side);
		return 0;
	}
	if (side->at >= side->window_end && !look(r, side, wanted))
		return 1;
	byte = r->window[side->at & (WIRE_WINDOW - 1)];
	side->at++;
	if (is_client)
		wire_client_byte(r->wire, byte);
	else
		wire_server_byte(r->wire, byte);
	return 0;
}

static long read_client(__u32 index, struct reading *r)
{
	return read_step(r, &r->wire->client, 1);
}

static long read_server(__u32 index, struct reading *r)
{
	return read_step(r, &r->wire->server, 0);
}

static void read_all(
	struct __sk_buff *skb, struct wire *wire, const struct segment *segment, bool is_client)
{
	struct wire_side *side = is_client ? &wire->client : &wire->server;
	struct reading r = {
		.skb = skb,
		.wire = wire,
	};

	side->from = segment->payload;
	side->end = segment->payload + segment->length;
	side->at = side->window_end = 0;
	if (is_client)
		bpf_loop(STEPS_MOST, read_client, &r, 0);
	else
		bpf_loop(STEPS_MOST, read_server, &r, 0);
	if (side->from < side->end || side->at < side->window_end)
		wire_lost(side); /* stopped early: what follows can't be told */
}

/* -- what follows from it --------------------------------------------------------------------- */

static void tell(struct wire *wire, const struct connection *conn)
{
	wire->event.head.kind = EVENT_WIRE;
	wire->event.head.size = sizeof(wire->event);
	wire->event.head.time = bpf_ktime_get_boot_ns();
	wire->event.cookie = conn->cookie;
	wire->event.ledger = conn->ledger;
	output_detail(&wire->event, sizeof(wire->event));
}

static void reading_ends(struct bpf_sock *sk, struct connection *conn)
{
	conn->reply = 0; /* whatever came after it was not seen: no sign of a refusal */
	conn->reading = READING_OVER;
	bpf_sk_storage_delete(&wires, sk);
}

static void heard_client(struct bpf_sock *sk, struct connection *conn, struct wire *wire)
{
	__u8 news = wire->client.news;

	wire->client.news = 0;
	conn->reply = wire->reply;
	if (wire->event.encryption == ENCRYPTION_NONE)
		conn->plain = 1;
	if (news & (WIRE_STARTUP | WIRE_CANCELS | WIRE_ENCRYPTS))
		tell(wire, conn);
	if (news & (WIRE_TERMINATES | WIRE_CANCELS)) /* complete in itself: nothing follows */
		conn->terminated = 1;
	if (news & WIRE_CANCELS)
		reading_ends(sk, conn);
}

static void heard_server(struct bpf_sock *sk, struct connection *conn, struct wire *wire)
{
	__u8 news = wire->server.news;

	wire->server.news = 0;
	conn->reply = wire->reply;
	if (news & WIRE_REFUSED)
		conn->refused = 1;
	if (news & WIRE_ADMITTED) {
		conn->refused = 0;
		conn->started = 1;
	}
	if (news & (WIRE_ADMITTED | WIRE_DETAIL | WIRE_ENCRYPTS))
		tell(wire, conn);
	if (news & (WIRE_ADMITTED | WIRE_LOST))
		reading_ends(sk, conn);
}

/* The last five bytes, cut into segments as it may be. */
static void remember_tail(
	struct __sk_buff *skb, struct connection *conn, const struct segment *segment)
{
	__u8 bytes[TAIL_BYTES] = {};
	__u32 n = segment->length < TAIL_BYTES ? segment->length : TAIL_BYTES;
	__u32 more = n - 1; /* as in look() */

	barrier_var(more);
	if (more >= TAIL_BYTES)
		return;
	if (bpf_skb_load_bytes(skb, segment->payload + segment->length - n, bytes, more + 1))
		return;
	for (__u32 i = 0; i < TAIL_BYTES; i++)
		if (i < n)
			conn->tail = (conn->tail << 8 | bytes[i]) & 0xffffffffffull;
}

static bool is_farewell(struct __sk_buff *skb, const struct segment *segment)
{
	__u8 first[TLS_HEADER];
	__u32 record;

	if (bpf_skb_load_bytes(skb, segment->payload, first, sizeof(first)))
		return false;
	record = (__u32)first[3] << 8 | first[4];
	if (first[0] == TLS_ALERT && first[1] == 3)
		return true;
	return first[0] == TLS_DATA && first[1] == 3 && segment->length >= record + TLS_HEADER &&
	       (record == TLS_13_ALERT || record == TLS_13_FAREWELL || record == TLS_12_FAREWELL);
}

/* The session runs, or what is said can't be read: only the last word matters. */
static void last_word(struct __sk_buff *skb, struct connection *conn, const struct segment *segment)
{
	remember_tail(skb, conn, segment);
	conn->terminated = conn->tail == TERMINATE || (!conn->plain && is_farewell(skb, segment));
}

/* SYN and SYN-ACK: where each side's bytes are counted from. Without both, nothing is read. */
static void synchronize(struct connection *conn, const struct segment *segment, __u32 *next,
	enum reading_state from)
{
	*next = segment->sequence + 1;
	if (conn->reading == from)
		conn->reading = from + 1;
}

/* On whose behalf it says something; NULL: nothing, or of nobody who is still open. */
static struct connection *spoken_on(
	struct bpf_sock *sk, struct __sk_buff *skb, struct segment *segment)
{
	struct connection *conn =
		segment_says(skb, segment) ? connection_of_packet(sk) : NULL;

	return conn && conn->phase <= PHASE_OPEN ? conn : NULL;
}

/* Of the client to a watched port. */
__hidden void wire_egress(struct bpf_sock *sk, struct __sk_buff *skb)
{
	struct connection *conn;
	struct segment segment;
	struct wire *wire;

	conn = spoken_on(sk, skb, &segment);
	if (!conn)
		return;
	if (segment.flags & TCP_SYN) {
		synchronize(conn, &segment, &conn->client_next, READING_NOTHING);
		return;
	}
	connection_speaks(sk, conn);
	if (!conn->reading) { /* met in the middle */
		conn->reading = READING_OVER;
		conn->client_next = segment.sequence;
	}
	if (!segment_advance(&segment, &conn->client_next, &conn->hole))
		return;
	if (conn->reading != READING_BOTH || conn->hole) {
		last_word(skb, conn, &segment);
		return;
	}
	wire = bpf_sk_storage_get(&wires, sk, 0, BPF_SK_STORAGE_GET_F_CREATE);
	if (!wire) {
		conn->reading = READING_OVER;
		return;
	}
	read_all(skb, wire, &segment, true);
	heard_client(sk, conn, wire);
	if (!conn->terminated && (wire->client.state == WIRE_OVER || wire->client.tls))
		last_word(skb, conn, &segment);
}

/* Of the server, to the client of a watched port. */
__hidden void wire_ingress(struct bpf_sock *sk, struct __sk_buff *skb)
{
	struct connection *conn;
	struct segment segment;
	struct wire *wire;

	conn = spoken_on(sk, skb, &segment);
	if (!conn)
		return;
	if (segment.flags & TCP_SYN) {
		synchronize(conn, &segment, &conn->server_next, READING_CLIENT);
		return;
	}
	if (conn->reading != READING_BOTH)
		return;
	if (!segment_advance(&segment, &conn->server_next, &conn->hole))
		return;
	wire = bpf_sk_storage_get(&wires, sk, 0, 0);
	if (!wire)
		return;
	if (conn->hole) {
		reading_ends(sk, conn);
		return;
	}
	read_all(skb, wire, &segment, false);
	heard_server(sk, conn, wire);
}

/* A new life of the same socket. */
__hidden void wire_forget(struct sock *sk)
{
	bpf_sk_storage_delete(&wires, sk);
}

/* A refusal that nobody could read, told by the connection's shape. */
__hidden void wire_infer(struct sock *sk, struct connection *conn)
{
	struct wire *wire = bpf_sk_storage_get(&wires, sk, 0, BPF_SK_STORAGE_GET_F_CREATE);

	if (!wire)
		return;
	wire->event.inferred = 1;
	tell(wire, conn);
}
