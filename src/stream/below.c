/* SPDX-License-Identifier: BSD-2-Clause */
/* below.c: see below.h. */
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/mem.h"
#include "stream/below.h"

static int open_below(int folder, const char *path, int flags, __u64 resolve)
{
	struct open_how how = {
		.flags = (__u64)(flags | O_CLOEXEC),
		.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS | resolve,
	};
	long fd = syscall(SYS_openat2, folder, path, &how, sizeof(how));

	return fd < 0 ? -errno : (int)fd;
}

int below_open(int folder, const char *path, int flags)
{
	return open_below(folder, path, flags, 0);
}

int below_walked(int folder, const char *path, int flags)
{
	return open_below(folder, path, flags, RESOLVE_CACHED);
}

bool below_exists(int root, const char *path)
{
	int fd = below_open(root, path, O_PATH);

	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

/* First only a handle, so that nothing but a regular file is ever opened for real. */
char *below_read(int root, const char *path)
{
	int handle = below_open(root, path, O_PATH | O_NOFOLLOW), fd = -1;
	struct stat st;
	char name[40], *text = NULL;
	ssize_t n, used = 0;

	if (handle < 0)
		return NULL;
	snprintf(name, sizeof(name), "/proc/self/fd/%d", handle);
	if (!fstat(handle, &st) && S_ISREG(st.st_mode) && st.st_size <= BELOW_MOST)
		fd = open(name, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	close(handle);
	if (fd < 0)
		return NULL;
	text = xcalloc(1, BELOW_MOST + 1);
	while (used < BELOW_MOST && (n = read(fd, text + used, BELOW_MOST - (size_t)used)) > 0)
		used += n;
	close(fd);
	return text;
}
