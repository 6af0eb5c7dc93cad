/* SPDX-License-Identifier: BSD-2-Clause */
/* record.c: the stream written down, one JSON object per line. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/codec.h"
#include "stream/stream.h"

struct recorder {
	FILE *file;
	int error; /* first -errno; nothing is written after it */
};

int recorder_open(struct recorder **out, const char *path)
{
	/* Command lines are other people's: nobody else may read them. */
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	struct recorder *recorder;

	if (fd < 0)
		return -errno;
	recorder = xcalloc(1, sizeof(*recorder));
	recorder->file = fdopen(fd, "w");
	*out = recorder;
	return 0;
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
