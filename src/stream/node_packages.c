/* SPDX-License-Identifier: BSD-2-Clause */
/* node_packages.c: see node_packages.h. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/path.h"
#include "stream/below.h"
#include "stream/node_packages.h"

#define UP_MOST 16 /* folders looked at, upwards */

struct packages {
	int root;
	const char *project;
	const struct sources *sources;
};

/* The first folder from `from` upwards that has node_modules. Caller frees. */
static char *project_of(int root, const char *from)
{
	char *folder = xstrdup(from), path[4200], *slash;

	for (int i = 0; i < UP_MOST && *folder; i++) {
		snprintf(path, sizeof(path), "%s/node_modules", folder);
		if (below_exists(root, path))
			return folder;
		slash = strrchr(folder, '/');
		if (!slash)
			break;
		*slash = 0;
	}
	free(folder);
	return NULL;
}

/* Where the package is: with the project, or further up, as a workspace has it. NULL: it is not there;
 * caller frees. */
static char *package_folder(const struct packages *p, const char *package)
{
	char *folder = xstrdup(p->project), path[4200], *slash = folder;

	for (int i = 0; i < UP_MOST && slash; i++) {
		snprintf(path, sizeof(path), "%s/node_modules/%s/package.json", folder, package);
		if (below_exists(p->root, path)) {
			*strrchr(path, '/') = 0;
			free(folder);
			return xstrdup(path);
		}
		slash = strrchr(folder, '/');
		if (slash)
			*slash = 0;
	}
	free(folder);
	return NULL;
}

static bool has_package(const struct packages *p, const char *package)
{
	char *folder = package_folder(p, package);
	bool has = folder;

	free(folder);
	return has;
}

/* "version": "7.1.0" of the package in a folder; "" if it can't be read. */
static void package_version(const struct packages *p, const char *folder, char *out, size_t size)
{
	char path[4200], *json, *at;

	*out = 0;
	snprintf(path, sizeof(path), "%s/package.json", folder);
	json = below_read(p->root, path);
	at = json ? strstr(json, "\"version\"") : NULL;
	if (at) {
		at += strlen("\"version\"");
		at += strspn(at, " \t\n:\"");
		snprintf(out, size, "%.*s", (int)strcspn(at, "\"\n"), at);
	}
	free(json);
}

/* The project's own package.json names it: "pg": "^8". */
static bool depends_on(const char *json, const char *package)
{
	char quoted[64];
	const char *at;

	snprintf(quoted, sizeof(quoted), "\"%s\"", package);
	at = json ? strstr(json, quoted) : NULL;
	if (!at)
		return false;
	at += strlen(quoted);
	return at[strspn(at, " \t\n")] == ':';
}

/* Of the packages that are there, the one in use: what the script imports or, if it imports none
 * itself, what the project depends on. Prisma's adapter brings pg along. Two others: nobody knows. */
static const struct library_row *package_in_use(
	const struct packages *p, const char *json, bool imports)
{
	const struct library_row *one = NULL, *prisma = library_find("prisma");
	bool is_prisma = false;
	int count = 0;

	for (size_t i = 0; i < library_count; i++) {
		const struct library_row *row = &library_rows[i];
		const char *package = row->package;

		if (!package || !has_package(p, package))
			continue;
		if (imports ? !sources_import(p->sources, package) : !depends_on(json, package))
			continue;
		one = row;
		is_prisma = is_prisma || row == prisma;
		count++;
	}
	if (count == 2 && is_prisma &&
		(imports ? sources_import(p->sources, "@prisma/adapter-pg") ||
					!sources_import(p->sources, "postgres")
			 : depends_on(json, "@prisma/adapter-pg")))
		return prisma;
	return count == 1 ? one : NULL;
}

char *node_project(int root, const struct sources *sources, const char *cwd)
{
	char *folder = sources->count ? path_folder(sources->files[0].path) : NULL;
	char *project = folder ? project_of(root, folder) : NULL;

	free(folder);
	return project || !cwd ? project : project_of(root, cwd);
}

const struct library_row *node_library(
	int root, const struct sources *sources, const char *project, char **sign)
{
	const struct packages p = {root, project, sources};
	const struct library_row *row = package_in_use(&p, NULL, true);
	char path[4200], version[32], *json, *folder;

	if (!row) {
		snprintf(path, sizeof(path), "%s/package.json", project);
		json = below_read(root, path);
		row = package_in_use(&p, json, false);
		free(json);
	}
	if (!row)
		return NULL;
	folder = package_folder(&p, row->package);
	if (!folder)
		return NULL;
	package_version(&p, folder, version, sizeof(version));
	/* An older Prisma has its engine mapped; with neither, it is not the one of this row. */
	if (!strcmp(row->id, "prisma") && strtoul(version, NULL, 10) < 7)
		row = NULL;
	else
		*sign = xasprintf("%s%s%s", folder, *version ? " " : "", version);
	free(folder);
	return row;
}
