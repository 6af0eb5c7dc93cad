/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * live.c: the kernel as a stream: turns what the ring and the iterators say into events in their
 * right order. How bpf/ is loaded is in live_load.c, the snapshot in live_snapshot.c.
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/mem.h"
#include "stream/live.h"

static __u64 clock_now(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return (__u64)now.tv_sec * 1000000000ull + (__u64)now.tv_nsec;
}

__u64 live_now(void)
{
	return clock_now(CLOCK_BOOTTIME);
}

void live_push_owned(struct live *live, const union event *event, char *arena)
{
	queue_put(&live->queue, event, sizeof(*event), arena);
}

void live_push(struct live *live, const void *record, size_t size)
{
	queue_put(&live->queue, record, size, NULL);
}

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

void live_introduce(struct live *live, const struct process_key *key)
{
	struct identity identity;

	if (!key->pid || known_find(live, key))
		return;
	if (identity_from_proc(
		    &identity, key, &live->brood, live->config.redact, live->config.source)) {
		known_add(live, key)->unreadable = true;
		live->unreadable++;
		return;
	}
	identity.event.head.time = live_now();
	push_identity(live, &identity);
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

static int live_fd(const struct stream *stream)
{
	return ring_buffer__epoll_fd(((const struct live *)stream)->ring);
}

static int live_next(struct stream *stream, union event *event)
{
	struct live *live = (struct live *)stream;

	free(live->arena);
	live->arena = NULL;
	if (queue_take(&live->queue, event, &live->arena))
		return 1;
	return live->stopped ? -ENODATA : 0;
}

int live_poll(struct stream *stream)
{
	struct live *live = (struct live *)stream;
	int n = ring_buffer__consume(live->ring);

	brood_forget(&live->brood);
	return n < 0 ? n : 0;
}

static void live_stop(struct stream *stream, enum stop_reason reason)
{
	struct live *live = (struct live *)stream;
	struct event_stop event = {
		.head = {EVENT_STOP, sizeof(event), live_now()}, .reason = reason};

	live_push(live, &event, sizeof(event));
	live->stopped = true;
}

/* The processes' map holds what is known, but for those that can't be named. */
static bool live_fill(
	const struct stream *stream, size_t index, const char **name, __u64 *used, __u64 *most)
{
	const struct live *live = (const struct live *)stream;

	if (index > 1)
		return false;
	*name = index ? "processes" : "ledgers";
	*used = index ? HASH_COUNT(live->known) : live->ledgers;
	*most = live->config.max_tracked;
	return true;
}

static void live_add(struct stream *stream, const union event *event)
{
	union event timed = *event;

	timed.head.time = live_now();
	live_push_owned((struct live *)stream, &timed, NULL);
}

/* The tracer itself is the first member; anybody else is the command's. */
static bool live_scope_lives(const struct stream *stream)
{
	int fd = bpf_map__fd(((const struct live *)stream)->skel->maps.scope);
	__u32 first, second;

	return !bpf_map_get_next_key(fd, NULL, &first) &&
	       !bpf_map_get_next_key(fd, &first, &second);
}

static void live_close(struct stream *stream)
{
	struct live *live = (struct live *)stream;
	struct known *known, *next;

	ring_buffer__free(live->ring);
	for (int i = 0; i < PASSES; i++)
		bpf_link__destroy(live->passes[i]);
	pgleaktrace_bpf__destroy(live->skel);
	live_unix_free(live);
	HASH_ITER (hh, live->known, known, next) {
		HASH_DEL(live->known, known);
		free(known);
	}
	live_servers_free(live);
	brood_forget(&live->brood);
	free(live->arena);
	queue_free(&live->queue);
	free(live);
}

static const struct stream_ops live_ops = {
	.fd = live_fd,
	.next = live_next,
	.poll = live_poll,
	.snapshot = live_snapshot,
	.stop = live_stop,
	.fill = live_fill,
	.add = live_add,
	.scope_lives = live_scope_lives,
	.close = live_close,
};

static int quiet_print(enum libbpf_print_level level, const char *format, va_list args)
{
	(void)level;
	(void)format;
	(void)args;
	return 0;
}

static int verbose_print(enum libbpf_print_level level, const char *format, va_list args)
{
	return level == LIBBPF_DEBUG ? 0 : vfprintf(stderr, format, args);
}

static void push_session(struct live *live)
{
	struct event_session event = {
		.head = {EVENT_SESSION, sizeof(event), live_now()},
		.wall = clock_now(CLOCK_REALTIME),
		.port_count = live->config.port_count,
		.host = live->host.nodename,
		.kernel = live->host.release,
		.version = PGLEAKTRACE_VERSION,
	};

	memcpy(event.ports, live->config.ports, sizeof(event.ports));
	live_push(live, &event, sizeof(event));
}

static int ring_open(struct live *live)
{
	live->ring = ring_buffer__new(bpf_map__fd(live->skel->maps.events), on_record, live, NULL);
	return live->ring ? 0 : -errno;
}

int stream_live_open(struct stream **out, const struct live_config *config, char *why, size_t size)
{
	struct live *live = xcalloc(1, sizeof(*live));
	int error;

	live->stream.ops = &live_ops;
	live->config = *config;
	uname(&live->host);
	libbpf_set_print(config->verbose ? verbose_print : quiet_print);
	error = live_load(live);
	if (!error)
		error = ring_open(live);
	if (!error) {
		push_session(live);
		error = live_attach(live);
	}
	if (!error)
		error = live_snapshot(&live->stream);
	if (error) {
		error = live_say_why(error, why, size);
		live_close(&live->stream);
		return error;
	}
	*out = &live->stream;
	return 0;
}
