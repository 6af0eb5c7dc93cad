/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * redact_values.h: the secrets that stand inside one argument; redact.c's first pass. Not for others:
 * they call redact_argv().
 */
#ifndef BASE_REDACT_VALUES_H
#define BASE_REDACT_VALUES_H

#include <stdbool.h>
#include <stddef.h>

/* Bytes that grow; `bytes` is freed by whoever declared it. */
struct redact_buffer {
	char *bytes;
	size_t used, size;
};

void redact_put(struct redact_buffer *b, const char *bytes, size_t n);

/* A space, tab or line end, the same in every locale. */
bool redact_blank(char c);

/* Bytes of the shell word at `s`: to the next blank that is neither quoted nor escaped. */
size_t redact_word(const char *s, size_t n);

/* Is this, with or without dashes in front, the name of a secret? False if it is no name at all. */
bool redact_key(const char *key, size_t n);

/*
 * Appends the argument with "***" for each secret. `command`: the argument may be a whole command or
 * title, so a blank ends a value. `last`: the argument ends the captured bytes and may be cut off.
 */
void redact_values(struct redact_buffer *out, const char *s, size_t n, bool command, bool last);

#endif
