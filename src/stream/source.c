/* SPDX-License-Identifier: BSD-2-Clause */
/* source.c: see source.h. Only our own patterns and line numbers leave this file, never its text. */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/mem.h"
#include "stream/source.h"

#define HINTS_MOST 5 /* lines named */

static int open_below(int root, const char *path, __u64 flags)
{
	struct open_how how = {
		.flags = flags | O_PATH | O_CLOEXEC,
		.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS,
	};

	return (int)syscall(SYS_openat2, root, path, &how, sizeof(how));
}

bool source_exists(int root, const char *path)
{
	int fd = open_below(root, path, 0);

	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

/* First only a handle, so that nothing but a regular file is ever opened for real. */
char *source_read(int root, const char *path)
{
	int handle = open_below(root, path, O_NOFOLLOW), fd = -1;
	struct stat st;
	char name[40], *text = NULL;
	ssize_t n, used = 0;

	if (handle < 0)
		return NULL;
	snprintf(name, sizeof(name), "/proc/self/fd/%d", handle);
	if (!fstat(handle, &st) && S_ISREG(st.st_mode) && st.st_size <= SOURCE_MOST)
		fd = open(name, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	close(handle);
	if (fd < 0)
		return NULL;
	text = xcalloc(1, SOURCE_MOST + 1);
	while (used < SOURCE_MOST && (n = read(fd, text + used, SOURCE_MOST - (size_t)used)) > 0)
		used += n;
	close(fd);
	return text;
}

static const char *base_name(const char *path)
{
	const char *slash = path ? strrchr(path, '/') : NULL;

	return slash ? slash + 1 : path ? path : "";
}

static bool is_interpreter(const char *exe)
{
	static const char *const names[] = {"node", "python", "pypy", "php", "bun", "deno"};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (!strncmp(base_name(exe), names[i], strlen(names[i])))
			return true;
	return false;
}

static bool is_source(const char *path)
{
	static const char *const ends[] = {
		".js", ".mjs", ".cjs", ".ts", ".mts", ".cts", ".jsx", ".tsx", ".py", ".php"};
	const char *dot = strrchr(base_name(path), '.');

	for (size_t i = 0; dot && i < sizeof(ends) / sizeof(ends[0]); i++)
		if (!strcmp(dot, ends[i]))
			return true;
	return false;
}

/* "/srv/shop" + "scripts/../x.js" → "/srv/shop/x.js" */
static char *join(const char *folder, const char *path)
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

/* Takes `path`. True: it is one of ours now. */
static bool add_file(struct sources *s, int root, char *path, int depth)
{
	char *text;

	for (size_t i = 0; i < s->count; i++)
		if (!strcmp(s->files[i].path, path)) {
			free(path);
			return true;
		}
	text = s->count < SOURCE_FILES ? source_read(root, path) : NULL;
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
	return !strncmp(base_name(exe), "py", 2);
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
				add_file(s, root, join(cwd, arg), 0);
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

static bool is_word(char c)
{
	return isalnum((unsigned char)c) || c == '_' || c == '$';
}

static const char *line_end(const char *line)
{
	return strchrnul(line, '\n');
}

static bool is_comment(const char *line)
{
	line += strspn(line, " \t");
	return !strncmp(line, "//", 2) || *line == '#' || *line == '*' || !strncmp(line, "/*", 2);
}

static bool line_has(const char *line, size_t length, const char *word)
{
	return memmem(line, length, word, strlen(word)) != NULL;
}

/* The quoted text of an import or require line; NULL: it is none. */
static char *import_of(const char *line, size_t length)
{
	const char *quote, *end;

	if (is_comment(line) ||
		!(line_has(line, length, "require(") || line_has(line, length, "from ") ||
			line_has(line, length, "import ") || line_has(line, length, "import(")))
		return NULL;
	for (quote = line; quote < line + length && *quote != '\'' && *quote != '"';)
		quote++;
	if (quote == line + length)
		return NULL;
	end = memchr(quote + 1, *quote, (size_t)(line + length - quote - 1));
	return end ? xmemdup(quote + 1, (size_t)(end - quote - 1)) : NULL;
}

static char *folder_of(const char *path)
{
	const char *slash = strrchr(path, '/');

	return xmemdup(path, slash ? (size_t)(slash - path) : 0);
}

static void add_node_import(
	struct sources *s, int root, const char *from, const char *name, int depth)
{
	static const char *const ends[] = {
		"", ".js", ".ts", ".mjs", ".cjs", ".mts", "/index.js", "/index.ts"};
	char *folder = folder_of(from);
	bool found = false;

	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]) && !found; i++) {
		char *whole = xasprintf("%s%s", name, ends[i]);

		if (is_source(whole))
			found = add_file(s, root, join(folder, whole), depth);
		free(whole);
	}
	free(folder);
}

/* "import db", "from db import x", "from .db import x": a file beside this one. */
static void add_python_import(
	struct sources *s, int root, const char *from, const char *line, int depth)
{
	size_t skip = !strncmp(line, "import ", 7) ? 7 : !strncmp(line, "from ", 5) ? 5 : 0;
	const char *name = line + skip + strspn(line + skip, " .");
	size_t n = 0;
	char *folder;

	while (is_word(name[n]) && name[n] != '$')
		n++;
	if (!skip || !n || n > 100)
		return;
	folder = folder_of(from);
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
			char *name = import_of(line, (size_t)(end - line));

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
	if (!exe || !cwd || !argv_length || !is_interpreter(exe))
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
		char *name = import_of(line, (size_t)(end - line));
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

/* The pattern in this line, not as the end of a longer word. */
static const char *find_in_line(const char *line, const char *end, const char *pattern)
{
	const char *at = line;

	while ((at = memmem(at, (size_t)(end - at), pattern, strlen(pattern)))) {
		if (at == line || !is_word(*pattern) || !is_word(at[-1]))
			return at;
		at++;
	}
	return NULL;
}

/* cur.close(), res.end(): others' goodbyes. */
static bool is_other_close(const char *line, const char *at)
{
	static const char *const others[] = {"cur", "f", "fh", "fp", "file", "res", "resp", "rs",
		"rows", "stmt", "stream", "server", "rl", "response"};
	const char *from = at;

	while (from > line && is_word(from[-1]))
		from--;
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		if ((size_t)(at - from) == strlen(others[i]) &&
			!strncmp(from, others[i], strlen(others[i])))
			return true;
	return at - from >= 6 && !strncmp(from, "cursor", 6);
}

static bool file_closes(const char *text, const struct library_row *l)
{
	for (const char *line = text; *line;) {
		const char *end = line_end(line), *at;

		for (size_t i = 0; i < LIBRARY_PATTERNS && l->closes[i] && !is_comment(line); i++) {
			at = find_in_line(line, end, l->closes[i]);
			if (at && !(*l->closes[i] == '.' && is_other_close(line, at)))
				return true;
		}
		line = *end ? end + 1 : end;
	}
	return false;
}

/* The pattern that creates a client here; NULL: none. */
static const char *creation_in(const char *line, const char *end, const struct library_row *l)
{
	for (size_t i = 0; i < LIBRARY_PATTERNS && l->creates[i] && !is_comment(line); i++)
		if (find_in_line(line, end, l->creates[i]))
			return l->creates[i];
	return NULL;
}

static const char *shown_path(const char *path, const char *cwd)
{
	size_t n = strlen(cwd);

	return n > 1 && !strncmp(path, cwd, n) && path[n] == '/' ? path + n + 1 : path;
}

static void hint_file(char **hint, unsigned *count, const struct source_file *file,
	const struct library_row *l, const char *cwd)
{
	unsigned number = 1;

	for (const char *line = file->text; *line && *count < HINTS_MOST; number++) {
		const char *end = line_end(line), *pattern = creation_in(line, end, l);

		if (pattern) {
			char *more = xasprintf("%s%s%s:%u: %s...)", *hint ? *hint : "",
				*hint ? "\n" : "", shown_path(file->path, cwd), number, pattern);

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

/* "max: 3", "max_size=3" within the line; 0: no number. */
static unsigned number_after(const char *line, const char *end, const char *name)
{
	const char *at = find_in_line(line, end, name);

	if (!at || is_word(at[strlen(name)]))
		return 0;
	at += strlen(name);
	at += strspn(at, " \t");
	if (at >= end || (*at != ':' && *at != '='))
		return 0;
	at++;
	at += strspn(at, " \t");
	return at < end && isdigit((unsigned char)*at) ? (unsigned)strtoul(at, NULL, 10) : 0;
}

/* Within a few lines of where the pool is made: elsewhere "max" may be anything. */
#define SIZE_LINES 6

static unsigned size_in_file(const struct source_file *file, const struct library_row *l,
	const char **name, unsigned *at)
{
	unsigned number = 1, until = 0, n;

	for (const char *line = file->text; *line; number++) {
		const char *end = line_end(line);

		if (creation_in(line, end, l) ||
			(l->sized_at && find_in_line(line, end, l->sized_at)))
			until = number + SIZE_LINES;
		for (size_t i = 0; i < LIBRARY_PATTERNS && l->sized[i] && number < until; i++) {
			n = is_comment(line) ? 0 : number_after(line, end, l->sized[i]);
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
		snprintf(out, size, "%s=%u in %s:%u", name, n, shown_path(s->files[f].path, cwd),
			line);
		return true;
	}
	return false;
}
