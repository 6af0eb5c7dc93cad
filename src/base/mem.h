/* SPDX-License-Identifier: BSD-2-Clause */
/* mem.h: allocation that never fails: without memory there is nothing sensible left to do, so these
 * end the program with a sentence. */
#ifndef BASE_MEM_H
#define BASE_MEM_H

#include <stddef.h>

void *xcalloc(size_t count, size_t size) __attribute__((malloc, returns_nonnull));
void *xrealloc(void *old, size_t size) __attribute__((returns_nonnull));
char *xstrdup(const char *text) __attribute__((malloc, returns_nonnull));
/* Copies `length` bytes and adds a NUL. */
char *xmemdup(const char *bytes, size_t length) __attribute__((malloc, returns_nonnull));
char *xasprintf(const char *format, ...)
	__attribute__((format(printf, 1, 2), malloc, returns_nonnull));

#endif
