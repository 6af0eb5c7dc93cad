/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * loop.h: one poll() over sources that lend their descriptors, until one of them ends it.
 *
 *   a source's file: int NAME_lend(struct loop *): opens its descriptor and calls loop_lend(),
 *                    or returns 0 when the options do not ask for it
 *   loop.c:          one line in the table of lenders
 *
 * A source never blocks. Those that change what is believed (the kernel's ring, the snapshot timer,
 * a recording) call loop_take_events(); those that show it (a screen, metrics) read loop->model.
 */
#ifndef LOOP_H
#define LOOP_H

#include "options.h"

struct loop;

/* A lent descriptor and what to do when it is readable: 0 goes on, an enum stop_reason ends the
 * watch, -errno breaks it. */
typedef int source_ready(struct loop *loop, int fd, void *data);

struct source {
	int fd;
	source_ready *ready;
	void *data; /* the lender's, for ready() and done() */
	/* when the loop is over; NULL: nothing to do */
	void (*done)(struct loop *loop, int fd, void *data);
};
#define LOOP_SOURCES 16

struct loop {
	const struct options *options;
	const struct view_context *context;
	struct stream *stream;
	struct model *model;
	struct diagnosis *diagnosis;
	struct recorder *recorder; /* NULL: nothing is recorded, or no more since record_error */
	char *recording;           /* the name of its file; freed with the rest */
	int record_error;          /* -errno of that */
	struct command *command;   /* NULL: the whole host is watched */
	struct source sources[LOOP_SOURCES];
	size_t source_count;
	__u64 began; /* the watch, on the monotonic clock, ns */
	__u64 taken; /* events so far */
};

/* Runs until the stream is over or a source ends it; then, live, the last look and the final
 * books. 0, or the -errno of what broke. */
int loop_run(struct loop *loop);

/* Adds a source; the loop owns `fd` from here on and closes it. `fd` may be an error of the call
 * that should have opened it: -errno passes through. Returns the source's index. */
int loop_lend(struct loop *loop, int fd, source_ready *ready, void *data);

/* Closes a lent descriptor and waits for it no more. */
void loop_take_back(struct loop *loop, int fd);

/* One event: recorded, shown, believed. */
void loop_take_event(struct loop *loop, const union event *event);

/* Everything the stream has now: recorded, shown, believed. 0; -ENODATA at its end, or -errno. */
int loop_take_events(struct loop *loop);

/* The same for at most `most` events; 1: there are more. */
int loop_take_some(struct loop *loop, unsigned most);

/* judge.c: what the rules say after a look; `shows`: tell the view what is new or taken back. */
void loop_judge(struct loop *loop, bool shows);
/* At the end: judges what the report shows, and gives `to`, its findings, all that was taken back. */
void loop_take_resolved(struct loop *loop, const struct snapshot *shown, struct findings *to);

/* Are single events shown as they come? */
bool loop_shows_events(const struct loop *loop);

/* A copy of a descriptor, to be lent: the loop closes it, the owner keeps its own. Never the command's.
 * -errno. */
int fd_copy(int fd);

/* A timer as a descriptor: first after `ns`, then every `ns` if it repeats. -errno. */
int timer_open(__u64 ns, bool repeats);

/* The same for a timer that is open; 0 or -errno. */
int timer_set(int fd, __u64 ns, bool repeats);

/* How long after a look that took `cost` of CPU the next one comes: `interval`, or later, so that
 * watching an idle host never takes more than 1 % of a core. All in ns. */
__u64 look_period(__u64 interval, __u64 cost);

/* Reads away what made a timer or an eventfd readable. */
void timer_clear(int fd);

/* The lenders, one per file of src/source/. */
int ring_lend(struct loop *loop);      /* what the kernel tells */
int snapshot_lend(struct loop *loop);  /* -i: a look at all that is open */
int duration_lend(struct loop *loop);  /* -d: the end by time */
int signals_lend(struct loop *loop);   /* Ctrl-C and its kin */
int replay_lend(struct loop *loop);    /* --replay: a recording's events */
int metrics_lend(struct loop *loop);   /* --metrics: the pages */
int collected_lend(struct loop *loop); /* -o openmetrics --output-file: the file, now and then */
int notify_lend(struct loop *loop);    /* a service manager: ready, alive, stopping */
int command_lend(struct loop *loop);   /* -- CMD: starts it, waits for its end */
int screen_lend(struct loop *loop);    /* the live screen: keys in, frames out */
int reader_lend(struct loop *loop);    /* the pipe that events are shown in: is it read? */

/* What a signal means while a command runs. */
struct signalfd_siginfo;
int command_signal(struct loop *loop, const struct signalfd_siginfo *info);

#endif
