/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * source.h: reading other people's files: regular files only, the last component never through a
 * symlink, the rest never out of the process's own root; size-capped; nothing is ever written.
 */
#ifndef STREAM_SOURCE_H
#define STREAM_SOURCE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/library.h"

#define SOURCE_MOST (256 * 1024) /* bytes read of one file; a larger one is not read at all */

/* A text file below `root` (a directory's descriptor), NUL-terminated; NULL: none that may be read.
 * Caller frees. */
char *source_read(int root, const char *path);
/* Is there anything of that name below `root`? Symlinks are followed inside it. */
bool source_exists(int root, const char *path);

/* The scripts of one process that were read: the one it runs and what that one imports of its own. */
#define SOURCE_FILES 8
struct source_file {
	char *path; /* absolute, below root */
	char *text;
	int depth; /* 0: the script itself */
};
struct sources {
	struct source_file files[SOURCE_FILES];
	size_t count;
};

/* argv as the process has it; nothing is read unless `exe` is an interpreter of scripts. */
void sources_open(struct sources *out, int root, const char *exe, const char *cwd, const char *argv,
	size_t argv_length);
void sources_close(struct sources *sources);

/* Does one of them import that package? */
bool sources_import(const struct sources *sources, const char *package);

/* Where they create clients: "scripts/seed.js:2: new PrismaClient(...)" lines, paths as seen from
 * `cwd`; closes: 1 they disconnect somewhere, 2 nowhere, 0 no such place. NULL: none. Caller frees. */
char *sources_hint(const struct sources *sources, const struct library_row *library,
	const char *cwd, unsigned *closes);

/* "max=3 in scripts/best.js:4": the pool size as written. False: none seen. */
bool sources_size(const struct sources *sources, const struct library_row *library, const char *cwd,
	char *out, size_t size);

#endif
