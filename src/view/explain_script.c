/* SPDX-License-Identifier: BSD-2-Clause */
/* explain_script.c: the long form of what was found: a script with its findings, its client library
 * and its processes; or, asked for a rule, every finding of that rule. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/path.h"
#include "base/text.h"
#include "view/explain.h"
#include "view/format.h"
#include "view/prose.h"
#include "view/text_rows.h"

static void print_evidence(const struct view_context *c, const struct finding *f)
{
	for (size_t i = 0; i < f->evidence_count; i++) {
		const struct evidence *e = &f->evidence[i];
		char label[64], number[24];

		if (e->is_age)
			text_age(number, sizeof(number), e->number);
		else
			snprintf(number, sizeof(number), "%llu", (unsigned long long)e->number);
		snprintf(label, sizeof(label), "%-18s %7s", e->name, number);
		prose_entry(c, 8, 28, label, evidence_help(e->name));
	}
}

static void print_finding(const struct view_context *c, const struct finding *f)
{
	const struct rule_row *row = &rule_rows[f->rule];
	char budget[256], *words;

	fprintf(c->out, "\n%s: %s: ", severity_name(f->severity), row->id);
	prose_name(c, finding_subject(f), 60);
	fputc('\n', c->out);
	prose_sentence(c, f->sentence);
	print_evidence(c, f);
	budget_text(budget, sizeof(budget), &f->budget);
	if (*budget)
		prose_entry(c, 4, EXPLAIN_LABEL, "budget", budget);
	words = f->threshold ? xasprintf("%s: threshold %llu", row->unit,
				       (unsigned long long)f->threshold)
			     : xstrdup(row->unit);
	prose_entry(c, 4, EXPLAIN_LABEL, "counts", words);
	free(words);
	prose_entry(c, 4, EXPLAIN_LABEL, "taken back", row->taken_back);
	prose_entry(c, 4, EXPLAIN_LABEL, "what to do", f->advice);
}

/* The lines that create clients, and whether they ever disconnect. */
static void print_source(const struct view_context *c, const struct event_process *e)
{
	if (!e->source || !*e->source)
		return;
	fputs("    creates clients here\n", c->out);
	prose_code(c, 8, e->source);
	if (e->source_closes)
		prose_words(c, 8,
			e->source_closes == 1 ? "and disconnects somewhere"
					      : "and never disconnects");
}

static void print_client(
	const struct view_context *c, const struct group_row *g, const struct event_process *e)
{
	const struct library_row *l = library_find(e->library);
	char *words = xasprintf("at most %llu of one process", (unsigned long long)g->process_peak);

	fprintf(c->out, "\nclient library: %s\n", l->name);
	if (e->library_sign)
		prose_entry(c, 4, EXPLAIN_LABEL, "the sign", e->library_sign);
	if (e->library_config)
		prose_entry(c, 4, EXPLAIN_LABEL, "configured", e->library_config);
	prose_entry(c, 4, EXPLAIN_LABEL, "observed", words);
	print_source(c, e);
	explain_library(c, l);
	free(words);
}

static void print_counts(
	const struct view_context *c, const struct snapshot *s, const struct group_row *g)
{
	char age[24], older[24], *words;

	text_age(age, sizeof(age), g->counts.oldest);
	text_age(older, sizeof(older), s->older);
	words = xasprintf("%llu process%s: %llu open now, %llu of them idle for over %s%s%s%s; "
			  "%llu open at the start + %llu opened = %llu open + %llu closed + %llu "
			  "abandoned + %llu hung up + %llu refused + %llu unknown; %llu failed to "
			  "connect; at most %llu at once",
		(unsigned long long)g->process_total, g->process_total == 1 ? "" : "es",
		(unsigned long long)g->counts.open, (unsigned long long)g->counts.idle, older,
		g->counts.open ? ", oldest " : "",
		g->counts.open && g->counts.oldest_at_least ? "at least " : "",
		g->counts.open ? age : "", (unsigned long long)g->counts.adopted,
		(unsigned long long)g->counts.opened, (unsigned long long)g->counts.open,
		(unsigned long long)g->counts.closed, (unsigned long long)g->counts.abandoned,
		(unsigned long long)g->counts.hung_up, (unsigned long long)g->counts.refused,
		(unsigned long long)g->counts.unknown, (unsigned long long)g->counts.failed,
		(unsigned long long)g->counts.peak);
	prose_sentence(c, words);
	free(words);
}

static void print_processes(const struct view_context *c, const struct group_row *g)
{
	fputs("\nprocesses, the worst first\n", c->out);
	for (size_t i = 0; i < g->process_count; i++)
		text_process(c, &g->processes[i]);
}

static void print_resolved(const struct view_context *c, const struct snapshot *s,
	const struct findings *findings, const struct group_row *g)
{
	char clock[32], *words;

	for (size_t i = 0; i < findings->resolved_count; i++) {
		const struct resolution *r = &findings->resolved[i];

		if (rule_rows[r->rule].about_server || strcmp(r->subject, g->name))
			continue;
		format_clock(clock, sizeof(clock), s->session, r->resolved_at);
		words = xasprintf("resolved at %s: %s: it was: %s", clock, rule_rows[r->rule].id,
			r->sentence);
		prose_sentence(c, words);
		free(words);
	}
}

/* A finding that is about it has it already. */
static void print_budget(
	const struct view_context *c, const struct snapshot *s, const struct group_row *g)
{
	struct budget budget;
	char text[256];

	if (group_role(s, g) != ROLE_CLIENT || !budget_of(s, g, &budget))
		return;
	budget_text(text, sizeof(text), &budget);
	prose_entry(c, 4, EXPLAIN_LABEL, "budget", text);
}

static void print_group(const struct view_context *c, const struct snapshot *s,
	const struct findings *findings, const struct group_row *g)
{
	const struct event_process *client = group_client(g);
	const char *role = role_name(group_role(s, g));
	size_t count = 0;

	prose_name(c, g->name, c->columns);
	if (*role)
		fprintf(c->out, " (%s)", role);
	if (g->wrapper) {
		fputs(", started by ", c->out);
		prose_name(c, g->wrapper, 40);
	}
	fputc('\n', c->out);
	print_counts(c, s, g);
	for (size_t i = 0; i < findings->count; i++)
		if (findings->rows[i].group == g) {
			print_finding(c, &findings->rows[i]);
			count++;
		}
	print_resolved(c, s, findings, g);
	if (!count) {
		fputs("    Nothing is wrong with it now.\n", c->out);
		print_budget(c, s, g);
	}
	if (client)
		print_client(c, g, client);
	print_processes(c, g);
}

/* How well a script is meant by the word: its name, the file's, or a part of it. */
static int meant(const struct group_row *g, const char *word)
{
	if (!strcmp(g->name, word))
		return 3;
	if (!strcmp(path_base(g->name), word))
		return 2;
	return strstr(g->name, word) != NULL;
}

static void print_others(const struct view_context *c, const struct snapshot *s)
{
	fputs("No such rule, and no such script has or made a connection.", c->out);
	if (s->group_count)
		fputs(" Seen were:", c->out);
	fputc('\n', c->out);
	for (size_t i = 0; i < s->group_count; i++) {
		fputs("    ", c->out);
		prose_name(c, s->groups[i].name, 90);
		fputc('\n', c->out);
	}
	fputs("--explain rules lists the rules, --explain libraries the client libraries.\n",
		c->out);
}

/* All that are meant as well as the best. */
static void print_scripts(
	const struct view_context *c, const struct snapshot *s, const struct findings *findings)
{
	int best = 0;
	size_t shown = 0;

	for (size_t i = 0; i < s->group_count; i++)
		if (meant(&s->groups[i], c->explain) > best)
			best = meant(&s->groups[i], c->explain);
	for (size_t i = 0; best && i < s->group_count; i++)
		if (meant(&s->groups[i], c->explain) == best) {
			fputs(shown++ ? "\n\n" : "", c->out);
			print_group(c, s, findings, &s->groups[i]);
		}
	if (!best)
		print_others(c, s);
}

static void print_rule(
	const struct view_context *c, const struct findings *findings, enum rule rule)
{
	size_t count = 0;

	explain_rule(c, rule);
	for (size_t i = 0; i < findings->count; i++) {
		const struct finding *f = &findings->rows[i];

		if (f->rule != rule)
			continue;
		count++;
		print_finding(c, f);
		if (f->group && f->client && rule_is_about_code(rule))
			print_client(c, f->group, f->client);
	}
	if (!count)
		fputs("\nIt does not hold: nothing of that kind was found.\n", c->out);
}

static void explain_report(
	const struct view_context *c, const struct snapshot *s, const struct findings *findings)
{
	enum rule rule = rule_find(c->explain);

	if (rule != RULES)
		print_rule(c, findings, rule);
	else if (explain_knows(c->explain))
		explain_word(c, c->explain);
	else
		print_scripts(c, s, findings);
	if (!c->quiet) {
		char *line = format_completeness(s);

		fprintf(c->out, "\n%s\n", line);
		free(line);
	}
	fflush(c->out);
}

const struct view explain_view = {
	.name = "explain",
	.help = "the long form of a script's findings, or of a rule",
	.report = explain_report,
};
