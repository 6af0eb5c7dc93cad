/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * source.h: the scripts of a process, and what they tell of its clients. Only our own patterns and
 * line numbers leave source.c, never a script's text.
 */
#ifndef STREAM_SOURCE_H
#define STREAM_SOURCE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/library.h"

/* The scripts of one process that were read: the one it runs and what that one imports of its own. */
#define SOURCE_FILES 8
struct source_file {
	char *path; /* absolute, below root */
	char *text;
	int depth; /* 0: the script itself */
};
/* Files that are looked for: a script of strangers may name any number that are not there. */
#define SOURCE_TRIES 256
struct sources {
	struct source_file files[SOURCE_FILES];
	size_t count, tries;
};

/* Is it an interpreter of scripts that we read? NULL: no. */
bool sources_has(const char *exe);
/* Of such a process; argv as it has it. */
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
