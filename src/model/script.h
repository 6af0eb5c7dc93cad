/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * script.h: what a person would call a process: not "node", not pid 4711, but scripts/seed.js.
 */
#ifndef MODEL_SCRIPT_H
#define MODEL_SCRIPT_H

#include <stdbool.h>
#include <stddef.h>

/* Both strings belong to the caller: script_free(). */
struct script_name {
	char *script; /* "scripts/seed.js", "python -m app", "manage.py migrate", "psql"; never NULL */
	char *runtime; /* what runs it: "node", "python3"; NULL for a program of its own */
};

/* argv: NUL-separated bytes, perhaps cut off, perhaps none; exe and cwd may be NULL. */
void script_identify(struct script_name *out, const char *argv, size_t argv_length,
	const char *comm, const char *exe, const char *cwd);

/* A process that Python's multiprocessing started: `python -c "from multiprocessing.spawn …"`. */
bool script_is_multiprocessing(const char *argv, size_t argv_length);

/* Are these the command lines of a server and of its worker: the same script, or titles of the same
 * program ("php-fpm: master process", "php-fpm: pool www")? */
bool script_is_worker(const char *argv, size_t argv_length, const char *parent_argv,
	size_t parent_length, const char *cwd);

/* The launcher a person typed, "npm run seed", if this process is one; else NULL. Caller frees. */
char *script_wrapper(const char *argv, size_t argv_length);

void script_free(struct script_name *name);

#endif
