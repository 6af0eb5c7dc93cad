/* SPDX-License-Identifier: BSD-2-Clause */
/* explain.c: the long form of a rule and of a client library; see explain.h. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "view/explain.h"
#include "view/prose.h"

static void entry(const struct view_context *c, const char *label, const char *words)
{
	if (words && *words)
		prose_entry(c, 4, EXPLAIN_LABEL, label, words);
}

static void print_counts(const struct view_context *c, const struct rule_row *row)
{
	char *words;

	if (row->threshold)
		words = xasprintf("%s: threshold %llu (--rule %s=N; --rule %s=off)", row->unit,
			(unsigned long long)row->threshold, row->id, row->id);
	else
		words = xasprintf("%s (--rule %s=N; --rule %s=off)", row->unit, row->id, row->id);
	entry(c, "counts", words);
	free(words);
}

static void print_numbers(const struct view_context *c, const char *names)
{
	fputs("    its numbers\n", c->out);
	for (const char *at = names; *at;) {
		size_t n = strcspn(at, " ");
		char *name = xmemdup(at, n);

		prose_entry(c, 8, 20, name, evidence_help(name));
		free(name);
		at += n + (at[n] ? 1 : 0);
	}
}

void explain_rule(const struct view_context *c, enum rule rule)
{
	const struct rule_row *row = &rule_rows[rule];

	fprintf(c->out, "%s: %s\n", row->id, severity_name(row->severity));
	prose_words(c, 4, row->what);
	print_counts(c, row);
	entry(c, "taken back", row->taken_back);
	entry(c, "what to do", row->advice);
	print_numbers(c, row->evidence);
}

/* The strongest sign by which it is known. */
static void print_sign(const struct view_context *c, const struct library_row *l)
{
	const char *what = l->mapped     ? "a mapped file"
			   : l->package  ? "a package in node_modules that the script imports"
			   : l->jar      ? "a jar on the class path, or open"
			   : l->module   ? "a module in the program's Go build info"
			   : l->argument ? "a script of this name"
					 : "the program";
	const char *sign = l->mapped     ? l->mapped
			   : l->package  ? l->package
			   : l->jar      ? l->jar
			   : l->module   ? l->module
			   : l->argument ? l->argument
					 : l->exe;
	char *words = xasprintf("%s: %s", what, sign);

	entry(c, "known by", words);
	free(words);
}

void explain_library(const struct view_context *c, const struct library_row *l)
{
	entry(c, "connections", l->pool_text);
	entry(c, "bounded by", strcmp(l->bound_by, "-") ? l->bound_by : NULL);
	entry(c, "closes idle", l->idle_closing);
	entry(c, "to close", l->close);
	entry(c, "to bound", l->limit);
	fputs("    wrong\n", c->out);
	prose_code(c, 8, l->wrong);
	fputs("    correct\n", c->out);
	prose_code(c, 8, l->correct);
	fputs("    best\n", c->out);
	prose_code(c, 8, l->best);
}

static void print_rules(const struct view_context *c)
{
	for (int rule = 0; rule < RULES; rule++) {
		char *words = xasprintf(
			"%s: %s", severity_name(rule_rows[rule].severity), rule_rows[rule].unit);

		prose_entry(c, 0, EXPLAIN_LABEL, rule_rows[rule].id, words);
		free(words);
	}
}

static void print_libraries(const struct view_context *c)
{
	for (size_t i = 0; i < library_count; i++) {
		char *words = xasprintf("%s: %s", library_rows[i].name, library_rows[i].pool_text);

		prose_entry(c, 0, EXPLAIN_LABEL, library_rows[i].id, words);
		free(words);
	}
}

bool explain_knows(const char *word)
{
	return !strcmp(word, "rules") || !strcmp(word, "libraries") || rule_find(word) != RULES ||
	       library_find(word);
}

void explain_word(const struct view_context *c, const char *word)
{
	const struct library_row *l = library_find(word);
	enum rule rule = rule_find(word);

	if (!strcmp(word, "rules")) {
		print_rules(c);
	} else if (!strcmp(word, "libraries")) {
		print_libraries(c);
	} else if (rule != RULES) {
		explain_rule(c, rule);
	} else if (l) {
		fprintf(c->out, "%s: %s\n", l->id, l->name);
		print_sign(c, l);
		explain_library(c, l);
	}
	fflush(c->out);
}
