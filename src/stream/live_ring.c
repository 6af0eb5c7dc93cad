/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * live_ring.c: what the kernel tells by itself: records of the ring become events, and whoever they
 * speak of is introduced first.
 */
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/mem.h"
#include "stream/live_state.h"

static struct known *known_find(struct live *live, const struct process_key *key)
{
	struct known *known;

	HASH_FIND(hh, live->known, key, sizeof(*key), known);
	return known;
}

static struct known *known_add(struct live *live, const struct process_key *key)
{
	struct known *known = xcalloc(1, sizeof(*known));

	known->key = *key;
	HASH_ADD(hh, live->known, key, sizeof(known->key), known);
	return known;
}

static void push_identity(struct live *live, struct identity *identity)
{
	union event event = {.process = identity->event};
	struct known *known = known_find(live, &identity->event.process);

	if (!known)
		known = known_add(live, &identity->event.process);
	if (known->unreadable && live->unreadable)
		live->unreadable--; /* made up for */
	known->unreadable = false;
	live_push_owned(live, &event, identity->arena);
}

void live_introduce_with(
	struct live *live, const struct process_key *key, const struct process_capture *facts)
{
	struct identity identity;

	if (!key->pid || known_find(live, key))
		return;
	if (identity_from_proc(&identity, key, facts, &live->brood, live->config.redact,
		    live->config.source)) {
		known_add(live, key)->unreadable = true;
		live->unreadable++;
		return;
	}
	identity.event.head.time = live_now();
	push_identity(live, &identity);
}

void live_introduce(struct live *live, const struct process_key *key)
{
	live_introduce_with(live, key, NULL);
}

void live_introduce_ledger(struct live *live, const struct ledger_key *key)
{
	live_introduce(live, &key->process);
	live_unix_place(live, &key->server);
}

static int on_record(void *context, void *data, size_t size)
{
	struct live *live = context;
	const struct event_head *head = data;
	struct identity identity;

	if (head->kind == EVENT_PROCESS) {
		identity_from_capture(
			&identity, data, &live->brood, live->config.redact, live->config.source);
		push_identity(live, &identity);
		return 0;
	}
	if (head->kind == EVENT_OPEN)
		live_introduce_ledger(live, &((struct event_open *)data)->ledger);
	else if (head->kind == EVENT_FAIL)
		live_introduce_ledger(live, &((struct event_fail *)data)->ledger);
	else if (head->kind == EVENT_END) /* of one that nobody saw open: unix_unseen.bpf.c */
		live_introduce_ledger(live, &((struct event_end *)data)->ledger);
	live_push(live, data, size);
	return 0;
}

int live_poll(struct stream *stream)
{
	struct live *live = (struct live *)stream;
	struct epoll_event seen;
	int n;

	epoll_wait(live->wakes, &seen, 1, 0);
	n = ring_buffer__consume(live->ring);
	brood_forget(&live->brood);
	return n < 0 ? n : 0;
}

/* Ready when the kernel has called, until live_poll(). libbpf's own descriptor is ready as long as
 * anything lies in the ring: in a storm we would run after each record. */
static int wakes_open(int ring)
{
	struct epoll_event calls = {.events = EPOLLIN | EPOLLET};
	int fd = epoll_create1(EPOLL_CLOEXEC);

	if (fd >= 0 && !epoll_ctl(fd, EPOLL_CTL_ADD, ring, &calls))
		return fd;
	if (fd >= 0)
		close(fd);
	return -errno;
}

int live_ring_open(struct live *live)
{
	int ring = bpf_map__fd(live->skel->maps.events);

	live->wakes = wakes_open(ring);
	if (live->wakes < 0)
		return live->wakes;
	live->ring = ring_buffer__new(ring, on_record, live, NULL);
	return live->ring ? 0 : -errno;
}

void live_ring_close(struct live *live)
{
	struct known *known, *next;

	ring_buffer__free(live->ring);
	if (live->wakes >= 0)
		close(live->wakes);
	HASH_ITER (hh, live->known, known, next) {
		HASH_DEL(live->known, known);
		free(known);
	}
	brood_forget(&live->brood);
}
