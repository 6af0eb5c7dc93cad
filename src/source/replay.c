/* SPDX-License-Identifier: BSD-2-Clause */
/* replay.c: a recording is always ready until it was played: a piece of it each time the loop comes by, so that whoever
 * else lends a descriptor is served in between. */
#include <errno.h>
#include <sys/eventfd.h>

#include "loop.h"

#define PIECE 1024 /* events */

static int replay_ready(struct loop *l, int fd, void *data)
{
	int result = loop_take_some(l, PIECE);

	(void)data;
	if (result == -ENODATA && l->options->metrics.ss_family) {
		timer_clear(fd); /* played: from here on only served, until a signal */
		return 0;
	}
	return result == 1 ? 0 : result;
}

int replay_lend(struct loop *l)
{
	int fd;

	if (!l->options->replay || l->options->screen)
		return 0;
	fd = eventfd(1, EFD_CLOEXEC | EFD_NONBLOCK);
	return loop_lend(l, fd < 0 ? -errno : fd, replay_ready, NULL);
}
