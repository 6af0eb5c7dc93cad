/* SPDX-License-Identifier: BSD-2-Clause */
/* proc_text.h: what the files of /proc/PID say, as text; no I/O. A process names itself, and may name
 * itself after anything: the rest of a line is found from its end. */
#ifndef STREAM_PROC_TEXT_H
#define STREAM_PROC_TEXT_H

#include <linux/types.h>
#include <stdbool.h>
#include <stddef.h>

/* A part of a text; `at` NULL: there is none. */
struct span {
	const char *at;
	size_t length;
};

/* Of /proc/PID/cgroup: the container's id and the systemd unit of its paths, the first of each. */
void cgroup_names(const char *text, struct span *container, struct span *unit);

struct proc_stat {
	char comm[64]; /* of a kernel's thread; a process's has 15 */
	char state;    /* 'R', 'S', 'Z' … */
	__u32 parent;
	__u64 start;              /* clock ticks since boot */
	__u64 arg_start, env_end; /* 0: not told */
};

/* /proc/PID/stat. False: not understood. */
bool stat_parse(struct proc_stat *out, const char *text);

/* /proc/PID/status; what is not there stays as it was. `own_pid`: in the innermost pid namespace. */
void status_parse(const char *text, __u32 *uid, __u32 *own_pid);

#endif
