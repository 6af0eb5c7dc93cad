/* SPDX-License-Identifier: BSD-2-Clause */
/* collected.c: -o openmetrics --output-file: the file that a collector reads, written again and
 * again while it watches. */
#include "base/ns.h"
#include "files.h"

#define EVERY_NS (15 * SECOND) /* as often as collectors usually read */

static int write_ready(struct loop *l, int fd, void *data)
{
	(void)data;
	timer_clear(fd);
	files_write_metrics(l); /* a full disk, told by it, ends no watch: there is a next time */
	return 0;
}

int collected_lend(struct loop *l)
{
	int error;

	if (l->options->replay || l->options->duration || !files_is_collected(l->options))
		return 0;
	error = files_write_metrics(l);
	return error ? error : loop_lend(l, timer_open(EVERY_NS, true), write_ready, NULL);
}
