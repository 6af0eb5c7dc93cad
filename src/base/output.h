/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * output.h: opening a file to write into, as root, where others may have been before: what we write
 * holds other people's command lines, and must reach no file and no reader that somebody else chose.
 *
 *   a symbolic link, anywhere in the path      only if it is root's or ours
 *   a file or pipe that is there               only if it is root's or ours, without a second name
 *   a file that is not there                   is created, mode 0600, O_EXCL
 *   a device                                   is opened as it is
 *
 * The path is walked folder by folder, so that what was looked at is what is opened.
 */
#ifndef BASE_OUTPUT_H
#define BASE_OUTPUT_H

#include <stddef.h>

/* A descriptor, or -errno with a sentence in `why`. `flags`: O_TRUNC or O_APPEND. A regular file is
 * 0600 afterwards, also if it was there already. */
int output_open(const char *path, int flags, char *why, size_t size);

/* The folder that `path` lies in, O_PATH, and in `name` what it is called there (a part of `path`).
 * For a file that is created under another name and renamed. -errno with a sentence. */
int output_folder(const char *path, const char **name, char *why, size_t size);

#endif
