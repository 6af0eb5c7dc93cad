/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* wire_client.h: what a client says until its session has started, a byte at a time. */
#ifndef WIRE_CLIENT_H
#define WIRE_CLIENT_H

#include "wire_state.h"

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
		/* Nothing that begins a startup packet, or can't be told from one. */
		wire_lost(side);
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

#endif
