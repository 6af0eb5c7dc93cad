/* SPDX-License-Identifier: BSD-2-Clause */
/* path.h: paths as text; nothing here looks at a file. */
#ifndef BASE_PATH_H
#define BASE_PATH_H

/* What stands behind the last "/", or all of it; "" for NULL. */
const char *path_base(const char *path);
/* What stands before the last "/"; "" if there is none. Caller frees. */
char *path_folder(const char *path);
/* Absolute, without "." and "..": "/srv/shop" + "scripts/../x.js" → "/srv/shop/x.js". Caller frees. */
char *path_join(const char *folder, const char *path);
/* The path as someone in `folder` would write it, when it lies below. */
const char *path_from(const char *folder, const char *path);

#endif
