/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* wire_server.h: what a server says until the session has started, a byte at a time. */
#ifndef WIRE_SERVER_H
#define WIRE_SERVER_H

#include "wire_state.h"

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

#endif
