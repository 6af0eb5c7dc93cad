/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * redact.c: secrets leave a command line in two passes over each argument:
 *   values         scheme://user:SECRET@host, password=SECRET, ?sslpassword=SECRET,
 *                  PGPASSWORD=SECRET, "password":"SECRET" (redact_values.c)
 *   options        --password SECRET, and -pSECRET for programs known to mean it; here, because they
 *                  reach over to the next argument and depend on the program
 * An argument with blanks may be a command of its own (`sh -c "mysql -pSECRET"`): its words pass too.
 */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/redact.h"
#include "base/text.h"
#include "base/redact_values.h"

enum {
	JOINED = 1,    /* -pSECRET */
	SEPARATE = 2,  /* -p SECRET */
	LEADING = 4,   /* only in front of the command it runs: sshpass -p SECRET ssh -p 22 */
	NO_VALUE = 8,  /* --password asks at the terminal; the next word is something else */
	RUNS_NEXT = 16 /* runs a program named later on its line */
};

static const struct program {
	const char *name;
	unsigned how;
} programs[] = {
	{"mysql", JOINED},
	{"mysqldump", JOINED},
	{"mysqladmin", JOINED},
	{"mysqlimport", JOINED},
	{"mysqlcheck", JOINED},
	{"mysqlsh", JOINED},
	{"mariadb", JOINED},
	{"mariadb-dump", JOINED},
	{"mariadb-admin", JOINED},
	{"mongosh", JOINED | SEPARATE},
	{"mongodump", JOINED | SEPARATE},
	{"mongorestore", JOINED | SEPARATE},
	{"sshpass", JOINED | SEPARATE | LEADING},
	{"psql", NO_VALUE},
	{"pg_dump", NO_VALUE},
	{"pg_dumpall", NO_VALUE},
	{"pg_restore", NO_VALUE},
	{"pg_basebackup", NO_VALUE},
	{"createdb", NO_VALUE},
	{"dropdb", NO_VALUE},
	{"vacuumdb", NO_VALUE},
	{"reindexdb", NO_VALUE},
	{"sudo", RUNS_NEXT},
	{"env", RUNS_NEXT},
	{"nohup", RUNS_NEXT},
	{"nice", RUNS_NEXT},
	{"timeout", RUNS_NEXT},
	{"time", RUNS_NEXT},
	{"ssh", RUNS_NEXT},
	{"docker", RUNS_NEXT},
	{"podman", RUNS_NEXT},
	{"kubectl", RUNS_NEXT},
};

/* What the words seen so far mean for the next one. */
struct reader {
	const struct program *program;
	bool first;  /* the next word is the program */
	bool secret; /* the next word is a secret */
};

static const struct program *program_named(const char *word, size_t n)
{
	const char *slash = memrchr(word, '/', n);
	const char *base = slash ? slash + 1 : word;
	size_t left = n - (size_t)(base - word);

	for (size_t i = 0; i < sizeof(programs) / sizeof(programs[0]); i++)
		if (strlen(programs[i].name) == left && !memcmp(base, programs[i].name, left))
			return &programs[i];
	return NULL;
}

/* Is the word an option whose next word is its secret? */
static bool asks_secret(const struct reader *r, const char *s, size_t n)
{
	unsigned how = r->program ? r->program->how : 0;

	if (n == 2 && s[0] == '-' && s[1] == 'p')
		return how & SEPARATE;
	if (n < 5 || s[0] != '-' || (how & NO_VALUE) || !memcmp(s, "--no-", 5))
		return false;
	return redact_key(s, n);
}

/* Hides one word if the words in front of it say so; false: it is none of our business. */
static bool redact_option(struct reader *r, struct redact_buffer *out, const char *s, size_t n)
{
	bool option = n && s[0] == '-', hide = r->secret && n && !option;
	const struct program *named = option ? NULL : program_named(s, n);
	unsigned how = r->program ? r->program->how : 0;

	if (n == 0)
		return false;
	r->secret = false;
	if (hide) {
		if (how & LEADING)
			r->program = NULL;
		redact_put(out, "***", 3);
		return true;
	}
	if ((how & JOINED) && n > 2 && s[0] == '-' && s[1] == 'p') {
		redact_put(out, "-p***", 5);
		return true;
	}
	if (!option && (r->first || (named && (how & RUNS_NEXT))))
		r->program = named;
	else if (!option && (how & LEADING))
		r->program = NULL;
	r->first = false;
	r->secret = asks_secret(r, s, n);
	return false;
}

/* The words of an argument that is a command itself. */
static void redact_command(struct redact_buffer *out, const char *s, size_t n)
{
	static const struct program shell = {"sh", RUNS_NEXT};
	struct reader r = {.program = &shell};

	for (size_t at = 0; at < n;) {
		size_t length = redact_word(s + at, n - at);

		if (length == 0)
			redact_put(out, s + at++, 1);
		else if (!redact_option(&r, out, s + at, length))
			redact_put(out, s + at, length);
		at += length;
	}
}

static bool has_blank(const char *s, size_t n)
{
	while (n && !redact_blank(*s))
		s++, n--;
	return n > 0;
}

static struct redact_buffer redact_once(const char *argv, size_t length)
{
	struct redact_buffer out = {0}, values = {0};
	struct reader r = {.first = true};
	bool command = true; /* a title is one argument too */

	redact_put(&out, "", 0);
	for (size_t at = 0; at < length;) {
		const char *arg = argv + at;
		size_t n = strnlen(arg, length - at);

		values.used = 0;
		redact_values(&values, arg, n, command, at + n == length);
		if (!redact_option(&r, &out, arg, n)) {
			if (has_blank(arg, n))
				redact_command(&out, values.bytes, values.used);
			else
				redact_put(&out, values.bytes, values.used);
		}
		/* What follows -c, -lc or -ec is shell text, not one assignment. */
		command = n > 1 && arg[0] == '-' && arg[1] != '-' && arg[n - 1] == 'c';
		at += n;
		if (at < length)
			redact_put(&out, argv + at++, 1);
	}
	free(values.bytes);
	return out;
}

char *redact_argv(const char *argv, size_t length, size_t *out_length)
{
	struct redact_buffer out = redact_once(argv, length);

	/* One secret gone can lay open the next, where lines are odd enough: until nothing changes. */
	for (int round = 0; round < 8; round++) {
		struct redact_buffer again = redact_once(out.bytes, out.used);
		bool same = again.used == out.used && !memcmp(again.bytes, out.bytes, out.used);

		free(out.bytes);
		out = again;
		if (same)
			break;
	}
	*out_length = out.used;
	return out.bytes;
}

char *redact_typed(char *const *argv, bool redact)
{
	size_t length;
	char *bytes = text_arguments(argv, &length);
	char *clean = redact ? redact_argv(bytes, length, &length) : xmemdup(bytes, length);
	char *line = text_command(clean, length);

	free(clean);
	free(bytes);
	return line;
}
