/* SPDX-License-Identifier: BSD-2-Clause */
/* loop.c: who lends to the loop, the poll() itself, and how a watch ends. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "base/ns.h"
#include "loop.h"
#include "privilege.h"

/* In the order in which they are served when several are ready. Signals and the end come after
 * all that tells of connections: what was there before them is taken in first. */
static int (*const lenders[])(struct loop *) = {
	ring_lend, replay_lend, snapshot_lend, metrics_lend, collected_lend, signals_lend,
	duration_lend, screen_lend, reader_lend, notify_lend,
	command_lend, /* last: it runs from then on */
};

int timer_set(int fd, __u64 ns, bool repeats)
{
	struct itimerspec spec = {.it_value = {(time_t)(ns / SECOND), (long)(ns % SECOND)}};

	if (repeats)
		spec.it_interval = spec.it_value;
	return timerfd_settime(fd, 0, &spec, NULL) ? -errno : 0;
}

int timer_open(__u64 ns, bool repeats)
{
	int fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	int error = fd < 0 ? -errno : timer_set(fd, ns, repeats);

	if (!error)
		return fd;
	if (fd >= 0)
		close(fd);
	return error;
}

int fd_copy(int fd)
{
	int copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);

	return copy < 0 ? -errno : copy;
}

void timer_clear(int fd)
{
	__u64 count;

	if (read(fd, &count, sizeof(count)) < 0)
		return; /* nothing there: fine */
}

int loop_lend(struct loop *l, int fd, source_ready *ready, void *data)
{
	if (fd < 0)
		return fd;
	if (l->source_count == LOOP_SOURCES)
		return -ENOSPC;
	l->sources[l->source_count] = (struct source){.fd = fd, .ready = ready, .data = data};
	return (int)l->source_count++;
}

void loop_take_back(struct loop *l, int fd)
{
	for (size_t i = 0; i < l->source_count; i++)
		if (l->sources[i].fd == fd)
			l->sources[i].fd = -1; /* poll() passes over it */
	close(fd);
}

/* A watch without an end shows its events; a bounded one, and a command's, is waited for, for its
 * report, and one that serves metrics is left alone. */
bool loop_shows_events(const struct loop *l)
{
	const struct options *o = l->options;
	bool ends = o->duration || o->once || o->replay || o->command;

	return o->view->event && !o->screen &&
	       (o->view->streams || !(ends || o->metrics.ss_family));
}

/* A full disk ends the recording, not the watch. */
static void record_event(struct loop *l, const union event *event)
{
	if (!l->recorder)
		return;
	l->record_error = recorder_write(l->recorder, event);
	if (!l->record_error)
		return;
	fprintf(stderr, "pgleaktrace: the recording %s is cut short: %s; watching goes on\n",
		l->recording, strerror(-l->record_error));
	recorder_close(l->recorder);
	l->recorder = NULL;
}

void loop_take_event(struct loop *l, const union event *event)
{
	record_event(l, event);
	l->taken++;
	if (event->head.kind == EVENT_SESSION) /* a view needs it to tell the time */
		model_apply(l->model, event);
	if (loop_shows_events(l))
		l->options->view->event(l->context, l->model, event);
	if (event->head.kind != EVENT_SESSION)
		model_apply(l->model, event);
	if (event->head.kind == EVENT_SNAPSHOT && !event->snapshot.begins)
		loop_judge(l, loop_shows_events(l));
}

int loop_take_some(struct loop *l, unsigned most)
{
	union event event;

	for (unsigned i = 0; i < most; i++) {
		int result = stream_next(l->stream, &event);

		if (result != 1)
			return result;
		loop_take_event(l, &event);
	}
	return 1;
}

int loop_take_events(struct loop *l)
{
	int result;

	do
		result = loop_take_some(l, 1u << 16);
	while (result == 1);
	return result;
}

static int lend_all(struct loop *l)
{
	for (size_t i = 0; i < sizeof(lenders) / sizeof(lenders[0]); i++) {
		int error = lenders[i](l);

		if (error < 0)
			return error;
	}
	return 0;
}

static void give_back(struct loop *l)
{
	for (size_t i = 0; i < l->source_count; i++) {
		if (l->sources[i].done)
			l->sources[i].done(l, l->sources[i].fd, l->sources[i].data);
		if (l->sources[i].fd >= 0)
			close(l->sources[i].fd);
	}
	l->source_count = 0;
}

/* The stop reason of the source that ended it, or -errno. */
static int wait_for_end(struct loop *l)
{
	struct pollfd fds[LOOP_SOURCES];

	for (;;) {
		size_t count = l->source_count; /* a source may lend another */

		for (size_t i = 0; i < count; i++)
			fds[i] = (struct pollfd){.fd = l->sources[i].fd, .events = POLLIN};
		if (poll(fds, count, -1) < 0) {
			if (errno == EINTR)
				continue;
			return -errno;
		}
		for (size_t i = 0; i < count; i++) {
			struct source *source = &l->sources[i];
			bool ready = fds[i].revents && source->fd >= 0;
			int result = ready ? source->ready(l, source->fd, source->data) : 0;

			if (result)
				return result;
		}
	}
}

/* The last look: what is open at the end, and the final books. Two, so that a difference between
 * books and sockets is either gone or certain. With --once the first look is the last one too, unless
 * there is such a difference. */
static int finish(struct loop *l, enum stop_reason reason)
{
	int error = stream_poll(l->stream), taken;
	int looks = reason == STOP_ONCE && model_is_certain(l->model) ? 0 : 2;

	for (int i = 0; i < looks && !error; i++)
		error = stream_snapshot(l->stream);
	stream_stop(l->stream, reason);
	taken = loop_take_events(l); /* a look that failed does not undo what was seen before */
	return error ? error : taken;
}

int loop_run(struct loop *l)
{
	int result, error;

	if (l->options->once) {
		error = loop_take_events(l);
		if (!error)
			error = privilege_drop(l->options);
		result = error ? error : STOP_ONCE;
	} else {
		result = lend_all(l);
		if (!result)
			result = privilege_drop(l->options);
		if (!result)
			result = wait_for_end(l);
		give_back(l);
	}
	if (result > 0)
		result = finish(l, (enum stop_reason)result);
	return result == -ENODATA ? 0 : result;
}
