/* SPDX-License-Identifier: BSD-2-Clause */
/* httpd.c: see httpd.h. The static program has it within. */
#include <dlfcn.h>
#include <errno.h>
#include <stddef.h>

#include "httpd.h"

#ifdef PGLEAKTRACE_STATIC

int httpd_load(struct httpd *out)
{
#define LINKED(name) .name = MHD_##name,
	*out = (struct httpd){HTTPD_FUNCTIONS(LINKED)};
	return 0;
}

#else

#define LIBRARY "libmicrohttpd.so.12" /* since its version 0.9.38 of 2014 */

int httpd_load(struct httpd *out)
{
	void *library = dlopen(LIBRARY, RTLD_NOW | RTLD_LOCAL);

	if (!library)
		return -ENOPKG;
#define LOADED(name)                                                                               \
	out->name = (__typeof__(out->name))dlsym(library, "MHD_" #name);                           \
	if (!out->name)                                                                            \
		return -ENOPKG;
	HTTPD_FUNCTIONS(LOADED)
	return 0;
}

#endif
