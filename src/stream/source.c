/* SPDX-License-Identifier: BSD-2-Clause */
/* source.c: see source.h: which files are read, and where in them what source_line.c knows is found. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/path.h"
#include "stream/below.h"
#include "stream/source.h"
#include "stream/source_line.h"

#define HINTS_MOST 5 /* lines named */

bool sources_has(const char *exe)
{
	static const char *const names[] = {"node", "python", "pypy", "php", "bun", "deno"};

	for (size_t i = 0; exe && i < sizeof(names) / sizeof(names[0]); i++)
		if (!strncmp(path_base(exe), names[i], strlen(names[i])))
			return true;
	return false;
}

static bool is_source(const char *path)
{
	static const char *const ends[] = {
		".js", ".mjs", ".cjs", ".ts", ".mts", ".cts", ".jsx", ".tsx", ".py", ".php"};
	const char *dot = strrchr(path_base(path), '.');

	for (size_t i = 0; dot && i < sizeof(ends) / sizeof(ends[0]); i++)
		if (!strcmp(dot, ends[i]))
			return true;
	return false;
}

/* Takes `path`. True: it is one of ours now. */
static bool add_file(struct sources *s, int root, char *path, int depth)
{
	char *text;

	for (size_t i = 0; i < s->count; i++)
		if (!strcmp(s->files[i].path, path)) {
			free(path);
			return true;
		}
	text = s->count < SOURCE_FILES && s->tries++ < SOURCE_TRIES ? below_read(root, path) : NULL;
	if (!text) {
		free(path);
		return false;
	}
	s->files[s->count++] = (struct source_file){path, text, depth};
	return true;
}

static bool takes_value(const char *option)
{
	static const char *const names[] = {"-r", "--require", "--import", "--loader",
		"--experimental-loader", "-e", "-c", "-X", "-W", "-d", "-p", "--env-file", "--eval",
		"--conditions", "-C", NULL};

	for (size_t i = 0; names[i]; i++)
		if (!strcmp(option, names[i]))
			return true;
	return false;
}

static bool is_python(const char *exe)
{
	return !strncmp(path_base(exe), "py", 2);
}

static bool add_module(struct sources *s, int root, const char *cwd, const char *module)
{
	char *path = xstrdup(module), *file;
	bool found;

	for (char *at = path; *at; at++)
		*at = *at == '.' ? '/' : *at;
	file = xasprintf("%s/%s.py", cwd, path);
	found = add_file(s, root, file, 0) ||
		add_file(s, root, xasprintf("%s/%s/__main__.py", cwd, path), 0);
	free(path);
	return found;
}

/* The script is the first argument that is no option and names a source file. */
static void add_script(struct sources *s, int root, const char *exe, const char *cwd,
	const char *argv, size_t length)
{
	const char *at = argv, *end = argv + length, *arg;

	for (at += strnlen(at, length) + 1; at < end && !s->count;) {
		arg = at;
		at += strnlen(at, (size_t)(end - at)) + 1;
		if (at > end)
			return; /* cut off */
		if (*arg != '-') {
			if (is_source(arg))
				add_file(s, root, path_join(cwd, arg), 0);
			continue;
		}
		if (at < end && is_python(exe) && !strcmp(arg, "-m")) {
			add_module(s, root, cwd, at);
			return;
		}
		if (takes_value(arg) && at < end)
			at += strnlen(at, (size_t)(end - at)) + 1;
	}
}

static void add_node_import(
	struct sources *s, int root, const char *from, const char *name, int depth)
{
	static const char *const ends[] = {
		"", ".js", ".ts", ".mjs", ".cjs", ".mts", "/index.js", "/index.ts"};
	char *folder = path_folder(from);
	bool found = false;

	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]) && !found; i++) {
		char *whole = xasprintf("%s%s", name, ends[i]);

		if (is_source(whole))
			found = add_file(s, root, path_join(folder, whole), depth);
		free(whole);
	}
	free(folder);
}

static void add_python_import(
	struct sources *s, int root, const char *from, const char *line, int depth)
{
	const char *name;
	size_t n = line_python_import(line, &name);
	char *folder;

	if (!n)
		return;
	folder = path_folder(from);
	add_file(s, root, xasprintf("%s/%.*s.py", folder, (int)n, name), depth);
	free(folder);
}

static void add_imports(struct sources *s, int root, struct source_file file)
{
	bool python = strlen(file.path) > 3 && !strcmp(file.path + strlen(file.path) - 3, ".py");

	for (const char *line = file.text; *line;) {
		const char *end = line_end(line);

		if (python) {
			add_python_import(s, root, file.path, line, file.depth + 1);
		} else {
			char *name = line_import(line, end);

			if (name && *name == '.')
				add_node_import(s, root, file.path, name, file.depth + 1);
			free(name);
		}
		line = *end ? end + 1 : end;
	}
}

void sources_open(struct sources *out, int root, const char *exe, const char *cwd, const char *argv,
	size_t argv_length)
{
	memset(out, 0, sizeof(*out));
	if (!cwd || !argv_length)
		return;
	add_script(out, root, exe, cwd, argv, argv_length);
	for (size_t i = 0; i < out->count; i++)
		if (out->files[i].depth < 2)
			add_imports(out, root, out->files[i]);
}

void sources_close(struct sources *s)
{
	for (size_t i = 0; i < s->count; i++) {
		free(s->files[i].path);
		free(s->files[i].text);
	}
	s->count = 0;
}

static bool file_imports(const char *text, const char *package)
{
	size_t n = strlen(package);

	for (const char *line = text; *line;) {
		const char *end = line_end(line);
		char *name = line_import(line, end);
		bool found = name && !strncmp(name, package, n) && (!name[n] || name[n] == '/');

		free(name);
		if (found)
			return true;
		line = *end ? end + 1 : end;
	}
	return false;
}

bool sources_import(const struct sources *s, const char *package)
{
	for (size_t i = 0; i < s->count; i++)
		if (file_imports(s->files[i].text, package))
			return true;
	return false;
}

static bool file_closes(const char *text, const struct library_row *l)
{
	for (const char *line = text; *line;) {
		const char *end = line_end(line);

		if (line_closes(line, end, l))
			return true;
		line = *end ? end + 1 : end;
	}
	return false;
}

static void hint_file(char **hint, unsigned *count, const struct source_file *file,
	const struct library_row *l, const char *cwd)
{
	unsigned number = 1;

	for (const char *line = file->text; *line && *count < HINTS_MOST; number++) {
		const char *end = line_end(line), *pattern = line_creates(line, end, l);

		if (pattern) {
			char *more = xasprintf("%s%s%s:%u: %s...)", *hint ? *hint : "",
				*hint ? "\n" : "", path_from(cwd, file->path), number, pattern);

			free(*hint);
			*hint = more;
			(*count)++;
		}
		line = *end ? end + 1 : end;
	}
}

char *sources_hint(
	const struct sources *s, const struct library_row *l, const char *cwd, unsigned *closes)
{
	char *hint = NULL;
	unsigned count = 0;
	bool disconnects = false;

	for (size_t i = 0; i < s->count; i++) {
		hint_file(&hint, &count, &s->files[i], l, cwd);
		disconnects = disconnects || file_closes(s->files[i].text, l);
	}
	*closes = !hint ? 0 : disconnects ? 1 : 2;
	return hint;
}

/* Within a few lines of where the pool is made: elsewhere "max" may be anything. */
#define SIZE_LINES 6

static unsigned size_in_file(const struct source_file *file, const struct library_row *l,
	const char **name, unsigned *at)
{
	unsigned number = 1, until = 0, n;

	for (const char *line = file->text; *line; number++) {
		const char *end = line_end(line);

		if (line_makes_pool(line, end, l))
			until = number + SIZE_LINES;
		for (size_t i = 0; i < LIBRARY_PATTERNS && l->sized[i] && number < until; i++) {
			n = line_number(line, end, l->sized[i]);
			if (!n)
				continue;
			*name = l->sized[i];
			*at = number;
			return n;
		}
		line = *end ? end + 1 : end;
	}
	return 0;
}

bool sources_size(const struct sources *s, const struct library_row *l, const char *cwd, char *out,
	size_t size)
{
	const char *name;
	unsigned line, n;

	for (size_t f = 0; f < s->count; f++) {
		n = size_in_file(&s->files[f], l, &name, &line);
		if (!n)
			continue;
		snprintf(out, size, "%s=%u in %s:%u", name, n, path_from(cwd, s->files[f].path),
			line);
		return true;
	}
	return false;
}
