/* SPDX-License-Identifier: BSD-2-Clause */
/* proc.c: see proc.h. */
#include <errno.h>
#include <fcntl.h>
#include <mntent.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/ns.h"
#include "stream/proc.h"

ssize_t proc_read(__u32 pid, const char *name, char *buffer, size_t size)
{
	char path[64];
	size_t length = 0, asked;
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "/proc/%u/%s", pid, name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	do {
		asked = size - 1 - length;
		n = asked ? read(fd, buffer + length, asked) : 0;
		if (n > 0)
			length += (size_t)n;
	} while (n > 0 && (size_t)n == asked);
	close(fd);
	buffer[length] = 0;
	return (ssize_t)length;
}

int proc_open(__u32 pid)
{
	char path[32];
	int fd;

	snprintf(path, sizeof(path), "/proc/%u", pid);
	fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

int proc_stat_read(__u32 pid, struct proc_stat *out)
{
	char buffer[1024];

	if (proc_read(pid, "stat", buffer, sizeof(buffer)) <= 0 || !stat_parse(out, buffer) ||
		out->state == 'Z' || out->state == 'X')
		return -ESRCH;
	return 0;
}

int proc_stat_of(const struct process_key *key, struct proc_stat *out)
{
	__u64 tick = SECOND / (__u64)sysconf(_SC_CLK_TCK);

	if (proc_stat_read(key->pid, out) || out->start != key->start / tick)
		return -ESRCH;
	return 0;
}

/* Its inode is fixed: PROC_PID_INIT_INO of include/linux/proc_ns.h. */
#define HOSTS_PID_NAMESPACE 0xeffffffcu

bool proc_is_hosts(void)
{
	struct stat own;

	return !stat("/proc/self/ns/pid", &own) && own.st_ino == HOSTS_PID_NAMESPACE;
}

__u32 proc_namespace(__u32 pid, const char *name)
{
	char path[64], target[64];
	ssize_t length;
	unsigned int inode = 0;

	snprintf(path, sizeof(path), "/proc/%u/ns/%s", pid, name);
	length = readlink(path, target, sizeof(target) - 1);
	if (length <= 0)
		return 0;
	target[length] = 0;
	return sscanf(target, "%*[^[][%u]", &inode) == 1 ? inode : 0;
}

bool cgroup2_root(char *path, size_t size)
{
	FILE *mounts = setmntent("/proc/self/mounts", "re");
	struct mntent entry;
	char buffer[4096];
	bool found = false;

	while (mounts && !found && getmntent_r(mounts, &entry, buffer, sizeof(buffer)))
		if (!strcmp(entry.mnt_type, "cgroup2"))
			found = snprintf(path, size, "%s", entry.mnt_dir) < (int)size;
	if (mounts)
		endmntent(mounts);
	return found;
}

/* The root's node is the first that kernfs makes. */
bool cgroup2_is_whole(const char *path)
{
	struct stat root;

	return !stat(path, &root) && root.st_ino == 1;
}
