/* SPDX-License-Identifier: BSD-2-Clause */
/* loop.h: one poll over the stream, the timers and the signals, until something ends it. */
#ifndef LOOP_H
#define LOOP_H

#include "options.h"

struct loop {
	const struct options *options;
	const struct view_context *context;
	struct stream *stream;
	struct model *model;
	struct recorder *recorder; /* NULL: no --record */
};

/* 0 when the stream came to its end; -EINTR after the second Ctrl-C; other -errno if it broke. */
int loop_run(struct loop *loop);

#endif
