/* SPDX-License-Identifier: BSD-2-Clause */
/* output.c: see output.h. */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/output.h"

#define LINKS_MOST 40 /* as the kernel */
#define TRIES_MOST 8  /* a file that comes and goes */

/* A path on its way: the folder reached, and what of the path is left. */
struct walk {
	int folder;
	char *rest; /* allocated */
	int links;
	char *why;
	size_t size;
};

static int refuse(const struct walk *w, int error, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
static int refuse(const struct walk *w, int error, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(w->why, w->size, format, args);
	va_end(args);
	return error;
}

static int failed(const struct walk *w)
{
	int error = -errno;

	assert(error < 0);
	refuse(w, error, "%s", strerror(-error));
	return error;
}

static bool is_ours(uid_t owner)
{
	return owner == 0 || owner == geteuid();
}

/* /proc/self/fd/1 is what we have open already: the kernel follows it, a text could not. */
static bool is_magic(int link)
{
	struct statfs fs;

	return !fstatfs(link, &fs) && fs.f_type == PROC_SUPER_MAGIC;
}

static void move_to(struct walk *w, int folder)
{
	close(w->folder);
	w->folder = folder;
}

/* The link's text takes the place of its name. */
static int follow(struct walk *w, int link, const char *behind)
{
	char target[4096], *rest;
	ssize_t n = readlinkat(link, "", target, sizeof(target));

	if (n < 0 || n == (ssize_t)sizeof(target))
		return refuse(w, -ENAMETOOLONG, "%s", strerror(ENAMETOOLONG));
	rest = xasprintf("%.*s%s", (int)n, target, behind);
	free(w->rest);
	w->rest = rest;
	return 0;
}

/* Is `name` a link that may be followed, and was it? 1: go on with the new rest; 0: no link. */
static int step_link(
	struct walk *w, int at, const struct stat *st, const char *name, const char *behind)
{
	if (!S_ISLNK(st->st_mode))
		return 0;
	if (!is_ours(st->st_uid))
		return refuse(w, -ELOOP, "%s is a symbolic link of another user (uid %u)", name,
			(unsigned)st->st_uid);
	if (++w->links > LINKS_MOST)
		return refuse(w, -ELOOP, "%s", strerror(ELOOP));
	if (is_magic(at))
		return 0;
	return follow(w, at, behind) ? -ENAMETOOLONG : 1;
}

static char *first_name(const struct walk *w, const char **behind)
{
	size_t n = strcspn(w->rest, "/");

	*behind = w->rest + n;
	return n ? xmemdup(w->rest, n) : xstrdup(".");
}

/* What is left of the path begins at `behind`, a part of it, without slashes. */
static void drop(struct walk *w, const char *behind)
{
	behind += strspn(behind, "/");
	memmove(w->rest, behind, strlen(behind) + 1);
}

/* One folder further. */
static int step(struct walk *w)
{
	const char *behind;
	char *name = first_name(w, &behind);
	int at = openat(w->folder, name, O_PATH | O_NOFOLLOW | O_CLOEXEC), result, next;
	struct stat st;

	result = at < 0 || fstat(at, &st) ? failed(w) : step_link(w, at, &st, name, behind);
	if (!result) {
		next = S_ISLNK(st.st_mode) ? openat(w->folder, name, O_PATH | O_CLOEXEC)
					   : fcntl(at, F_DUPFD_CLOEXEC, 0);
		if (next < 0)
			result = failed(w);
		else
			move_to(w, next);
		drop(w, behind);
	}
	if (at >= 0)
		close(at);
	free(name);
	return result > 0 ? 0 : result;
}

/* As long as something stands before the last name. A rest that begins with '/' begins anew. */
static int walk_to_last(struct walk *w)
{
	int error = 0, root;

	while (!error && strchr(w->rest, '/')) {
		if (*w->rest != '/') {
			error = step(w);
			continue;
		}
		root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
		if (root < 0)
			return failed(w);
		move_to(w, root);
		drop(w, w->rest);
	}
	return error;
}

static int walk_begin(struct walk *w, const char *path, char *why, size_t size)
{
	*w = (struct walk){.why = why, .size = size};
	w->folder = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (w->folder < 0)
		return failed(w);
	w->rest = xstrdup(path);
	return 0;
}

static void walk_end(struct walk *w)
{
	if (w->folder >= 0)
		close(w->folder);
	free(w->rest);
}

static int judge(const struct walk *w, const struct stat *st)
{
	if (S_ISCHR(st->st_mode) || S_ISBLK(st->st_mode))
		return 0;
	if (S_ISDIR(st->st_mode))
		return refuse(w, -EISDIR, "%s", strerror(EISDIR));
	if (!is_ours(st->st_uid))
		return refuse(w, -EACCES, "%s is there and belongs to another user (uid %u)",
			w->rest, (unsigned)st->st_uid);
	if (S_ISREG(st->st_mode) && st->st_nlink > 1)
		return refuse(w, -EMLINK, "%s is there and has a second name (hard link)", w->rest);
	return 0;
}

/* The file behind the handle `at`, which was judged. It may have been open to all. */
static int open_handle(const struct walk *w, int at, const struct stat *st, int flags)
{
	char path[40];
	int fd;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", at);
	fd = open(path, O_WRONLY | O_CLOEXEC | O_NOCTTY | flags);
	if (fd < 0)
		return failed(w);
	if (S_ISREG(st->st_mode) && (st->st_mode & 077) && fchmod(fd, 0600)) {
		close(fd);
		return failed(w);
	}
	return fd;
}

static int open_there(struct walk *w, int at, int flags)
{
	struct stat st;
	int result = fstat(at, &st) ? failed(w) : step_link(w, at, &st, w->rest, "");
	int target;

	if (result > 0)
		return -EAGAIN; /* another path now */
	if (result < 0)
		return result;
	if (S_ISLNK(st.st_mode)) { /* one of our own descriptors */
		target = openat(w->folder, w->rest, O_WRONLY | O_CLOEXEC | O_NOCTTY | flags);
		return target < 0 ? failed(w) : target;
	}
	result = judge(w, &st);
	return result ? result : open_handle(w, at, &st, flags);
}

static int open_last(struct walk *w, int flags)
{
	int at = openat(w->folder, w->rest, O_PATH | O_NOFOLLOW | O_CLOEXEC), result;

	if (at >= 0) {
		result = open_there(w, at, flags);
		close(at);
		return result;
	}
	if (errno != ENOENT || !*w->rest)
		return failed(w);
	result = openat(w->folder, w->rest,
		O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC | flags, 0600);
	return result >= 0 ? result : errno == EEXIST ? -EAGAIN : failed(w);
}

int output_open(const char *path, int flags, char *why, size_t size)
{
	struct walk w;
	int error = walk_begin(&w, path, why, size), fd = error ? error : -EAGAIN;

	for (int tries = 0; fd == -EAGAIN && tries < LINKS_MOST + TRIES_MOST; tries++) {
		error = walk_to_last(&w);
		fd = error ? error : open_last(&w, flags);
	}
	if (fd == -EAGAIN)
		fd = refuse(&w, -EBUSY, "%s", strerror(EBUSY));
	walk_end(&w);
	return fd;
}

int output_folder(const char *path, const char **name, char *why, size_t size)
{
	const char *slash = strrchr(path, '/');
	struct walk w;
	char *folder = slash ? xmemdup(path, (size_t)(slash + 1 - path)) : xstrdup("./");
	int result = walk_begin(&w, folder, why, size);

	free(folder);
	*name = slash ? slash + 1 : path;
	if (!result)
		result = walk_to_last(&w);
	if (!result) {
		result = w.folder;
		w.folder = -1;
	}
	walk_end(&w);
	return result;
}
