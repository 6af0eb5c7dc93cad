/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * live.c: the kernel as a stream: opened, asked, closed. How bpf/ is loaded is in live_load.c, what
 * the ring says in live_ring.c, the snapshot in live_snapshot.c; --once is all in live_look.c.
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "stream/live_state.h"

static int live_fd(const struct stream *stream)
{
	return ((const struct live *)stream)->wakes;
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

	live_ring_close(live);
	for (int i = 0; i < PASSES; i++)
		bpf_link__destroy(live->passes[i]);
	pgleaktrace_bpf__destroy(live->skel);
	live_unix_free(live);
	live_servers_free(live);
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
		.wall = live_clock(CLOCK_REALTIME),
		.port_count = live->config.port_count,
		.host = live->host.nodename,
		.kernel = live->host.release,
		.version = PGLEAKTRACE_VERSION,
	};

	memcpy(event.ports, live->config.ports, sizeof(event.ports));
	live_push(live, &event, sizeof(event));
}

/* A stream that has all that it will ever have. */
static int nothing_more(struct stream *stream)
{
	(void)stream;
	return 0;
}

static int no_fd(const struct stream *stream)
{
	(void)stream;
	return -1;
}

static const struct stream_ops look_ops = {
	.fd = no_fd,
	.next = live_next,
	.poll = nothing_more,
	.snapshot = nothing_more,
	.stop = live_stop,
	.add = live_add,
	.close = live_close,
};

static int live_watch(struct live *live)
{
	int error = live_load(live);

	if (!error)
		error = live_ring_open(live);
	if (error)
		return error;
	push_session(live);
	error = live_attach(live);
	return error ? error : live_snapshot(&live->stream);
}

static int live_look_once(struct live *live)
{
	push_session(live);
	return live_look(live);
}

int stream_live_open(struct stream **out, const struct live_config *config, char *why, size_t size)
{
	struct live *live = xcalloc(1, sizeof(*live));
	int error;

	live->stream.ops = config->brief ? &look_ops : &live_ops;
	live->config = *config;
	live->wakes = -1;
	uname(&live->host);
	libbpf_set_print(config->verbose ? verbose_print : quiet_print);
	error = config->brief ? live_look_once(live) : live_watch(live);
	if (error) {
		error = live_say_why(error, why, size);
		live_close(&live->stream);
		return error;
	}
	*out = &live->stream;
	return 0;
}
