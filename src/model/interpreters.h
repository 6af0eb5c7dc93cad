/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * interpreters.h: what is known of programs that run other people's scripts. One row per interpreter
 * says which of its flags take a value, which mean "code on the command line" or "a module"; launchers
 * (tsx, npm, bundle exec …) are lists. A new one is a row or a word in interpreters.c.
 */
#ifndef MODEL_INTERPRETERS_H
#define MODEL_INTERPRETERS_H

#include <stdbool.h>
#include <stddef.h>

/* How a word after the interpreter is to be understood. */
struct interpreter {
	const char *names;  /* base names without a version suffix */
	const char *values; /* flags that take the next word */
	const char *eval;   /* flags with code instead of a script */
	const char *module; /* flags with a module or jar instead of a script */
	const char *skip;   /* sub-commands in front of the script: "run" */
	const char *tasks;  /* sub-commands that name a task: kept in the name */
	const char *keep;   /* scripts whose first argument belongs to the name */
};

/* Is the word in one of the lists here? */
bool listed(const char *list, const char *word);

/* Programs that run another named behind them. */
extern const char exec_prefixes[];
/* Launchers whose sub-command is what a person typed. */
extern const char package_managers[];
/* Python's servers: they run an application, "shop.wsgi:app". */
extern const char app_servers[];
/* Launchers that run a program behind `exec` or `run`. */
extern const char chain_runners[];

/* The last part of a path, which is not empty: "/usr/bin/node" → "node". */
const char *program_name(const char *path);
/* … without a version: "python3.11" → "python". */
void program_family(char *out, size_t size, const char *word);
/* NULL: it runs no scripts that we know of. */
const struct interpreter *interpreter_of(const char *word);
/* The program that a package's own script file stands for: "…/npm/bin/npm-cli.js" → "npm"; or NULL. */
const char *known_program(const char *script);

#endif
