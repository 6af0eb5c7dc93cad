/* SPDX-License-Identifier: BSD-2-Clause */
/* notify.c: sd_notify(3) without its library: one datagram when all is attached and seeded, and one
 * now and then for the watchdog. Silent where no service manager asks. */
#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/mem.h"
#include "loop.h"

static int notify_connect(const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	size_t n = strlen(path);
	int fd;

	if (n < 2 || n >= sizeof(address.sun_path) || !strchr("/@", *path))
		return -EINVAL;
	memcpy(address.sun_path, path, n);
	if (*path == '@') /* an abstract name */
		*address.sun_path = 0;
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0 || connect(fd, (void *)&address,
			      (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n))) {
		int error = -errno;

		if (fd >= 0)
			close(fd);
		return error;
	}
	return fd;
}

/* That nobody listens is the manager's trouble; watching goes on. */
static void notify(int fd, const char *text)
{
	if (send(fd, text, strlen(text), MSG_NOSIGNAL) < 0)
		return;
}

/* How often the manager wants to hear from us: half its patience. 0: not at all. */
static __u64 watchdog_ns(void)
{
	const char *patience = getenv("WATCHDOG_USEC"), *pid = getenv("WATCHDOG_PID");

	if (!patience || (pid && strtol(pid, NULL, 10) != (long)getpid()))
		return 0;
	return strtoull(patience, NULL, 10) * 1000 / 2;
}

struct notifier {
	int fd;
};

static int watchdog_ready(struct loop *l, int fd, void *data)
{
	(void)l;
	timer_clear(fd);
	notify(((struct notifier *)data)->fd, "WATCHDOG=1");
	return 0;
}

static void notify_done(struct loop *l, int fd, void *data)
{
	struct notifier *notifier = data;

	(void)l;
	(void)fd;
	notify(notifier->fd, "STOPPING=1");
	close(notifier->fd);
	free(notifier);
}

/* A timer that never fires holds the end when there is no watchdog. */
static int notify_lend_timer(struct loop *l, struct notifier *notifier)
{
	int index = loop_lend(l, timer_open(watchdog_ns(), true), watchdog_ready, notifier);

	if (index >= 0)
		l->sources[index].done = notify_done;
	return index;
}

int notify_lend(struct loop *l)
{
	const char *path = getenv("NOTIFY_SOCKET");
	struct notifier *notifier;
	int fd = path ? notify_connect(path) : -1;

	if (path && fd < 0)
		fprintf(stderr, "pgleaktrace: NOTIFY_SOCKET %s: %s\n", path, strerror(-fd));
	unsetenv("NOTIFY_SOCKET"); /* not for `-- CMD` */
	if (fd < 0)
		return 0;
	notifier = xmalloc(sizeof(*notifier));
	notifier->fd = fd;
	notify(fd, "READY=1");
	return notify_lend_timer(l, notifier);
}
