/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * wire_state.h: how far the reading of each side has come, and the steps that both sides take: to the
 * next message and, under TLS, to the next record.
 */
#ifndef WIRE_STATE_H
#define WIRE_STATE_H

#include <pgleaktrace/event.h>

#define WIRE_WINDOW       64    /* most bytes looked at in one go */
#define WIRE_PACKET_MOST  10000 /* a startup packet; the server's own limit */
#define WIRE_ERROR_MOST   30000 /* an ErrorResponse; libpq's own limit */
#define WIRE_MESSAGE_MOST (1 << 20)
#define WIRE_CANCEL       80877102 /* codes where a startup packet has its version */
#define WIRE_SSL          80877103
#define WIRE_GSS          80877104

#define TLS_HANDSHAKE   0x16
#define TLS_DATA        0x17
#define TLS_RECORD_MOST (16384 + 256)
#define TLS_ALERT_MOST  19  /* TLS 1.3: an alert looks like data of 19 bytes; a Terminate has 22 */
#define TLS_GREETING    300 /* what a session's ParameterStatus messages exceed, and no error */

enum wire_state {
	WIRE_START = 0, /* client: head of a startup packet; server: an answer or a first message */
	WIRE_NAME,      /* client: name of a StartupMessage's parameter */
	WIRE_VALUE,     /* … and its value */
	WIRE_HEAD,      /* a message's type and length */
	WIRE_SKIP,      /* the rest of a message that is not wanted */
	WIRE_KEY,       /* server: the pid in BackendKeyData */
	WIRE_FIELD,     /* server: type of an ErrorResponse's field */
	WIRE_TEXT,      /* … and its text */
	WIRE_RECORD,    /* TLS: a record's type, version and length */
	WIRE_OVER,      /* nothing more to learn on this side */
};

/* What a side has said since the driver last looked. */
enum wire_news {
	WIRE_STARTUP = 1,    /* StartupMessage whole: user, database … */
	WIRE_CANCELS = 2,    /* CancelRequest */
	WIRE_TERMINATES = 4, /* Terminate */
	WIRE_ADMITTED = 8,   /* ReadyForQuery; under TLS: an answer long enough for one */
	WIRE_REFUSED = 16,   /* ErrorResponse begins */
	WIRE_DETAIL = 32,    /* … and is read: SQLSTATE, message */
	WIRE_LOST = 64,      /* this is not the protocol we know */
	WIRE_ENCRYPTS = 128, /* from here on by TLS or GSS */
};

enum wire_field { WIRE_OTHER = 0, WIRE_USER, WIRE_DATABASE, WIRE_APPLICATION, WIRE_REPLICATION };

struct wire_side {
	__u32 left; /* bytes of the message still to come */
	__u8 state; /* enum wire_state */
	__u8 got;   /* bytes of head, name or text taken so far */
	__u8 news;  /* enum wire_news */
	__u8 tls;   /* 1: messages are TLS records */
	__u8 field; /* whose text it is: enum wire_field, or an ErrorResponse's field type */
	__u8 at, window_end; /* the kernel's place in what it looks at */
	__u8 unused;
	__u8 head[8];
	__u32 from, end; /* … in the packet: offsets */
};

struct wire {
	struct event_wire event; /* what is known so far */
	struct wire_side client, server;
	__u8 asked;    /* 'S' TLS, 'G' GSS: the client's question that is not answered yet */
	__u8 spoke;    /* TLS: the client has sent data */
	__u16 reply;   /* TLS: length of the server's last record since then */
	char name[20]; /* a parameter's name; "application_name" is the longest of interest */
};

#define WIRE_INLINE static inline __attribute__((always_inline))

WIRE_INLINE __u32 wire_number(const __u8 *at)
{
	return (__u32)at[0] << 24 | (__u32)at[1] << 16 | (__u32)at[2] << 8 | at[3];
}

WIRE_INLINE void wire_over(struct wire_side *side)
{
	side->state = WIRE_OVER;
}

WIRE_INLINE void wire_lost(struct wire_side *side)
{
	side->state = WIRE_OVER;
	side->news |= WIRE_LOST;
}

/* How many bytes may be looked at now; 0: skip `left`. Never beyond the part being read. */
WIRE_INLINE __u32 wire_wants(const struct wire_side *side, int is_client)
{
	switch (side->state) {
	case WIRE_START: return is_client ? 8 - (side->got & 7) : 1;
	case WIRE_HEAD:
	case WIRE_RECORD: return side->got < 5 ? 5 - side->got : 1;
	case WIRE_KEY: return side->got < 4 ? 4 - side->got : 1;
	case WIRE_SKIP: return 0;
	default: return side->left < WIRE_WINDOW ? side->left : WIRE_WINDOW;
	}
}

/* The next message, or record, follows. */
WIRE_INLINE void wire_next(struct wire_side *side)
{
	side->state = side->left ? WIRE_SKIP : side->tls ? WIRE_RECORD : WIRE_HEAD;
	side->got = 0;
}

WIRE_INLINE void wire_skipped(struct wire_side *side, __u32 bytes)
{
	side->left -= bytes;
	if (!side->left)
		wire_next(side);
}

WIRE_INLINE void wire_record(struct wire *w, struct wire_side *side, int is_client, __u8 byte)
{
	__u32 length;

	side->head[side->got & 7] = byte;
	if (++side->got < 5)
		return;
	length = (__u32)side->head[3] << 8 | side->head[4];
	if (side->head[0] < 0x14 || side->head[0] > TLS_DATA || side->head[1] != 3 ||
		length > TLS_RECORD_MOST) {
		wire_lost(side);
		return;
	}
	side->left = length;
	wire_next(side);
	if (side->head[0] != TLS_DATA || length <= TLS_ALERT_MOST)
		return;
	if (is_client) {
		w->spoke = 1;
		w->reply = 0;
	} else if (w->spoke) {
		w->reply = (__u16)length;
		if (length >= TLS_GREETING) {
			side->news |= WIRE_ADMITTED;
			wire_over(side);
		}
	}
}

WIRE_INLINE void wire_tls(struct wire_side *side, __u8 got)
{
	side->tls = 1;
	side->state = WIRE_RECORD;
	side->got = got;
}

#endif
