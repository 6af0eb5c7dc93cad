/* SPDX-License-Identifier: BSD-2-Clause */
/* proc.h: what /proc adds to an identity while the process still lives, and the fallback for one
 * the kernel could not capture. */
#ifndef STREAM_PROC_H
#define STREAM_PROC_H

#include <stdbool.h>
#include <sys/types.h>
#include <pgleaktrace/event.h>

/* An identity and the memory its strings live in. */
struct identity {
	struct event_process event;
	char *arena;
	size_t used, size;
};

/* From the kernel's record; then /proc adds user, container, unit, ancestors and the client library;
 * `source`: the script's own files may be read for where it creates clients. */
void identity_from_capture(
	struct identity *out, const struct process_capture *capture, bool redact, bool source);

/* From /proc alone; -ESRCH when no such process (pid and start time) is there. */
int identity_from_proc(
	struct identity *out, const struct process_key *key, bool redact, bool source);

/* Reads up to size - 1 bytes of /proc/PID/NAME, NUL-terminated; -errno or the length. */
ssize_t proc_read(__u32 pid, const char *name, char *buffer, size_t size);

/* Is it still this process, by pid and start time? Then who its parent is. */
bool proc_is(const struct process_key *key, __u32 *parent);

/* Where cgroup2 is mounted; false: nowhere. */
bool cgroup2_root(char *path, size_t size);

/* Is what is mounted there the root of all cgroups? In a cgroup namespace it may be a subtree, and
 * what hangs there does not hear of the rest. */
bool cgroup2_is_whole(const char *path);

#endif
