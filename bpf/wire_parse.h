/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * wire_parse.h: PostgreSQL's protocol until the session has started, read as it passes by. The
 * same code runs in the kernel (wire.bpf.c), in the unit test and under the fuzzer.
 *
 *   client  [SSLRequest | GSSENCRequest]… CancelRequest | StartupMessage, 'p'…, 'X'
 *   server  ['S' | 'G' | 'N']…            'R'…, 'S'…, 'K', 'Z' | 'E'
 *
 * One byte at a time and nothing kept but what is asked for, so that it does not matter where
 * segments are cut. What does not fit the protocol ends the reading: unknown, never wrong. Of a
 * message that is not wanted, authentication and passwords above all, only type and length are
 * read: wire_wants() says how many bytes may be looked at, the driver skips the rest.
 *
 * Under TLS only the lengths of records can be seen: whether the server's last answer was as short
 * as an error, or as long as the greeting of a session.
 */
#ifndef WIRE_PARSE_H
#define WIRE_PARSE_H

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

/* -- TLS ------------------------------------------------------------------------------------- */

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

/* -- client ---------------------------------------------------------------------------------- */

WIRE_INLINE void wire_ask(struct wire *w, __u8 question)
{
	if (w->asked)
		wire_lost(&w->client);
	w->asked = question;
	w->client.got = 0;
}

WIRE_INLINE void wire_packet(struct wire *w)
{
	struct wire_side *side = &w->client;
	__u32 length = wire_number(side->head), code = wire_number(side->head + 4);

	if (code == WIRE_SSL && length == 8) {
		wire_ask(w, 'S');
	} else if (code == WIRE_GSS && length == 8) {
		wire_ask(w, 'G');
	} else if (code == WIRE_CANCEL && length >= 16 && length <= 12 + 256) {
		w->event.purpose = PURPOSE_CANCEL;
		w->event.encryption = ENCRYPTION_NONE;
		side->news |= WIRE_CANCELS;
		wire_over(side);
	} else if (code >> 16 == 3 && length > 8 && length <= WIRE_PACKET_MOST) {
		w->event.purpose = PURPOSE_SESSION;
		side->left = length - 8;
		side->state = WIRE_NAME;
		side->got = 0;
	} else {
		wire_lost(side);
	}
}

WIRE_INLINE void wire_start_client(struct wire *w, __u8 byte)
{
	struct wire_side *side = &w->client;

	side->head[side->got & 7] = byte;
	side->got++;
	if (side->got == 1 && byte == TLS_HANDSHAKE && !w->asked) {
		/* The answer was yes, or there was no question: then both sides speak it. */
		if (w->event.encryption != ENCRYPTION_TLS)
			side->news |= WIRE_ENCRYPTS;
		w->event.encryption = ENCRYPTION_TLS;
		wire_tls(&w->server, 0);
		wire_tls(side, 1);
	} else if (side->got == 1 && (byte || w->asked == 'G')) {
		wire_lost(
			side); /* nothing that begins a startup packet, or can't be told from one */
	} else if (side->got == 8) {
		wire_packet(w);
	}
}

WIRE_INLINE int wire_is(const char *name, __u32 got, const char *wanted, __u32 length)
{
	if (got != length)
		return 0;
	for (__u32 i = 0; i < length; i++)
		if (name[i] != wanted[i])
			return 0;
	return 1;
}

WIRE_INLINE __u8 wire_parameter(const char *name, __u32 got)
{
	if (wire_is(name, got, "user", 4))
		return WIRE_USER;
	if (wire_is(name, got, "database", 8))
		return WIRE_DATABASE;
	if (wire_is(name, got, "application_name", 16))
		return WIRE_APPLICATION;
	return wire_is(name, got, "replication", 11) ? WIRE_REPLICATION : WIRE_OTHER;
}

/* As the server does: no database means the one named like the user. */
WIRE_INLINE void wire_startup(struct wire *w)
{
	if (w->client.left) { /* the last byte must be the terminator */
		wire_lost(&w->client);
		return;
	}
	if (!w->event.database[0] && w->event.purpose == PURPOSE_SESSION)
		__builtin_memcpy(w->event.database, w->event.user, EVENT_NAME);
	w->event.encryption = ENCRYPTION_NONE;
	w->client.news |= WIRE_STARTUP;
	wire_next(&w->client);
}

WIRE_INLINE void wire_name(struct wire *w, __u8 byte)
{
	struct wire_side *side = &w->client;

	side->left--;
	if (byte) {
		if (side->got < sizeof(w->name))
			w->name[side->got++] = (char)byte;
	} else if (!side->got) {
		wire_startup(w);
		return;
	} else {
		side->field = wire_parameter(w->name, side->got);
		side->state = WIRE_VALUE;
		side->got = 0;
	}
	if (!side->left)
		wire_lost(side);
}

WIRE_INLINE void wire_put(char *to, __u32 size, __u32 at, __u8 byte)
{
	if (at < size - 1) {
		to[at] = (char)byte;
		to[at + 1] = 0;
	}
}

/* The server's idea of true, and "database": all begin with one of these. */
WIRE_INLINE void wire_replicates(struct wire *w, __u32 at, __u8 byte)
{
	__u8 first = at ? (__u8)w->name[0] : byte | 32;
	int yes = first == '1' || first == 't' || first == 'y' || first == 'd' ||
		  (at && first == 'o' && (byte | 32) == 'n');

	w->name[0] = (char)first;
	if (at < 2)
		w->event.purpose = yes ? PURPOSE_REPLICATION : PURPOSE_SESSION;
}

WIRE_INLINE void wire_value(struct wire *w, __u8 byte)
{
	struct wire_side *side = &w->client;
	__u32 at = side->got;

	side->left--;
	switch (side->field) {
	case WIRE_USER: wire_put(w->event.user, EVENT_NAME, at, byte); break;
	case WIRE_DATABASE: wire_put(w->event.database, EVENT_NAME, at, byte); break;
	case WIRE_APPLICATION: wire_put(w->event.application, EVENT_NAME, at, byte); break;
	case WIRE_REPLICATION: wire_replicates(w, at, byte); break;
	}
	if (!byte) {
		side->state = WIRE_NAME;
		side->got = 0;
	} else if (side->got < 255) {
		side->got++;
	}
	if (!side->left)
		wire_lost(side);
}

/* After the StartupMessage: passwords are passed over, only a Terminate matters. */
WIRE_INLINE void wire_head_client(struct wire *w, __u8 byte)
{
	struct wire_side *side = &w->client;
	__u32 length;

	side->head[side->got & 7] = byte;
	if (++side->got < 5)
		return;
	length = wire_number(side->head + 1);
	if (length < 4 || length > 1 << 30) {
		wire_lost(side);
		return;
	}
	if (side->head[0] == 'X' && length == 4)
		side->news |= WIRE_TERMINATES;
	side->left = length - 4;
	wire_next(side);
}

WIRE_INLINE void wire_client(struct wire *w, __u8 byte)
{
	switch (w->client.state) {
	case WIRE_START: wire_start_client(w, byte); break;
	case WIRE_NAME: wire_name(w, byte); break;
	case WIRE_VALUE: wire_value(w, byte); break;
	case WIRE_HEAD: wire_head_client(w, byte); break;
	case WIRE_RECORD: wire_record(w, &w->client, 1, byte); break;
	}
}

/* -- server ---------------------------------------------------------------------------------- */

/* The answer to the client's question; 0: it was none, but a message. */
WIRE_INLINE int wire_answer(struct wire *w, __u8 byte)
{
	__u8 asked = w->asked;

	w->asked = 0;
	if (byte == 'E') /* a server that can't even answer */
		return 0;
	if (asked == 'S' && byte == 'S') {
		w->event.encryption = ENCRYPTION_TLS;
		w->server.news |= WIRE_ENCRYPTS;
		wire_tls(&w->server, 0);
	} else if (asked == 'G' && byte == 'G') {
		w->event.encryption = ENCRYPTION_GSS;
		w->server.news |= WIRE_ENCRYPTS;
		wire_lost(&w->client);
		wire_lost(&w->server);
	} else if (byte != 'N') {
		wire_lost(&w->server);
	}
	return 1;
}

WIRE_INLINE void wire_message(struct wire *w)
{
	struct wire_side *side = &w->server;
	__u8 type = side->head[0];
	__u32 length = wire_number(side->head + 1);
	__u32 most = type == 'E' ? WIRE_ERROR_MOST : WIRE_MESSAGE_MOST;

	if (type == 'E')
		side->news |= WIRE_REFUSED;
	if (length < 4 || length > most) { /* after 'E': the text of a server that can't fork */
		wire_lost(side);
		return;
	}
	side->left = length - 4;
	wire_next(side);
	switch (type) {
	case 'R': /* Authentication…: only that it is one */
	case 'S': /* ParameterStatus */
	case 'N': /* NoticeResponse */
	case 'v': /* NegotiateProtocolVersion */ break;
	case 'K':
		if (side->left >= 8)
			side->state = WIRE_KEY;
		break;
	case 'Z':
		side->news |= WIRE_ADMITTED;
		w->event.started = 1;
		wire_over(side);
		break;
	case 'E':
		if (side->left)
			side->state = WIRE_FIELD;
		break;
	default: wire_lost(side);
	}
}

WIRE_INLINE void wire_head_server(struct wire *w, __u8 byte)
{
	struct wire_side *side = &w->server;

	side->head[side->got & 7] = byte;
	if (++side->got >= 5)
		wire_message(w);
}

WIRE_INLINE void wire_start_server(struct wire *w, __u8 byte)
{
	if (w->asked && wire_answer(w, byte))
		return;
	w->server.state = WIRE_HEAD;
	w->server.got = 0;
	wire_head_server(w, byte);
}

WIRE_INLINE void wire_key(struct wire *w, __u8 byte)
{
	struct wire_side *side = &w->server;

	side->left--;
	side->head[side->got & 7] = byte;
	if (++side->got < 4)
		return;
	w->event.backend_pid = wire_number(side->head);
	wire_next(side);
}

WIRE_INLINE void wire_error_end(struct wire_side *side)
{
	side->news |= WIRE_DETAIL;
	wire_next(side);
}

WIRE_INLINE void wire_field(struct wire *w, __u8 byte)
{
	struct wire_side *side = &w->server;

	side->left--;
	side->field = byte;
	side->got = 0;
	side->state = WIRE_TEXT;
	if (!byte || !side->left)
		wire_error_end(side);
}

WIRE_INLINE void wire_text(struct wire *w, __u8 byte)
{
	struct wire_side *side = &w->server;

	side->left--;
	if (side->field == 'C' && byte)
		wire_put(w->event.sqlstate, sizeof(w->event.sqlstate) - 2, side->got, byte);
	else if (side->field == 'M' && byte)
		wire_put(w->event.message, EVENT_MESSAGE, side->got, byte);
	if (side->got < 255)
		side->got++;
	if (!byte)
		side->state = WIRE_FIELD;
	if (!side->left)
		wire_error_end(side);
}

WIRE_INLINE void wire_server(struct wire *w, __u8 byte)
{
	switch (w->server.state) {
	case WIRE_START: wire_start_server(w, byte); break;
	case WIRE_HEAD: wire_head_server(w, byte); break;
	case WIRE_KEY: wire_key(w, byte); break;
	case WIRE_FIELD: wire_field(w, byte); break;
	case WIRE_TEXT: wire_text(w, byte); break;
	case WIRE_RECORD: wire_record(w, &w->server, 0, byte); break;
	}
}

/* A stretch of one side's bytes, for those who have it in memory. The kernel's is wire.bpf.c. */
WIRE_INLINE void wire_feed(struct wire *w, int is_client, const __u8 *bytes, __u32 length)
{
	struct wire_side *side = is_client ? &w->client : &w->server;

	for (__u32 at = 0; at < length && side->state != WIRE_OVER;) {
		if (!wire_wants(side, is_client)) {
			__u32 n = side->left < length - at ? side->left : length - at;

			wire_skipped(side, n);
			at += n;
		} else if (is_client) {
			wire_client(w, bytes[at++]);
		} else {
			wire_server(w, bytes[at++]);
		}
	}
}

#endif
