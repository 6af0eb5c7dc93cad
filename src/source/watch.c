/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * watch.c: the live stream's descriptors. Details lie in the kernel's ring until a timer comes; only
 * a new process wakes us at once.
 */
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "loop.h"

#define DRAIN_NS 100000000ull /* how long details may lie in the ring */

static int ring_ready(struct loop *l, int fd, void *data)
{
	int error = stream_poll(l->stream);

	(void)fd;
	(void)data;
	return error ? error : loop_take_events(l);
}

static int drain_ready(struct loop *l, int fd, void *data)
{
	timer_clear(fd);
	return ring_ready(l, fd, data);
}

static void say_watching(const struct loop *l)
{
	const struct live_config *live = &l->options->live;

	/* the terminal is the command's, or the screen's */
	if (l->options->quiet || l->command || l->options->screen)
		return;
	fprintf(stderr, "pgleaktrace: watching port");
	for (__u32 i = 0; i < live->port_count; i++)
		fprintf(stderr, "%s%u", i ? "," : " ", live->ports[i]);
	fputs(l->options->duration ? "\n" : "; Ctrl-C ends with the report\n", stderr);
}

int ring_lend(struct loop *l)
{
	int result;

	if (l->options->replay)
		return 0;
	result = loop_take_events(l); /* the first snapshot's */
	if (result)
		return result;
	say_watching(l);
	/* The ring's descriptor stays the stream's own: the loop closes its copy. */
	result = loop_lend(l, dup(stream_fd(l->stream)), ring_ready, NULL);
	return result < 0 ? result : loop_lend(l, timer_open(DRAIN_NS, true), drain_ready, NULL);
}

static void say_progress(const struct loop *l, unsigned seconds)
{
	unsigned long long whole = l->options->duration / 1000000000ull;

	if (l->options->quiet || !whole || !isatty(STDERR_FILENO))
		return;
	fprintf(stderr, "\rpgleaktrace: %us of %llus ", seconds, whole);
	if (seconds >= whole)
		fputs("\r\033[K", stderr);
}

static int snapshot_ready(struct loop *l, int fd, void *data)
{
	int error;

	(void)data;
	timer_clear(fd);
	error = stream_poll(l->stream);
	if (!error)
		error = stream_snapshot(l->stream);
	say_progress(l, ++l->snapshots);
	return error ? error : loop_take_events(l);
}

/* The line of progress goes, however the watch ended. */
static void snapshot_done(struct loop *l, int fd, void *data)
{
	(void)fd;
	(void)data;
	say_progress(l, (unsigned)(l->options->duration / 1000000000ull));
}

int snapshot_lend(struct loop *l)
{
	int index;

	if (l->options->replay)
		return 0;
	index = loop_lend(l, timer_open(l->options->interval, true), snapshot_ready, NULL);
	if (index >= 0)
		l->sources[index].done = snapshot_done;
	return index;
}

static int reader_gone(struct loop *l, int fd, void *data)
{
	(void)l;
	(void)fd;
	(void)data;
	return STOP_SIGNAL;
}

/* Whoever reads the events through a pipe may leave (`| head`) long before the next one comes. A
 * pipe's writing end is ready for reading only then. */
int reader_lend(struct loop *l)
{
	int out = fileno(l->context->out);
	struct stat st;

	if (l->options->replay || !loop_shows_events(l) || fstat(out, &st) || !S_ISFIFO(st.st_mode))
		return 0;
	return loop_lend(l, dup(out), reader_gone, NULL);
}

static int duration_ready(struct loop *l, int fd, void *data)
{
	(void)l;
	(void)fd;
	(void)data;
	return STOP_DURATION;
}

int duration_lend(struct loop *l)
{
	if (l->options->replay || !l->options->duration)
		return 0;
	return loop_lend(l, timer_open(l->options->duration, false), duration_ready, NULL);
}
