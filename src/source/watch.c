/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * watch.c: the live stream's descriptors. Details lie in the kernel's ring until a timer comes; only
 * a new process wakes us at once.
 */
#include <stdio.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/ns.h"
#include "loop.h"
#include "stream/proc.h"

#define DRAIN_NS   (100 * MILLISECOND) /* how long details may lie in the ring */
#define LOOK_SHARE 125 /* a look may take one part in so many of a core: with all else, 1 % */

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
	if (!proc_is_hosts())
		fputs("pgleaktrace: not in the host's pid namespace: connections from before now, "
		      "holders and names are those of this container alone (--pid=host mends it)\n",
			stderr);
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
	result = loop_lend(l, fd_copy(stream_fd(l->stream)), ring_ready, NULL);
	return result < 0 ? result : loop_lend(l, timer_open(DRAIN_NS, true), drain_ready, NULL);
}

static __u64 clock_ns(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return (__u64)now.tv_sec * SECOND + (__u64)now.tv_nsec;
}

static void say_progress(const struct loop *l, __u64 ns)
{
	__u64 whole = l->options->duration;

	if (l->options->quiet || whole < SECOND || !isatty(STDERR_FILENO))
		return;
	fprintf(stderr, "\rpgleaktrace: %llus of %llus ", ns / SECOND, whole / SECOND);
	if (ns >= whole)
		fputs("\r\033[K", stderr);
}

__u64 look_period(__u64 interval, __u64 cost)
{
	return cost > interval / LOOK_SHARE ? cost * LOOK_SHARE : interval;
}

/* What lies in the ring is taken in first: a storm's events are not the look's cost. */
static int look(struct loop *l, __u64 *cost)
{
	int error = stream_poll(l->stream);
	__u64 before;

	if (!error)
		error = loop_take_events(l);
	before = clock_ns(CLOCK_THREAD_CPUTIME_ID);
	if (!error)
		error = stream_snapshot(l->stream);
	if (!error)
		error = loop_take_events(l);
	*cost = clock_ns(CLOCK_THREAD_CPUTIME_ID) - before;
	return error;
}

static int snapshot_ready(struct loop *l, int fd, void *data)
{
	__u64 cost;
	int error;

	(void)data;
	timer_clear(fd);
	error = look(l, &cost);
	say_progress(l, clock_ns(CLOCK_MONOTONIC) - l->began);
	return error ? error : timer_set(fd, look_period(l->options->interval, cost), false);
}

/* The line of progress goes, however the watch ended. */
static void snapshot_done(struct loop *l, int fd, void *data)
{
	(void)fd;
	(void)data;
	say_progress(l, l->options->duration);
}

int snapshot_lend(struct loop *l)
{
	int index;

	if (l->options->replay)
		return 0;
	l->began = clock_ns(CLOCK_MONOTONIC);
	index = loop_lend(l, timer_open(l->options->interval, false), snapshot_ready, NULL);
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
	return loop_lend(l, fd_copy(out), reader_gone, NULL);
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
