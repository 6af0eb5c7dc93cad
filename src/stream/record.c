/* SPDX-License-Identifier: BSD-2-Clause */
/* record.c: the stream written down, one JSON object per line. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/codec.h"
#include "base/output.h"
#include "stream/stream.h"

struct recorder {
	FILE *file;
	int error; /* first -errno; nothing is written after it */
};

int recorder_open_fd(struct recorder **out, int fd)
{
	struct recorder *recorder = xcalloc(1, sizeof(*recorder));

	recorder->file = fdopen(fd, "w");
	if (!recorder->file) {
		int error = -errno;

		close(fd);
		free(recorder);
		return error;
	}
	*out = recorder;
	return 0;
}

int recorder_open(struct recorder **out, const char *path, char *why, size_t size)
{
	int fd = output_open(path, O_TRUNC, why, size);

	return fd < 0 ? fd : recorder_open_fd(out, fd);
}

int recorder_write(struct recorder *recorder, const union event *event)
{
	json_t *object;

	if (recorder->error)
		return recorder->error;
	object = codec_encode(event);
	if (!object)
		return 0;
	errno = 0;
	if (json_dumpf(object, recorder->file, JSON_COMPACT) || fputc('\n', recorder->file) == EOF)
		recorder->error = errno ? -errno : -EIO;
	json_decref(object);
	return recorder->error;
}

FILE *recorder_file(struct recorder *recorder)
{
	return recorder->file;
}

int recorder_close(struct recorder *recorder)
{
	int error;

	if (!recorder)
		return 0;
	error = recorder->error;
	if (fclose(recorder->file) && !error)
		error = -errno;
	free(recorder);
	return error;
}
