/* SPDX-License-Identifier: BSD-2-Clause */
/* mem.c: see mem.h. */
#include <malloc.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

void mem_fail(void)
{
	fputs("pgleaktrace: out of memory\n", stderr);
	exit(1);
}

void mem_return_large(void)
{
#ifdef M_MMAP_THRESHOLD
	mallopt(M_MMAP_THRESHOLD, 64 << 10);
#endif
}

static void *must(void *memory)
{
	if (!memory)
		mem_fail();
	return memory;
}

void *xmalloc(size_t size)
{
	return must(malloc(size ? size : 1));
}

void *xcalloc(size_t count, size_t size)
{
	return must(calloc(count ? count : 1, size ? size : 1));
}

void *xrealloc(void *old, size_t size)
{
	return must(realloc(old, size ? size : 1));
}

char *xstrdup(const char *text)
{
	return must(strdup(text));
}

char *xmemdup(const char *bytes, size_t length)
{
	char *copy = must(malloc(length + 1));

	memcpy(copy, bytes, length);
	copy[length] = 0;
	return copy;
}

char *xvasprintf(const char *format, va_list args)
{
	char *text = NULL;

	if (vasprintf(&text, format, args) < 0)
		text = NULL;
	return must(text);
}

char *xasprintf(const char *format, ...)
{
	va_list args;
	char *text;

	va_start(args, format);
	text = xvasprintf(format, args);
	va_end(args);
	return text;
}

FILE *xmemstream(char **text, size_t *size)
{
	return must(open_memstream(text, size));
}

/* fclose() makes the text fit, and does not tell when it could not. */
void xmemstream_close(FILE *stream, char *const *text)
{
	bool failed = ferror(stream);

	if (fclose(stream) || failed || !*text)
		mem_fail();
}
