/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * script.c: from a command line to the name a person would use. What an interpreter's flags take is
 * stepped over (interpreters.c); the first word left over is the script. Launchers are looked through.
 */
#include <ctype.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "model/interpreters.h"
#include "model/script.h"

#define WORDS 64

struct words {
	char *text; /* argv, each word NUL-terminated */
	const char *word[WORDS + 1];
	int count;
};

/* Splits argv; a title ("npm run seed   ") is one argument with spaces and is split at them. */
static void words_split(struct words *w, const char *argv, size_t length)
{
	bool title;

	while (length && !argv[length - 1])
		length--;
	w->count = 0;
	w->text = xmemdup(argv, length);
	while (length && w->text[length - 1] == ' ')
		w->text[--length] = 0;
	title = !memchr(w->text, 0, length) && w->text[0] != '/';
	if (title && !strncmp(w->text, "npm ", 4))
		for (size_t i = 0; i < length; i++)
			if (w->text[i] == ' ')
				w->text[i] = 0;
	for (size_t at = 0; at < length && w->count < WORDS;) {
		w->word[w->count++] = w->text + at;
		at += strlen(w->text + at) + 1;
	}
	w->word[w->count] = NULL;
}

/* Removes "./", "//" and "a/.."; makes it relative to cwd when it lies below. Caller frees. */
static char *path_tidy(const char *path, const char *cwd)
{
	char *out, *to;
	size_t n = cwd ? strlen(cwd) : 0;

	if (!strncmp(path, "file://", 7))
		path += 7;
	out = to = xcalloc(1, strlen(path) + 2);
	for (const char *at = path; *at;) {
		size_t part = strcspn(at, "/");

		if (part == 2 && !strncmp(at, "..", 2) && to > out + 1 && to[-1] == '/' &&
			strncmp(to - 3 < out ? out : to - 3, "../", 3)) {
			for (to--; to > out && to[-1] != '/';)
				to--;
		} else if (part && !(part == 1 && *at == '.')) {
			memcpy(to, at, part);
			to += part;
			if (at[part])
				*to++ = '/';
		} else if (!part && to == out) {
			*to++ = '/';
		}
		at += part + (at[part] ? 1 : 0);
	}
	*to = 0;
	if (n > 1 && !strncmp(out, cwd, n) && out[n] == '/' && out[n + 1])
		memmove(out, out + n + 1, strlen(out + n + 1) + 1);
	return out;
}

static char *join(const char *a, const char *b)
{
	return xasprintf("%s %s", a, b);
}

static char *identify_words(const struct words *w, int from, const char *cwd, char **runtime);

/* `sh -c "node x.js"` names what it runs, when that is plain words. */
static char *shell_command(const char *shell, const char *command, const char *cwd, char **runtime)
{
	struct words inner;
	char *name, *spaced = xstrdup(command);

	if (command[strcspn(command, "|&;<>()$`\\\"'*?[#~\n{")]) {
		free(spaced);
		return join(program_name(shell), "-c");
	}
	for (char *at = spaced; *at; at++)
		if (*at == ' ')
			*at = 0;
	words_split(&inner, spaced, strlen(command));
	name = inner.count ? identify_words(&inner, 0, cwd, runtime)
			   : join(program_name(shell), "-c");
	free(inner.text);
	free(spaced);
	return name;
}

/* "shop.wsgi:app", but no "localhost:8000", "0.0.0.0:80" or "unix:/run/x". */
static bool is_application(const char *word)
{
	const char *colon = strchr(word, ':');

	return colon > word && !isdigit((unsigned char)*word) &&
	       (isalpha((unsigned char)colon[1]) || colon[1] == '_');
}

/* `gunicorn --access-logfile - shop.wsgi:app`: what it serves tells one from another. */
static char *served_name(const struct words *w, int from)
{
	const char *server = program_name(w->word[from]);

	for (int at = from + 1; at < w->count; at++)
		if (is_application(w->word[at]))
			return join(server, w->word[at]);
	return xstrdup(server);
}

/* `celery -A proj worker`, `celery --app=proj beat`. */
static char *celery_name(const struct words *w, int from)
{
	for (int at = from + 1; at < w->count; at++) {
		const char *word = w->word[at];

		if (!strncmp(word, "--app=", 6))
			return join("celery", word + 6);
		if ((!strcmp(word, "-A") || !strcmp(word, "--app")) && at + 1 < w->count)
			return join("celery", w->word[at + 1]);
	}
	return xstrdup("celery");
}

/* A program written in Python, by its own file or as a module; NULL: no such one. */
static char *python_program(const struct words *w, int at)
{
	const char *base = program_name(w->word[at]);

	if (!strcmp(base, "celery"))
		return celery_name(w, at);
	return listed(app_servers, base) ? served_name(w, at) : NULL;
}

static char *module_name(
	const char *interpreter, const char *flag, const char *value, const char *cwd)
{
	char family[64];

	if (!strcmp(flag, "-jar"))
		return path_tidy(value, cwd);
	program_family(family, sizeof(family), interpreter);
	if (!strcmp(family, "java"))
		return xstrdup(value);
	return xasprintf("%s %s %s", family, flag, value);
}

static char *package_command(const struct words *w, int from, const char *manager)
{
	int at = from + 1;
	const char *verb;

	while (at < w->count && w->word[at][0] == '-')
		at++;
	if (at >= w->count)
		return xstrdup(manager);
	verb = w->word[at];
	if ((!strcmp(verb, "run") || !strcmp(verb, "exec") || !strcmp(verb, "run-script")) &&
		at + 1 < w->count)
		return xasprintf("%s %s %s", manager, verb, w->word[at + 1]);
	return join(manager, verb);
}

/* A word that is no flag: the script. */
static char *script_word(const struct words *w, int at, const struct interpreter *in,
	const char *cwd, char **runtime)
{
	const char *word = w->word[at], *bin = known_program(word);
	char *path;

	if (listed(in->names, "python") && (path = python_program(w, at)))
		return path;
	if (bin && listed(package_managers, bin))
		return package_command(w, at, bin);
	if (bin && at + 1 < w->count) {
		struct words rest = *w;

		rest.word[at] = bin;
		return identify_words(&rest, at, cwd, runtime);
	}
	path = path_tidy(word, cwd);
	if (listed(in->keep, program_name(word)) && at + 1 < w->count &&
		w->word[at + 1][0] != '-') {
		char *name = join(path, w->word[at + 1]);

		free(path);
		return name;
	}
	return path;
}

static char *interpret(const struct words *w, int from, const struct interpreter *in,
	const char *cwd, char **runtime)
{
	const char *self = w->word[from];
	bool java = listed(in->names, "java");
	char *name;

	free(*runtime);
	*runtime = xstrdup(program_name(self[0] == '-' ? self + 1 : self));
	for (int at = from + 1; at < w->count; at++) {
		const char *word = w->word[at], *next = w->word[at + 1];
		bool more = at + 1 < w->count;

		if (listed(in->eval, word) && !strcmp(word, "-c") && more &&
			listed(in->names, "sh"))
			return shell_command(self, next, cwd, runtime);
		if (listed(in->eval, word))
			return join(*runtime, word);
		if (listed(in->module, word) && more && (name = python_program(w, at + 1)))
			return name;
		if (listed(in->module, word) && more)
			return module_name(self, word, next, cwd);
		if (listed(in->tasks, word) && more)
			return xasprintf("%s %s %s", *runtime, word, next);
		if (listed(in->skip, word))
			continue;
		if (listed(in->values, word))
			at++;
		else if (word[0] == '@' && java)
			continue;
		else if (!strcmp(word, "-")) /* the script comes from standard input */
			return join(*runtime, "-");
		else if (word[0] != '-')
			return java ? xstrdup(word) : script_word(w, at, in, cwd, runtime);
	}
	return xstrdup(*runtime);
}

/* Skips a prefix program's own flags and assignments: `env A=b`, `timeout 5`, `nice -n 5`. */
static int prefix_end(const struct words *w, int from)
{
	int at = from + 1;

	while (at < w->count - 1) {
		const char *word = w->word[at];

		if (word[0] == '-' && word[1] && !word[2] && strchr("nupgckio", word[1]) &&
			!strcmp(program_name(w->word[from]), "nice"))
			at++;
		else if (word[0] != '-' && !strchr(word, '=') && !isdigit((unsigned char)word[0]))
			break;
		at++;
	}
	return at;
}

/* PostgreSQL as a client of PostgreSQL (dblink, postgres_fdw, replication), by whose session it is:
 * "postgres: app shop 10.0.0.7(40000) idle" without what is another's or another time's. */
static char *backend_name(const char *title)
{
	size_t length = 0;

	for (const char *at = title; *at;) {
		size_t n = strcspn(at, " ");
		bool client = n > 2 && at[n - 1] == ')' && isdigit((unsigned char)at[n - 2]);

		if (client || !strncmp(at, "[local]", 7) || !strncmp(at, "streaming", 9) ||
			!strncmp(at, "for PID", 7))
			break;
		length = (size_t)(at - title) + n;
		at += n;
		at += strspn(at, " ");
	}
	return xasprintf("%.*s", (int)length, title);
}

static char *identify_words(const struct words *w, int from, const char *cwd, char **runtime)
{
	const char *self = w->word[from], *base = program_name(self);
	const struct interpreter *in;
	char *name;
	int behind;

	/* A prefix with only options behind it is all there is. */
	if (listed(exec_prefixes, base) && (behind = prefix_end(w, from)) < w->count)
		return identify_words(w, behind, cwd, runtime);
	if (listed(package_managers, base))
		return package_command(w, from, base);
	if (listed(chain_runners, base) && from + 2 < w->count &&
		(!strcmp(w->word[from + 1], "exec") || !strcmp(w->word[from + 1], "run")))
		return identify_words(w, from + 2, cwd, runtime);
	in = interpreter_of(self);
	if (in)
		return interpret(w, from, in, cwd, runtime);
	if ((name = python_program(w, from)))
		return name;
	if (w->count == from + 1 && !strncmp(self, "postgres: ", 10))
		return backend_name(self);
	/* A title ("php-fpm: pool www", "puma 6.4 [app]") says itself what it is. */
	if (w->count == from + 1 && strchr(self, ' ') && self[0] != '/')
		return xstrdup(self);
	return xstrdup(self[0] == '-' ? self + 1 : base);
}

void script_identify(struct script_name *out, const char *argv, size_t argv_length,
	const char *comm, const char *exe, const char *cwd)
{
	struct words w;

	out->runtime = NULL;
	words_split(&w, argv ? argv : "", argv ? argv_length : 0);
	if (w.count && w.word[0][0])
		out->script = identify_words(&w, 0, cwd, &out->runtime);
	else
		out->script = xstrdup(comm && *comm ? comm : exe && *exe ? program_name(exe) : "?");
	if (!out->script[0]) {
		free(out->script);
		out->script = xstrdup(comm && *comm ? comm : "?");
	}
	free(w.text);
}

bool script_is_multiprocessing(const char *argv, size_t argv_length)
{
	static const char code[] = "from multiprocessing.";

	for (size_t at = 0; at < argv_length; at += strnlen(argv + at, argv_length - at) + 1)
		if (argv_length - at >= sizeof(code) && !memcmp(argv + at, code, sizeof(code) - 1))
			return true;
	return false;
}

/* The first word of a title ("php-fpm: pool www"); 0: it is a command line. */
static size_t title_word(const char *argv, size_t length)
{
	size_t n;

	while (length && (!argv[length - 1] || argv[length - 1] == ' '))
		length--;
	for (n = 0; n < length && argv[n] != ' ' && argv[n] != ':' && argv[n]; n++)
		;
	return n < length && !memchr(argv, 0, length) ? n : 0;
}

bool script_is_worker(const char *argv, size_t argv_length, const char *parent_argv,
	size_t parent_length, const char *cwd)
{
	size_t n = title_word(argv, argv_length);
	struct script_name own, parent;
	char program[64], parent_program[64];
	bool same;

	if (n)
		return title_word(parent_argv, parent_length) == n && !memcmp(argv, parent_argv, n);
	if (!argv_length || !parent_length)
		return false;
	/* "timeout 60 node sync.js" is no server of node's. */
	program_family(program, sizeof(program), argv);
	program_family(parent_program, sizeof(parent_program), parent_argv);
	if (strcmp(program, parent_program))
		return false;
	script_identify(&own, argv, argv_length, NULL, NULL, cwd);
	script_identify(&parent, parent_argv, parent_length, NULL, NULL, cwd);
	same = !strcmp(own.script, parent.script);
	script_free(&own);
	script_free(&parent);
	return same;
}

char *script_wrapper(const char *argv, size_t argv_length)
{
	struct words w;
	char *name = NULL;
	const char *bin = NULL;

	words_split(&w, argv, argv_length);
	if (w.count > 1 && interpreter_of(w.word[0]))
		bin = known_program(w.word[1]);
	if (w.count && listed(package_managers, program_name(w.word[0])))
		name = package_command(&w, 0, program_name(w.word[0]));
	else if (bin && listed(package_managers, bin))
		name = package_command(&w, 1, bin);
	else if (w.count > 1 && (listed(chain_runners, program_name(w.word[0])) ||
					!strcmp(program_name(w.word[0]), "make")))
		name = package_command(&w, 0, program_name(w.word[0]));
	free(w.text);
	return name;
}

void script_free(struct script_name *name)
{
	free(name->script);
	free(name->runtime);
}
