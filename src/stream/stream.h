/* SPDX-License-Identifier: BSD-2-Clause */
/* stream/stream.h: what a kind of stream must provide to stand behind the public face. */
#ifndef STREAM_STREAM_H
#define STREAM_STREAM_H

#include <pgleaktrace/stream.h>

struct stream_ops {
	int (*fd)(const struct stream *);
	int (*next)(struct stream *, union event *);
	int (*poll)(struct stream *);
	int (*snapshot)(struct stream *);
	void (*stop)(struct stream *, enum stop_reason);
	bool (*fill)(const struct stream *, size_t index, const char **name, __u64 *used,
		__u64 *most); /* NULL: no maps */
	void (*add)(struct stream *, const union event *);
	bool (*scope_lives)(const struct stream *);
	void (*close)(struct stream *);
};

/* First member of every stream. */
struct stream {
	const struct stream_ops *ops;
};

#endif
