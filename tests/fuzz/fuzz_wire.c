/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fuzz_wire.c: any bytes as a conversation, in segments of any size, through the parser that the
 * kernel runs. An input is a row of segments: one byte says whose it is (highest bit: the client's)
 * and how long, then come its bytes.
 *
 * However segments are cut, the same is learned; and what is passed over, passwords above all, is
 * never looked at: it may be anything else and nothing changes.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "../../bpf/wire_parse.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_text(const char *text, size_t size)
{
	if (!memchr(text, 0, size))
		abort();
}

/* What must hold after every byte. */
static void check(const struct wire *w)
{
	const struct event_wire *e = &w->event;

	check_text(e->user, sizeof(e->user));
	check_text(e->database, sizeof(e->database));
	check_text(e->application, sizeof(e->application));
	check_text(e->message, sizeof(e->message));
	check_text(e->sqlstate, sizeof(e->sqlstate));
	if (strlen(e->sqlstate) > 5 || w->client.left > 1 << 30 ||
		w->server.left > WIRE_MESSAGE_MOST)
		abort();
	/* Behind the StartupMessage a client is only counted: passwords come here. */
	if (w->client.news & WIRE_STARTUP && w->client.state != WIRE_HEAD &&
		w->client.state != WIRE_SKIP && w->client.state != WIRE_OVER)
		abort();
	/* A side that skips is at the end of what it may look at. */
	if (w->client.state == WIRE_SKIP && wire_wants(&w->client, 1))
		abort();
	if (w->server.state == WIRE_SKIP && wire_wants(&w->server, 0))
		abort();
}

/* A segment byte by byte; what is skipped is overwritten, so that nobody can have read it. */
static void feed_bytes(struct wire *w, int is_client, uint8_t *bytes, uint32_t length)
{
	struct wire_side *side = is_client ? &w->client : &w->server;

	for (uint32_t at = 0; at < length && side->state != WIRE_OVER; at++) {
		uint32_t wants = wire_wants(side, is_client);

		if (!wants) {
			bytes[at] = (uint8_t)~bytes[at];
			wire_skipped(side, 1);
		} else {
			wire_feed(w, is_client, bytes + at, 1);
		}
		check(w);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct wire pieces = {0}, whole = {0};

	for (size_t at = 0; at < size;) {
		int is_client = data[at] >> 7;
		size_t n = data[at++] & 127;
		uint8_t *segment;

		n = n < size - at ? n : size - at;
		segment = malloc(n + !n); /* its very size, so that one byte too far is seen */
		memcpy(segment, data + at, n);
		feed_bytes(&pieces, is_client, segment, (uint32_t)n);
		wire_feed(&whole, is_client, segment, (uint32_t)n);
		free(segment);
		at += n;
		if (memcmp(&pieces, &whole, sizeof(whole)))
			abort();
	}
	return 0;
}
