/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * replay.c: a recording as a stream. A line that can't be understood is counted and skipped, a
 * recording that ends in the middle plays to there and says so: hostile or torn, it never lies and
 * never stops the program.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/mem.h"
#include "base/codec.h"
#include "stream/stream.h"

#define LINE_MOST (16u << 20) /* bytes; a longer line is skipped as not understood */

enum replay_state { PLAYING, TORN, OVER };

struct replay {
	struct stream stream;
	FILE *file;
	char *line;
	size_t line_size;
	json_t *object; /* owns the last event's strings … */
	char *arena;    /* … and its argv */
	enum replay_state state;
	bool stopped; /* EVENT_STOP was seen */
	__u64 bad_lines, last_time;
	struct losses losses; /* the recording's own, to which bad lines are added */
};

static int replay_fd(const struct stream *stream)
{
	(void)stream;
	return -1;
}

static void replay_forget(struct replay *replay)
{
	json_decref(replay->object);
	free(replay->arena);
	replay->object = NULL;
	replay->arena = NULL;
}

static int replay_line(struct replay *replay, ssize_t length, union event *event)
{
	json_error_t error;
	int result;

	if ((size_t)length > LINE_MOST)
		return -EINVAL;
	replay->object = json_loadb(replay->line, (size_t)length, JSON_ALLOW_NUL, &error);
	if (!replay->object)
		return -EINVAL;
	result = codec_decode(replay->object, event, &replay->arena);
	if (result)
		replay_forget(replay);
	return result;
}

static void replay_account(struct replay *replay, union event *event)
{
	if (event->head.time > replay->last_time)
		replay->last_time = event->head.time;
	if (event->head.kind == EVENT_LOSS) {
		replay->losses = event->loss.losses;
		event->loss.losses.bad_lines += replay->bad_lines;
	}
	if (event->head.kind == EVENT_STOP)
		replay->stopped = true;
}

/* After the last line: what was not understood, then, if it was torn, that it was. */
static int replay_finish(struct replay *replay, union event *event)
{
	memset(event, 0, sizeof(*event));
	event->head.time = replay->last_time;
	if (replay->state == PLAYING && replay->bad_lines) {
		event->head.kind = EVENT_LOSS;
		event->loss.losses = replay->losses;
		event->loss.losses.bad_lines += replay->bad_lines;
		replay->state = TORN;
		return 1;
	}
	if (replay->state != OVER && !replay->stopped) {
		event->head.kind = EVENT_STOP;
		event->stop.reason = STOP_TRUNCATED;
		replay->state = OVER;
		return 1;
	}
	replay->state = OVER;
	return -ENODATA;
}

/* Its length; -1 at the end. Without memory it is no end. */
static ssize_t replay_getline(struct replay *replay)
{
	ssize_t length;

	errno = 0;
	length = getline(&replay->line, &replay->line_size, replay->file);
	if (length < 0 && errno == ENOMEM)
		mem_fail();
	return length;
}

static int replay_next(struct stream *stream, union event *event)
{
	struct replay *replay = (struct replay *)stream;
	ssize_t length;

	replay_forget(replay);
	while (replay->state == PLAYING) {
		int result;

		length = replay_getline(replay);
		if (length < 0)
			break;
		result = replay_line(replay, length, event);
		if (result == 0) {
			replay_account(replay, event);
			return 1;
		}
		if (result != -ENOMSG) /* a kind of a newer version is no fault */
			replay->bad_lines++;
	}
	return replay_finish(replay, event);
}

static int replay_nothing(struct stream *stream)
{
	(void)stream;
	return 0;
}

static void replay_stop(struct stream *stream, enum stop_reason reason)
{
	(void)reason;
	((struct replay *)stream)->state = OVER;
}

static void replay_add(struct stream *stream, const union event *event)
{
	(void)stream;
	(void)event;
}

static bool replay_scope_lives(const struct stream *stream)
{
	(void)stream;
	return false;
}

static void replay_close(struct stream *stream)
{
	struct replay *replay = (struct replay *)stream;

	replay_forget(replay);
	fclose(replay->file);
	free(replay->line);
	free(replay);
}

static const struct stream_ops replay_ops = {
	.fd = replay_fd,
	.next = replay_next,
	.poll = replay_nothing,
	.snapshot = replay_nothing,
	.stop = replay_stop,
	.add = replay_add,
	.scope_lives = replay_scope_lives,
	.close = replay_close,
};

/* The first line must be a session of ours; then it is a recording, whatever follows. */
static bool replay_is_recording(struct replay *replay)
{
	union event event;
	ssize_t length = replay_getline(replay);
	bool yes = length > 0 && replay_line(replay, length, &event) == 0 &&
		   event.head.kind == EVENT_SESSION;
	const char *schema =
		yes ? json_string_value(json_object_get(replay->object, "schema")) : NULL;

	yes = schema && !strcmp(schema, CODEC_SCHEMA);
	replay_forget(replay);
	return yes;
}

/* All that comes, to be read from its begin; NULL with errno. */
static FILE *copy_all(FILE *from)
{
	FILE *copy = tmpfile();
	char buffer[16384];
	size_t n;

	if (!copy)
		return NULL;
	errno = 0;
	while ((n = fread(buffer, 1, sizeof(buffer), from)) > 0)
		if (fwrite(buffer, 1, n, copy) != n)
			break;
	if (ferror(from) || ferror(copy) || fflush(copy)) {
		int error = errno ? errno : EIO;

		fclose(copy);
		errno = error;
		return NULL;
	}
	rewind(copy);
	return copy;
}

/* The first line is read twice: what is no file (`<(zcat …)`, standard input) is taken in whole before. NULL
 * with errno. */
static FILE *recording_open(const char *path)
{
	FILE *file = strcmp(path, "-") ? fopen(path, "re") : stdin, *copy;
	struct stat st;

	if (!file || (file != stdin && !fstat(fileno(file), &st) && S_ISREG(st.st_mode)))
		return file;
	copy = copy_all(file);
	if (file != stdin) {
		int error = errno;

		fclose(file);
		errno = error;
	}
	return copy;
}

int stream_replay_open(struct stream **out, const char *path, char *why, size_t size)
{
	struct replay *replay;
	FILE *file = recording_open(path);

	if (!file) {
		int error = errno;

		snprintf(why, size, "cannot open the recording %s: %s", path, strerror(error));
		return -error;
	}
	replay = xcalloc(1, sizeof(*replay));
	replay->stream.ops = &replay_ops;
	replay->file = file;
	if (!replay_is_recording(replay)) {
		snprintf(why, size,
			"%s is not a pgleaktrace recording (its first line is no %s session)", path,
			CODEC_SCHEMA);
		replay_close(&replay->stream);
		return -EINVAL;
	}
	rewind(file);
	*out = &replay->stream;
	return 0;
}
