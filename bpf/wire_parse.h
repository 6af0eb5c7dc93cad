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
 *
 *   wire_state.h   how far the reading has come, and TLS's records
 *   wire_client.h  the client's side
 *   wire_server.h  the server's side
 */
#ifndef WIRE_PARSE_H
#define WIRE_PARSE_H

#include "wire_client.h"
#include "wire_server.h"

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
