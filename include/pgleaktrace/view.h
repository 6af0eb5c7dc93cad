/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * view.h: how it is shown. A view is a small table of functions over const facts; only views write
 * to standard output (or --output-file).
 */
#ifndef PGLEAKTRACE_VIEW_H
#define PGLEAKTRACE_VIEW_H

#include <stdio.h>
#include <pgleaktrace/finding.h>
#include <pgleaktrace/model.h>

/* What every view is given. */
struct view_context {
	FILE *out;
	unsigned columns; /* width to fit */
	bool ascii;
	bool detail; /* -v: processes and connections too */
	bool once;   /* --once: a look, not a watch */
	const char *explain; /* --explain: of which script, rule or library; NULL: none */
	bool quiet;  /* -q: the table without header and losses */
	const char *command; /* the command line, for "how it was made"; NULL: not told */
};

struct view {
	const char *name; /* -o NAME */
	const char *help;
	const char *opened_with; /* what reads it, if no person does; NULL: a terminal is fine */
	/* The events are the output, not only a pastime until the report. */
	bool streams;
	/* One event, as it comes; NULL: the view shows only reports. */
	void (*event)(const struct view_context *, const struct model *, const union event *);
	/* A finding is raised or taken back; NULL: only the report tells. */
	void (*transition)(const struct view_context *, const struct model *,
		const struct transition *);
	/* The final report. */
	void (*report)(const struct view_context *, const struct snapshot *, const struct findings *);
	/* An error, in the format's own way; NULL: a sentence on stderr is enough. */
	void (*error)(const struct view_context *, const char *message);
};

/* All of them, NULL-terminated; the first is the default. */
extern const struct view *const views[];
const struct view *view_find(const char *name);

/* --explain and --kill-plan: what the report says, in their own way; they are no formats. */
extern const struct view explain_view, kill_view;
/* Is it a rule or a client library (or the list of either), which can be explained without a look? */
bool explain_knows(const char *word);
/* … which is done here. */
void explain_word(const struct view_context *context, const char *word);

#endif
