/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * below.h: other people's files, as their process sees them: below a folder, its root, that links do
 * not lead out of, nor to /proc's magic ones. Nothing is ever written.
 */
#ifndef STREAM_BELOW_H
#define STREAM_BELOW_H

#include <stdbool.h>

#define BELOW_MOST                                                                                 \
	(256 * 1024) /* bytes that below_read() reads; a larger file is not read at all */

/* A descriptor that is closed on exec, or -errno. `folder` is one of a folder, O_PATH will do. */
int below_open(int folder, const char *path, int flags);
/* The same where somebody has just been: what the kernel does not remember is not there (-EAGAIN). So a folder
 * that does not answer, as a network's, is never waited for. */
int below_walked(int folder, const char *path, int flags);
/* Is there anything of that name? */
bool below_exists(int folder, const char *path);
/* A regular file's text, NUL-terminated; never through a link as the last part, and never waiting.
 * NULL: none that may be read. Caller frees. */
char *below_read(int folder, const char *path);

#endif
