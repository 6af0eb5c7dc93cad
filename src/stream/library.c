/* SPDX-License-Identifier: BSD-2-Clause */
/* library.c: see library.h. The signs are in the table of base/library.c. */
#include <dirent.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/path.h"
#include "stream/below.h"
#include "stream/library.h"
#include "stream/maps.h"
#include "stream/node_packages.h"
#include "stream/source.h"

/* One look at one process. */
struct search {
	const struct library_query *query;
	int root; /* what the process has as /; -1: not asked for yet */
	struct sources sources;
	const struct library_row *row; /* the best so far: the lowest of the table */
	char *sign;
	char *project; /* folder whose node_modules has the packages; NULL: none */
};

/* -1: it is gone. */
static int root_of(struct search *s)
{
	char path[64];

	snprintf(path, sizeof(path), "%s/root", s->query->proc);
	if (s->root < 0)
		s->root = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	return s->root;
}

/* Rows stand in the order of strength. Takes `sign`. */
static void found(struct search *s, const struct library_row *row, char *sign)
{
	if (s->row && s->row <= row) {
		free(sign);
		return;
	}
	free(s->sign);
	s->row = row;
	s->sign = sign;
}

/* fnmatch() takes its time, and most match nothing: the pattern's first word is looked for before. */
static bool matches(const char *pattern, const char *path)
{
	const char *word = pattern && *pattern == '*' ? pattern + 1 : pattern;

	return pattern && memmem(path, strlen(path), word, strcspn(word, "*?[")) &&
	       !fnmatch(pattern, path, 0);
}

static void look_at_mapped(void *data, const char *path)
{
	struct search *s = data;

	for (size_t i = 0; i < library_count; i++) {
		const struct library_row *row = &library_rows[i];

		if (matches(row->mapped, path) || matches(row->mapped2, path))
			found(s, row, xstrdup(path));
	}
}

static void look_at_maps(struct search *s)
{
	char path[64];

	snprintf(path, sizeof(path), "%s/maps", s->query->proc);
	maps_each(path, look_at_mapped, s);
}

static void look_at_arguments(struct search *s)
{
	const struct library_query *q = s->query;

	for (size_t i = 0; i < library_count; i++)
		if (q->exe && matches(library_rows[i].exe, q->exe))
			found(s, &library_rows[i], xstrdup(q->exe));
	for (size_t at = 0; at < q->argv_length;
		at += strnlen(q->argv + at, q->argv_length - at) + 1)
		for (size_t i = 0; i < library_count; i++)
			if (library_rows[i].argument && at &&
				!strcmp(path_base(q->argv + at), library_rows[i].argument))
				found(s, &library_rows[i], xstrdup(q->argv + at));
}

static void look_at_jar(struct search *s, const char *path)
{
	for (size_t i = 0; i < library_count; i++)
		if (matches(library_rows[i].jar, path_base(path)))
			found(s, &library_rows[i], xstrdup(path_base(path)));
}

/* The class path on the command line, and the jars that are open. */
static void look_at_java(struct search *s)
{
	const struct library_query *q = s->query;
	char path[300], target[4096];
	struct dirent *entry;
	DIR *fds;

	for (size_t at = 0; at < q->argv_length;
		at += strnlen(q->argv + at, q->argv_length - at) + 1) {
		char *copy = xstrdup(q->argv + at), *save = NULL;

		for (char *jar = strtok_r(copy, ":", &save); jar; jar = strtok_r(NULL, ":", &save))
			look_at_jar(s, jar);
		free(copy);
	}
	snprintf(path, sizeof(path), "%s/fd", q->proc);
	fds = opendir(path);
	while (fds && (entry = readdir(fds))) {
		ssize_t n;

		snprintf(path, sizeof(path), "%s/fd/%s", q->proc, entry->d_name);
		n = readlink(path, target, sizeof(target) - 1);
		if (n > 4 && !memcmp(target + n - 4, ".jar", 4)) {
			target[n] = 0;
			look_at_jar(s, target);
		}
	}
	if (fds)
		closedir(fds);
}

static void look_at_modules(struct search *s)
{
	char path[64], version[64];
	char *info;
	int exe;

	snprintf(path, sizeof(path), "%s/exe", s->query->proc);
	exe = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (exe < 0)
		return;
	info = buildinfo_read(exe);
	for (size_t i = 0; info && i < library_count; i++)
		if (library_rows[i].module &&
			buildinfo_module(info, library_rows[i].module, version, sizeof(version)))
			found(s, &library_rows[i],
				xasprintf("%s %s", library_rows[i].module, version));
	free(info);
	close(exe);
}

static void look_at_packages(struct search *s)
{
	const struct library_row *row = NULL;
	char *sign;

	s->project = node_project(root_of(s), &s->sources, s->query->cwd);
	if (s->project)
		row = node_library(s->root, &s->sources, s->project, &sign);
	if (row)
		found(s, row, sign);
}

/* connection_limit=3 in a text; 0: it does not say. */
static unsigned url_limit(const char *text)
{
	const char *at = text ? strstr(text, "connection_limit=") : NULL;

	return at ? (unsigned)strtoul(at + strlen("connection_limit="), NULL, 10) : 0;
}

static unsigned argv_limit(const struct library_query *q)
{
	unsigned n = 0;

	for (size_t at = 0; at < q->argv_length && !n;
		at += strnlen(q->argv + at, q->argv_length - at) + 1)
		n = url_limit(q->argv + at);
	return n;
}

static unsigned env_limit(struct search *s, const char *folder)
{
	char path[4200], *text;
	unsigned n = 0;

	snprintf(path, sizeof(path), "%s/.env", folder);
	text = below_read(root_of(s), path);
	for (char *line = text; line && *line && !n;) {
		char *end = strchrnul(line, '\n'), *next = *end ? end + 1 : end;

		*end = 0;
		if (line[strspn(line, " \t")] != '#')
			n = url_limit(line);
		line = next;
	}
	free(text);
	return n;
}

/* The limit that a Prisma URL asks for, and where. */
static unsigned asked_limit(struct search *s, const char **where)
{
	unsigned n = argv_limit(s->query);
	char *folder;

	*where = "on the command line";
	if (n || !s->query->source)
		return n;
	*where = "in .env";
	if (s->query->cwd)
		n = env_limit(s, s->query->cwd);
	if (!n && s->project)
		n = env_limit(s, s->project);
	if (!n && s->sources.count) {
		const char *file = s->sources.files[0].path;

		folder = path_folder(file);
		n = env_limit(s, folder);
		free(folder);
	}
	return n;
}

/* The pool's size as configured, as far as it can be seen. */
static char *config_of(struct search *s)
{
	const char *where, *cwd = s->query->cwd ? s->query->cwd : "/";
	bool is_prisma = !strcmp(s->row->id, "prisma"),
	     is_engine = !strcmp(s->row->id, "prisma-engine");
	unsigned limit = is_prisma || is_engine ? asked_limit(s, &where) : 0;
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);
	char size[512] = "";
	bool sized = sources_size(&s->sources, s->row, cwd, size, sizeof(size));

	if (is_prisma && limit)
		return xasprintf("%s%sconnection_limit=%u %s is ignored by Prisma 7", size,
			sized ? "; " : "", limit, where);
	if (is_engine && limit)
		return xasprintf("connection_limit=%u %s", limit, where);
	if (is_engine && !sized)
		return xasprintf(
			"connection_limit=%ld by default: %ld CPUs x 2 + 1", cpus * 2 + 1, cpus);
	return sized ? xstrdup(size) : NULL;
}

void library_look(struct library_facts *out, const struct library_query *query)
{
	struct search s = {.query = query, .root = -1};

	memset(out, 0, sizeof(*out));
	if (query->source && sources_has(query->exe))
		sources_open(&s.sources, root_of(&s), query->exe, query->cwd, query->argv,
			query->argv_length);
	look_at_maps(&s);
	look_at_arguments(&s);
	if (!strcmp(path_base(query->exe), "java"))
		look_at_java(&s);
	else if (!strncmp(path_base(query->exe), "node", 4) ||
		 !strcmp(path_base(query->exe), "bun"))
		look_at_packages(&s);
	else if (!s.row)
		look_at_modules(&s);
	out->row = s.row;
	out->sign = s.sign;
	if (s.row) {
		out->config = config_of(&s);
		out->source = sources_hint(
			&s.sources, s.row, query->cwd ? query->cwd : "/", &out->source_closes);
	}
	sources_close(&s.sources);
	free(s.project);
	if (s.root >= 0)
		close(s.root);
}

void library_facts_free(struct library_facts *facts)
{
	free(facts->sign);
	free(facts->config);
	free(facts->source);
}
