/* SPDX-License-Identifier: BSD-2-Clause */
/* stream.c: the public face; live.c and replay.c stand behind it. */
#include "stream/stream.h"

int stream_fd(const struct stream *stream)
{
	return stream->ops->fd(stream);
}

int stream_next(struct stream *stream, union event *event)
{
	return stream->ops->next(stream, event);
}

int stream_poll(struct stream *stream)
{
	return stream->ops->poll(stream);
}

int stream_snapshot(struct stream *stream)
{
	return stream->ops->snapshot(stream);
}

void stream_stop(struct stream *stream, enum stop_reason reason)
{
	stream->ops->stop(stream, reason);
}

bool stream_fill(
	const struct stream *stream, size_t index, const char **name, __u64 *used, __u64 *most)
{
	return stream->ops->fill && stream->ops->fill(stream, index, name, used, most);
}

void stream_add(struct stream *stream, const union event *event)
{
	stream->ops->add(stream, event);
}

bool stream_scope_lives(const struct stream *stream)
{
	return stream->ops->scope_lives(stream);
}

void stream_close(struct stream *stream)
{
	if (stream)
		stream->ops->close(stream);
}
