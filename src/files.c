/* SPDX-License-Identifier: BSD-2-Clause */
/* files.c: see files.h. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/output.h"
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

/* A run that was killed may have left half a line: what is added must not be taken for its rest. */
static int end_torn_line(int fd)
{
	char path[40], last = '\n';
	struct stat st;
	int in;

	if (fstat(fd, &st) || !S_ISREG(st.st_mode) || !st.st_size)
		return 0;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	in = open(path, O_RDONLY | O_CLOEXEC);
	if (in < 0) /* to write is all that we may */
		return 0;
	if (pread(in, &last, 1, st.st_size - 1) < 0)
		last = '\n';
	close(in);
	return last == '\n' ? 0 : write_all(fd, "\n", 1);
}

/* To add lines to. The descriptor, or -errno with the reason in `why`. */
static int open_log(const char *path, char *why, size_t size)
{
	int fd = output_open(path, O_APPEND, why, size), error;

	if (fd < 0)
		return fd;
	error = end_torn_line(fd);
	if (!error)
		return fd;
	snprintf(why, size, "%s", strerror(-error));
	close(fd);
	return error;
}

FILE *files_open_output(const struct options *o, char *why, size_t size)
{
	FILE *file;
	int fd;

	if (!o->output_file && o->command) /* standard output is the command's */
		return stderr;
	if (!o->output_file)
		return stdout;
	if (files_is_collected(o)) /* replaced as a whole; until then the old one stays */
		return stderr;
	/* A log of events is added to: a restart must not take away what nobody has read yet. */
	fd = o->view->streams ? open_log(o->output_file, why, size)
			      : output_open(o->output_file, O_TRUNC, why, size);
	if (fd < 0)
		return NULL;
	file = fdopen(fd, "w");
	if (!file)
		snprintf(why, size, "%s", strerror(errno));
	return file;
}

static bool ends_with(const char *text, const char *end)
{
	size_t n = strlen(text), m = strlen(end);

	return n >= m && !strcmp(text + n - m, end);
}

/*
 * Written whole into a new file that nobody can have prepared, then put into the place of what was
 * there: a link is replaced, not followed.
 */
static int replace(int folder, const char *name, const char *text, size_t length)
{
	unsigned int random = 0;
	char *temporary;
	int fd, error;

	if (getrandom(&random, sizeof(random), 0) < 0)
		return -errno;
	temporary = xasprintf("%s.%08x", name, random);
	fd = openat(folder, temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	error = fd < 0 ? -errno : write_all(fd, text, length);
	if (!error && (fchmod(fd, 0644) || renameat(folder, temporary, folder, name)))
		error = -errno;
	if (fd >= 0)
		close(fd);
	if (fd >= 0 && error)
		unlinkat(folder, temporary, 0);
	free(temporary);
	return error;
}

int files_write_metrics(const struct loop *l)
{
	const char *path = l->options->output_file, *name;
	/* node_exporter collects *.prom and reads only the classic format. */
	enum exposition form =
		ends_with(path, ".prom") ? EXPOSITION_CLASSIC : EXPOSITION_OPENMETRICS;
	char why[512], *text;
	size_t length;
	int folder = output_folder(path, &name, why, sizeof(why)), error;

	if (folder < 0) {
		fprintf(stderr, "pgleaktrace: cannot write %s: %s\n", path, why);
		return folder;
	}
	text = page_metrics(l, form, &length);
	error = replace(folder, name, text, length);
	if (error)
		fprintf(stderr, "pgleaktrace: cannot write %s: %s\n", path, strerror(-error));
	close(folder);
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
	char why[512];

	if (fflush(file))
		return -errno;
	if (is_special(path) || !was_moved(fileno(file), path))
		return 0;
	fd = open_log(path, why, sizeof(why));
	if (fd < 0) {
		fprintf(stderr, "pgleaktrace: cannot reopen %s: %s\n", path, why);
		return fd;
	}
	if (dup3(fd, fileno(file), O_CLOEXEC) < 0)
		error = -errno;
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
