/* SPDX-License-Identifier: BSD-2-Clause */
/* files.c: see files.h. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "files.h"
#include "page.h"

static bool is_special(const char *path)
{
	struct stat st;

	return !stat(path, &st) && !S_ISREG(st.st_mode);
}

bool files_is_collected(const struct options *o)
{
	return o->output_file && !strcmp(o->view->name, "openmetrics") &&
	       !is_special(o->output_file);
}

FILE *files_open_output(const struct options *o)
{
	struct stat st;
	int fd;

	if (!o->output_file && o->command) /* standard output is the command's */
		return stderr;
	if (!o->output_file)
		return stdout;
	if (files_is_collected(o)) /* replaced as a whole; until then the old one stays */
		return stderr;
	/* A log of events is added to: a restart must not take away what nobody has read yet. */
	fd = open(o->output_file,
		O_WRONLY | O_CREAT | O_CLOEXEC | (o->view->streams ? O_APPEND : O_TRUNC), 0600);
	if (fd < 0)
		return NULL;
	/* One that was there already may have been open to all. */
	if (!fstat(fd, &st) && S_ISREG(st.st_mode) && (st.st_mode & 077) && fchmod(fd, 0600)) {
		close(fd);
		return NULL;
	}
	return fdopen(fd, "w");
}

static bool ends_with(const char *text, const char *end)
{
	size_t n = strlen(text), m = strlen(end);

	return n >= m && !strcmp(text + n - m, end);
}

static int write_all(int fd, const char *text, size_t length)
{
	while (length) {
		ssize_t n = write(fd, text, length);

		if (n < 0 && errno != EINTR)
			return -errno;
		text += n > 0 ? n : 0;
		length -= n > 0 ? (size_t)n : 0;
	}
	return 0;
}

/* The name of a new file beside `path`, which nobody can have prepared: O_EXCL, no link followed. */
static int temporary_beside(const char *path, char **name)
{
	*name = xasprintf("%s.XXXXXX", path);
	return mkostemp(*name, O_CLOEXEC);
}

int files_write_metrics(const struct loop *l)
{
	const char *path = l->options->output_file;
	size_t length;
	/* node_exporter collects *.prom and reads only the classic format. */
	char *text = page_metrics(
		l, ends_with(path, ".prom") ? EXPOSITION_CLASSIC : EXPOSITION_OPENMETRICS, &length);
	char *name;
	int fd = temporary_beside(path, &name), error = fd < 0 ? -errno : 0;

	if (!error)
		error = write_all(fd, text, length);
	if (!error && (fchmod(fd, 0644) || rename(name, path)))
		error = -errno;
	if (fd >= 0)
		close(fd);
	if (fd >= 0 && error)
		unlink(name);
	free(name);
	free(text);
	return error;
}

/* Is what `fd` writes no longer what `path` names? */
static bool was_moved(int fd, const char *path)
{
	struct stat ours, there;

	return !fstat(fd, &ours) &&
	       (stat(path, &there) || ours.st_ino != there.st_ino || ours.st_dev != there.st_dev);
}

/* 1: opened anew, 0: not moved. What was written before is in the old file whole. */
static int reopen(FILE *file, const char *path)
{
	int fd, error = 0;

	if (fflush(file))
		return -errno;
	if (is_special(path) || !was_moved(fileno(file), path))
		return 0;
	fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	if (fd < 0 || dup3(fd, fileno(file), O_CLOEXEC) < 0)
		error = -errno;
	if (fd >= 0)
		close(fd);
	return error ? error : 1;
}

static void record_again(void *recorder, const union event *event)
{
	recorder_write(recorder, event);
}

/* A recording that begins in the middle begins with what was known: who is there, and where. */
static int reopen_recording(struct loop *l)
{
	int result = reopen(recorder_file(l->recorder), l->recording);

	if (result == 1)
		model_tell_again(l->model, record_again, l->recorder);
	return result;
}

int files_reopen(struct loop *l)
{
	const struct options *o = l->options;
	int count = 0, result = 0;

	if (files_is_collected(o)) {
		count++; /* it is replaced each time: nothing to reopen */
	} else if (o->output_file) {
		count++;
		result = reopen(l->context->out, o->output_file);
	}
	if (l->recorder && result >= 0) {
		count++;
		result = reopen_recording(l);
	}
	return result < 0 ? result : count;
}
