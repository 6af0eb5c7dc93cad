/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * stream.h: where events come from. Two kinds, one face: the live kernel, and a recording.
 *
 *   stream_live_open() / stream_replay_open() → stream_next() … → stream_close()
 *
 * A stream begins with EVENT_SESSION and, if it ended in order, ends with EVENT_STOP. Loss is an
 * event too (EVENT_LOSS), never a silence.
 */
#ifndef PGLEAKTRACE_STREAM_H
#define PGLEAKTRACE_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <pgleaktrace/event.h>

struct stream;

/* How to watch. All fields have their defaults from the option table. */
struct live_config {
	__u16 ports[EVENT_PORTS];
	__u32 port_count;
	__u32 ring_size; /* bytes, a power of two of at least a page */
	__u32 max_tracked; /* most processes counted one by one at once */
	bool wire;	 /* read what is said before a session starts */
	bool redact;	 /* remove secrets from command lines */
	bool source;	 /* read scripts for where they create clients */
	bool scoped;	 /* follow only what this process forks from the first snapshot on */
	bool unix_off;	 /* leave unix sockets alone */
	bool brief;	 /* the first snapshot is all that is wanted: load no more than it needs */
	bool verbose;	 /* pass libbpf's own messages on to stderr */
};

/*
 * Attaches, takes the first snapshot and returns a stream whose events begin with the session.
 * Errors: -EPERM (privilege), -ENOENT (no BTF), -EOPNOTSUPP (a hook this kernel lacks), others from
 * libbpf; `why` (size bytes) then holds one sentence for a person.
 */
int stream_live_open(struct stream **out, const struct live_config *config, char *why, size_t size);

/* Opens a recording; "-" is standard input. -errno of open(), or -EINVAL if it is no recording. */
int stream_replay_open(struct stream **out, const char *path, char *why, size_t size);

/* The descriptor to poll; -1: always ready (a recording). */
int stream_fd(const struct stream *stream);

/*
 * The next event. 1: *event is set, its strings live until the next call; 0: none now;
 * -ENODATA: the stream is over; other -errno: it broke.
 */
int stream_next(struct stream *stream, union event *event);

/* Live: gathers what the ring holds. Call on a timer and whenever stream_fd() is readable. */
int stream_poll(struct stream *stream);

/* Live: queues a snapshot of all that is open, with totals and losses. Replay: nothing to do. */
int stream_snapshot(struct stream *stream);

/* Live: queues EVENT_STOP behind everything seen so far. Replay: the stream is over. */
void stream_stop(struct stream *stream, enum stop_reason reason);

/* How full the kernel's maps are, one per call, as of the last snapshot; false after the last, and
 * for a recording. `name` is static. */
bool stream_fill(
	const struct stream *stream, size_t index, const char **name, __u64 *used, __u64 *most);

/* Live: queues a fact that only the caller knows, EVENT_COMMAND; its strings must outlive the stream.
 * Replay: nothing to do, a recording has its own. */
void stream_add(struct stream *stream, const union event *event);

/* Live, scoped: does any process live that descends from this one? Replay: no. */
bool stream_scope_lives(const struct stream *stream);

/* Accepts NULL. Detaches everything from the kernel. */
void stream_close(struct stream *stream);

/* Writes events as a recording: NDJSON, one object per line, mode 0600, see docs/RECORDING.md. */
struct recorder;
/* -errno with one sentence in `why`: a path that others could have prepared is refused. */
int recorder_open(struct recorder **out, const char *path, char *why, size_t size);
/* The same into a file that is open already; the recorder owns `fd` from here on. */
int recorder_open_fd(struct recorder **out, int fd);
/* 0, or the -errno of the first write that failed; then nothing more is written. */
int recorder_write(struct recorder *recorder, const union event *event);
/* Its file, for whoever moves it. */
FILE *recorder_file(struct recorder *recorder);
/* Flushes; returns the first error, or 0. Accepts NULL. */
int recorder_close(struct recorder *recorder);

/* Can it run here? One need per call; returns false after the last. */
struct check {
	const char *need;
	bool ok;
	bool required;	  /* false: a comfort */
	bool privilege;	  /* the user's to give, not the kernel's */
	const char *mend; /* the one command or sentence that mends it */
};
bool stream_check(size_t index, struct check *out);

#endif
