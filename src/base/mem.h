/* SPDX-License-Identifier: BSD-2-Clause */
/* mem.h: allocation that never fails: without memory there is nothing sensible left to do, so these
 * end the program with a sentence. What libraries allocate for us goes through them too (hash.h; main.c
 * for jansson): half a report must not pass for a whole one. */
#ifndef BASE_MEM_H
#define BASE_MEM_H

#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

void *xmalloc(size_t size) __attribute__((malloc, returns_nonnull));
void *xcalloc(size_t count, size_t size) __attribute__((malloc, returns_nonnull));
void *xrealloc(void *old, size_t size) __attribute__((returns_nonnull));
char *xstrdup(const char *text) __attribute__((malloc, returns_nonnull));
/* Copies `length` bytes and adds a NUL. */
char *xmemdup(const char *bytes, size_t length) __attribute__((malloc, returns_nonnull));
char *xasprintf(const char *format, ...)
	__attribute__((format(printf, 1, 2), malloc, returns_nonnull));
char *xvasprintf(const char *format, va_list args) __attribute__((malloc, returns_nonnull));

/* Text that is written: open_memstream(), and fclose() behind which *text is whole, the caller's. */
FILE *xmemstream(char **text, size_t *size) __attribute__((returns_nonnull));
void xmemstream_close(FILE *stream, char *const *text);

/* From now on what was large goes back to the system as soon as it is freed: the kernel's types, a look at
 * a full host. Else glibc would keep as much for the next time. */
void mem_return_large(void);

/* Says "out of memory" and exits. */
_Noreturn void mem_fail(void);

#endif
