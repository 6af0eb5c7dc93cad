/* SPDX-License-Identifier: BSD-2-Clause */
/* path.c: see path.h. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/path.h"

const char *path_base(const char *path)
{
	const char *slash = path ? strrchr(path, '/') : NULL;

	return slash ? slash + 1 : path ? path : "";
}

char *path_folder(const char *path)
{
	const char *slash = strrchr(path, '/');

	return xmemdup(path, slash ? (size_t)(slash - path) : 0);
}

char *path_join(const char *folder, const char *path)
{
	char *all = *path == '/' ? xstrdup(path) : xasprintf("%s/%s", folder, path);
	char *out = xcalloc(1, strlen(all) + 2);

	for (char *at = all; *at;) {
		size_t n = strcspn(at, "/");

		if (n == 2 && !strncmp(at, "..", 2)) {
			char *slash = strrchr(out, '/');

			if (slash)
				*slash = 0;
		} else if (n && !(n == 1 && *at == '.')) {
			size_t used = strlen(out);

			out[used] = '/';
			memcpy(out + used + 1, at, n);
		}
		at += n + (at[n] ? 1 : 0);
	}
	free(all);
	return out;
}

const char *path_from(const char *folder, const char *path)
{
	size_t n = strlen(folder);

	return n > 1 && !strncmp(path, folder, n) && path[n] == '/' ? path + n + 1 : path;
}
