/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * loop.c: signals and time are descriptors like the kernel's ring, so that one poll() waits for
 * all. Details lie in the ring until the timer comes; only a new process wakes us at once.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "loop.h"

#define DRAIN_NS 100000000ull /* how long details may lie in the ring */

enum slot { SLOT_STREAM, SLOT_SIGNAL, SLOT_DRAIN, SLOT_SNAPSHOT, SLOT_END, SLOTS };

static int timer_open(__u64 ns, bool repeats)
{
	struct itimerspec spec = {
		.it_value = {(time_t)(ns / 1000000000ull), (long)(ns % 1000000000ull)}};
	int fd;

	if (!ns)
		return -1;
	if (repeats)
		spec.it_interval = spec.it_value;
	fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	if (fd >= 0)
		timerfd_settime(fd, 0, &spec, NULL);
	return fd;
}

/* The signals that end a watch, as a descriptor. */
static int signals_open(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGHUP);
	sigprocmask(SIG_BLOCK, &set, NULL);
	return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

static void clear(int fd)
{
	char buffer[sizeof(struct signalfd_siginfo)];

	if (fd >= 0 && read(fd, buffer, sizeof(buffer)) < 0)
		return; /* nothing there: fine */
}

/* A watch without an end shows its events; a bounded one is waited for, for its report. */
static bool shows_events(const struct options *o)
{
	return o->view->event && (o->view->streams || !(o->duration || o->once || o->replay));
}

/* Everything the stream has now: recorded, shown, believed. 0, -ENODATA at its end, or -errno. */
static int take_events(struct loop *l)
{
	union event event;
	int result, error = 0;

	while ((result = stream_next(l->stream, &event)) == 1) {
		if (l->recorder)
			error = recorder_write(l->recorder, &event);
		if (event.head.kind == EVENT_SESSION) /* a view needs it to tell the time */
			model_apply(l->model, &event);
		if (shows_events(l->options))
			l->options->view->event(l->context, l->model, &event);
		if (event.head.kind != EVENT_SESSION)
			model_apply(l->model, &event);
		if (error)
			return error;
	}
	return result;
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

static void say_watching(const struct loop *l)
{
	const struct live_config *live = &l->options->live;

	if (l->options->quiet)
		return;
	fprintf(stderr, "pgleaktrace: watching port");
	for (__u32 i = 0; i < live->port_count; i++)
		fprintf(stderr, "%s%u", i ? "," : " ", live->ports[i]);
	fputs(l->options->duration ? "\n" : "; Ctrl-C ends with the report\n", stderr);
}

/* The last look: what is open at the end, and the final books. Two, so that a difference between
 * books and sockets is either gone or certain. */
static int finish(struct loop *l, enum stop_reason reason)
{
	int error = stream_poll(l->stream);

	for (int i = 0; i < 2 && !error; i++)
		error = stream_snapshot(l->stream);
	stream_stop(l->stream, reason);
	return error ? error : take_events(l);
}

static int wait_live(struct loop *l, struct pollfd *fds)
{
	unsigned seconds = 0;

	for (;;) {
		int error;

		if (poll(fds, SLOTS, -1) < 0 && errno != EINTR)
			return -errno;
		if (fds[SLOT_SIGNAL].revents || fds[SLOT_END].revents)
			return fds[SLOT_SIGNAL].revents ? STOP_SIGNAL : STOP_DURATION;
		clear(fds[SLOT_DRAIN].revents ? fds[SLOT_DRAIN].fd : -1);
		error = stream_poll(l->stream);
		if (!error && fds[SLOT_SNAPSHOT].revents) {
			clear(fds[SLOT_SNAPSHOT].fd);
			error = stream_snapshot(l->stream);
			say_progress(l, ++seconds);
		}
		if (!error)
			error = take_events(l);
		if (error)
			return error;
	}
}

static int run_live(struct loop *l, struct pollfd *fds)
{
	int reason = STOP_ONCE, error;

	if (!l->options->once) {
		error = take_events(l);
		if (error)
			return error;
		say_watching(l);
		reason = wait_live(l, fds);
		if (reason < 0)
			return reason;
		/* From here on a second Ctrl-C ends the program at once. */
		signal(SIGINT, SIG_DFL);
		clear(fds[SLOT_SIGNAL].fd);
		sigset_t none;
		sigemptyset(&none);
		sigprocmask(SIG_SETMASK, &none, NULL);
		say_progress(l, (unsigned)(l->options->duration / 1000000000ull));
	}
	error = finish(l, (enum stop_reason)reason);
	return error == -ENODATA ? 0 : error;
}

int loop_run(struct loop *l)
{
	struct pollfd fds[SLOTS];
	int result;

	if (l->options->replay) {
		result = take_events(l);
		return result == -ENODATA ? 0 : result;
	}
	fds[SLOT_STREAM].fd = stream_fd(l->stream);
	fds[SLOT_SIGNAL].fd = signals_open();
	fds[SLOT_DRAIN].fd = timer_open(DRAIN_NS, true);
	fds[SLOT_SNAPSHOT].fd = timer_open(l->options->interval, true);
	fds[SLOT_END].fd = timer_open(l->options->duration, false);
	for (int i = 0; i < SLOTS; i++)
		fds[i].events = POLLIN;
	result = run_live(l, fds);
	for (int i = SLOT_SIGNAL; i < SLOTS; i++)
		if (fds[i].fd >= 0)
			close(fds[i].fd);
	return result;
}
