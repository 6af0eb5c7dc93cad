/* SPDX-License-Identifier: BSD-2-Clause */
/* library.h: which client library a living process uses, by what proves it, and where its script
 * creates clients. A wrong name is worse than none: what is not certain stays unnamed. */
#ifndef STREAM_LIBRARY_H
#define STREAM_LIBRARY_H

#include <stdbool.h>
#include <linux/types.h>

#include "base/library.h"

/* The process as it was read so far; cwd and exe may be NULL. */
struct library_query {
	const char *proc; /* "/proc/4711" */
	const char *exe, *cwd;
	const char *argv;
	size_t argv_length;
	bool source; /* read the script and .env too */
};

struct library_facts {
	const struct library_row *row; /* NULL: none that we know */
	char *sign;             /* the mapped file, the package folder, the jar, the module */
	char *config;           /* pool size as configured; NULL: not seen */
	char *source;           /* lines that create clients; NULL: none seen */
	unsigned source_closes; /* as event_process.source_closes */
};

void library_look(struct library_facts *out, const struct library_query *query);
void library_facts_free(struct library_facts *facts);

/* buildinfo.c: the modules of the Go program behind this descriptor; NULL: it is none. Caller frees. */
char *buildinfo_read(int exe);
/* Is the module among them? Then its version. */
bool buildinfo_module(const char *info, const char *module, char *version, size_t size);

#endif
