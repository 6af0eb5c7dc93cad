/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * library.h: the client libraries we know, one row each: by what sign they are found, how many
 * connections they hold, and what to write instead. docs/LIBRARIES.md is printed from this table.
 */
#ifndef BASE_LIBRARY_H
#define BASE_LIBRARY_H

#include <linux/types.h>
#include <stddef.h>

#define LIBRARY_PATTERNS 6

struct library_row {
	const char *id;   /* "prisma": events, JSON, --explain */
	const char *name; /* "Prisma 7" */
	/* Signs, strongest first; fnmatch patterns, NULL where it has none. */
	const char *mapped;       /* a file mapped into the process */
	const char *mapped2;      /* … or this one */
	const char *exe;          /* the program itself */
	const char *package;      /* in node_modules, up from the script or the working directory */
	const char *jar;          /* on the class path, or open */
	const char *module;       /* in a Go program's build info */
	const char *argument;     /* a script of this name */
	unsigned pool;            /* most connections of one pool; 0: no pool, or no bound */
	const char *pool_text;    /* the same in words */
	const char *bound_by;     /* parameter that bounds it */
	const char *idle_closing; /* when it closes idle ones by itself */
	const char *creates[LIBRARY_PATTERNS]; /* source text that creates clients */
	const char *closes[LIBRARY_PATTERNS];  /* … that disconnects */
	const char *sized[LIBRARY_PATTERNS];   /* parameters the pool's size is read from */
	const char *sized_at; /* … near this text too, not only near what creates clients */
	const char *close;    /* advice: how to disconnect */
	const char *limit;    /* advice: how to bound; N stands for the number */
	const char *wrong, *correct, *best;
};
extern const struct library_row library_rows[];
extern const size_t library_count;

/* NULL: none of that id; accepts NULL. */
const struct library_row *library_find(const char *id);

#endif
