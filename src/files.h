/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * files.h: the files we write. Reports and recordings hold command lines: mode 0600. A metrics file
 * holds script names, counts and addresses for another program to collect: 0644, replaced whole.
 */
#ifndef FILES_H
#define FILES_H

#include "loop.h"

/* --output-file opened anew, standard output, or NULL with a sentence. */
FILE *files_open_output(const struct options *options, char *why, size_t size);

/* Does -o openmetrics write a file for a collector, again and again? */
bool files_is_collected(const struct options *options);
/* Writes it: a temporary file beside it, then renamed, so that nobody reads half a page. -errno, said
 * on standard error. */
int files_write_metrics(const struct loop *loop);

/* Those of --output-file and --record that were moved away are opened under their name again; the
 * rest goes on. Returns how many there are to reopen at all, or -errno. */
int files_reopen(struct loop *loop);

#endif
