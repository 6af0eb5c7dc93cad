/* SPDX-License-Identifier: BSD-2-Clause */
/* proc.h: reading files of /proc; what they say is understood in proc_text.h. */
#ifndef STREAM_PROC_H
#define STREAM_PROC_H

#include <stdbool.h>
#include <sys/types.h>
#include <pgleaktrace/event.h>

#include "stream/proc_text.h"

/* Reads up to size - 1 bytes of /proc/PID/NAME, NUL-terminated; -errno or the length. Of files that
 * the kernel writes in one piece: a read that gives less than was asked for is the last. */
ssize_t proc_read(__u32 pid, const char *name, char *buffer, size_t size);

/* Room for /proc/PID/status: thousands of groups may stand before what is read of it. */
#define PROC_STATUS 65536

/* The folder of this process, and of no other that has its pid later: then nothing is in it. -errno. */
int proc_open(__u32 pid);

/* /proc/PID/stat; -ESRCH: no such process, or a zombie, which has no command line any more. */
int proc_stat_read(__u32 pid, struct proc_stat *out);

/* The same, if it is still this process, by pid and start time. */
int proc_stat_of(const struct process_key *key, struct proc_stat *out);

/* Are we in the host's pid namespace? In another, a look finds only the processes of that one, and the
 * kernel's pids are not those of /proc. */
bool proc_is_hosts(void);

/* The inode of a namespace ("net", "pid"); 0: not known. */
__u32 proc_namespace(__u32 pid, const char *name);

/* Where cgroup2 is mounted; false: nowhere. */
bool cgroup2_root(char *path, size_t size);

/* Is what is mounted there the root of all cgroups? In a cgroup namespace it may be a subtree, and
 * what hangs there does not hear of the rest. */
bool cgroup2_is_whole(const char *path);

#endif
