/* SPDX-License-Identifier: BSD-2-Clause */
/* mem.c: see mem.h. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

static void *must(void *memory)
{
	if (!memory) {
		fputs("pgleaktrace: out of memory\n", stderr);
		exit(1);
	}
	return memory;
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

char *xasprintf(const char *format, ...)
{
	char *text = NULL;
	va_list args;

	va_start(args, format);
	if (vasprintf(&text, format, args) < 0)
		text = NULL;
	va_end(args);
	return must(text);
}
