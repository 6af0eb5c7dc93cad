/* SPDX-License-Identifier: BSD-2-Clause */
/* node_packages.h: which of the packages in node_modules a script of Node.js connects with. */
#ifndef STREAM_NODE_PACKAGES_H
#define STREAM_NODE_PACKAGES_H

#include "stream/source.h"

/* The folder whose node_modules has the packages: looked for upwards from the script, else from `cwd`,
 * which may be NULL. NULL: none. Caller frees. */
char *node_project(int root, const struct sources *sources, const char *cwd);

/* What the scripts import or, if they import none themselves, what the project depends on; NULL: none
 * that we know, or it can't be told which. *sign: its folder and version; the caller frees it. */
const struct library_row *node_library(
	int root, const struct sources *sources, const char *project, char **sign);

#endif
