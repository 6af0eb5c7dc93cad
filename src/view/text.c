/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * text.c: the report for people: what was watched, scripts worst first, what is wrong with them,
 * and how far the numbers can be trusted.
 */
#include <stdlib.h>
#include <string.h>

#include "base/library.h"
#include "base/mem.h"
#include "base/text.h"
#include "view/format.h"
#include "view/lines.h"
#include "view/prose.h"
#include "view/servers.h"
#include "view/text_rows.h"

#define NAME_LEAST   15 /* columns a script's name gets on the narrowest terminal */
#define NAME_COLUMNS 80 /* that others' names get in a line of their own */

static void print_ports(const struct view_context *c, const struct event_session *session)
{
	for (__u32 i = 0; session && i < session->port_count; i++)
		fprintf(c->out, "%s%u", i ? ", " : "", session->ports[i]);
}

/* "Command: npm test (exit status 1)" */
static void print_command(const struct view_context *c, const struct event_command *command)
{
	char *words = format_words(command->argv, command->argv_length), exit[40] = "still running";

	if (command->ended)
		format_exit(exit, sizeof(exit), command->exit_code);
	fputs("Command: ", c->out);
	prose_name(c, words, c->columns > 60 ? c->columns - 36 : 24);
	fprintf(c->out, " (%s)\n", exit);
	free(words);
}

static void print_nothing(const struct view_context *c, const struct snapshot *s)
{
	const char *port = s->session && s->session->port_count > 1 ? "these ports" : "this port";
	const char *who = s->command          ? "the command and its children made no"
			  : s->instance_count ? "no process on this host has or made a"
					      : "no process has or made a";

	if (s->narrowed)
		fprintf(c->out,
			"Nothing to show: no connection to %s passes the filters (-p, -u, "
			"--cmdline ...)."
			"\nWithout them all are shown.\n",
			port);
	else
		fprintf(c->out, "Nothing to show: %s connection to %s.\n%s", who, port,
			s->instance_count ? "" : "Is it the right port (-P)?\n");
}

static void print_header(const struct view_context *c, const struct snapshot *s)
{
	char duration[24];
	bool many = s->session && s->session->port_count > 1;

	text_age(duration, sizeof(duration), s->now - s->started);
	fprintf(c->out, "PostgreSQL connections to port%s ", many ? "s" : "");
	print_ports(c, s->session);
	fputs(" on ", c->out);
	prose_name(
		c, s->session && s->session->host ? s->session->host : "this host", NAME_COLUMNS);
	if (c->once) {
		fprintf(c->out, ": %llu open now\n", (unsigned long long)s->counts.open);
		return;
	}
	fprintf(c->out, ", watched for %s:\n", duration);
	fprintf(c->out, "%llu open at the start, %llu opened, %llu open now\n",
		(unsigned long long)s->counts.adopted, (unsigned long long)s->counts.opened,
		(unsigned long long)s->counts.open);
}

/* "IDLE>60s": the heading says what idle means here. */
static void cell_title(
	char *out, size_t size, const struct count_field *f, const struct snapshot *s)
{
	char older[24];

	format_older(older, sizeof(older), s->older);
	if (strcmp(f->name, "idle"))
		snprintf(out, size, "%s", f->title);
	else
		snprintf(out, size, "IDLE>%s", older);
}

/* Refusals have a column when there are any; then failed attempts give way unless there are some. */
static bool cell_shown(const struct count_field *f, const struct snapshot *s)
{
	if (!strcmp(f->name, "refused"))
		return s->counts.refused > 0;
	if (!strcmp(f->name, "failed") && s->counts.refused)
		return s->counts.failed > 0;
	return f->in_table;
}

static int cell_width(const struct count_field *f, const struct snapshot *s)
{
	char title[32];
	size_t n;

	cell_title(title, sizeof(title), f, s);
	n = strlen(title);
	return n < 6 ? 6 : (int)n;
}

static void print_titles(const struct view_context *c, const struct snapshot *s)
{
	char title[32];

	fprintf(c->out, "%6s", "PROCS");
	for (size_t i = 0; i < count_field_count; i++) {
		if (!cell_shown(&count_fields[i], s))
			continue;
		cell_title(title, sizeof(title), &count_fields[i], s);
		fprintf(c->out, " %*s", cell_width(&count_fields[i], s), title);
	}
	snprintf(title, sizeof(title), "%s", group_by_name(s->group_by));
	for (char *at = title; *at; at++)
		*at = (char)(*at - 'a' + 'A');
	fprintf(c->out, "  %s\n", title);
}

static void print_right(const struct view_context *c, int width, const char *text)
{
	int columns = (int)text_columns(text);

	fprintf(c->out, " %*s%s", columns < width ? width - columns : 0, "", text);
}

static void print_cells(
	const struct view_context *c, const struct snapshot *s, const struct counts *counts)
{
	char age[24];

	for (size_t i = 0; i < count_field_count; i++) {
		const struct count_field *f = &count_fields[i];

		if (!cell_shown(f, s))
			continue;
		if (!f->is_age) {
			fprintf(c->out, " %*llu", cell_width(f, s),
				(unsigned long long)f->get(counts));
			continue;
		}
		text_age_from(age, sizeof(age), f->get(counts), counts->oldest_at_least, c->ascii);
		print_right(c, cell_width(f, s), counts->open ? age : "-");
	}
	fputs("  ", c->out);
}

static size_t name_columns(const struct view_context *c, const struct snapshot *s)
{
	size_t used = 6 + 2;

	for (size_t i = 0; i < count_field_count; i++)
		if (cell_shown(&count_fields[i], s))
			used += (size_t)cell_width(&count_fields[i], s) + 1;
	return c->columns > used + NAME_LEAST ? c->columns - used : NAME_LEAST;
}

/* "pg_activity (monitoring)" */
static void print_group_name(
	const struct view_context *c, const struct snapshot *s, const struct group_row *row)
{
	const char *role = role_name(group_role(s, row));
	size_t taken = *role ? strlen(role) + 3 : 0, columns = name_columns(c, s);

	prose_name(c, row->name, columns > taken + 8 ? columns - taken : 8);
	if (*role)
		fprintf(c->out, " (%s)", role);
	fputc('\n', c->out);
}

static void print_wrapper(const struct view_context *c, const char *wrapper)
{
	fputs("        started by ", c->out);
	prose_name(c, wrapper, NAME_COLUMNS);
	fputc('\n', c->out);
}

static void print_groups(const struct view_context *c, const struct snapshot *s)
{
	bool detail = c->detail || s->group_by == GROUP_PROCESS;

	print_titles(c, s);
	for (size_t g = 0; g < s->group_count; g++) {
		const struct group_row *row = &s->groups[g];

		fprintf(c->out, "%6llu", (unsigned long long)row->process_total);
		print_cells(c, s, &row->counts);
		print_group_name(c, s, row);
		if (detail && row->wrapper)
			print_wrapper(c, row->wrapper);
		for (size_t i = 0; detail && i < row->process_count; i++)
			text_process(c, &row->processes[i]);
	}
	if (s->groups_hidden)
		fprintf(c->out, "        %sand %zu more (--rows 0 shows all)\n",
			c->ascii ? "" : "… ", s->groups_hidden);
}

/* "node-postgres (node_modules/pg 8.16.3); scripts/seed.js:2: new Pool(...); never disconnects" */
static void print_client(const struct view_context *c, const struct event_process *e)
{
	const struct library_row *l = library_find(e->library);
	size_t first = e->source ? strcspn(e->source, "\n") : 0;
	const char *closes = e->source_closes == 2   ? "; it never disconnects"
			     : e->source_closes == 1 ? "; it disconnects somewhere"
						     : "";
	char *line = xasprintf("%s (%s)%s%s%s%.*s%s%s", l->name,
		e->library_sign ? e->library_sign : "sign not kept", e->library_config ? "; " : "",
		e->library_config ? e->library_config : "", e->source ? "; " : "", (int)first,
		e->source ? e->source : "", e->source && e->source[first] ? " and more" : "",
		closes);

	prose_sentence(c, line);
	free(line);
}

static void print_finding(const struct view_context *c, const struct finding *f)
{
	const char *subject = finding_subject(f);
	char budget[256];

	fprintf(c->out, "\n%s: %s: ", severity_name(f->severity), rule_rows[f->rule].id);
	prose_name(c, subject, 60);
	fputc('\n', c->out);
	prose_sentence(c, f->sentence);
	if (f->client && rule_is_about_code(f->rule))
		print_client(c, f->client);
	budget_text(budget, sizeof(budget), &f->budget);
	if (*budget)
		prose_sentence(c, budget);
	prose_sentence(c, f->advice);
}

static void print_resolved(
	const struct view_context *c, const struct snapshot *s, const struct findings *findings)
{
	char sentence[320], clock[32];

	for (size_t i = 0; i < findings->resolved_count; i++) {
		const struct resolution *r = &findings->resolved[i];

		format_clock(clock, sizeof(clock), s->session, r->resolved_at);
		fprintf(c->out, "\nresolved at %s: %s: ", clock, rule_rows[r->rule].id);
		prose_name(c, r->subject, 50);
		fputc('\n', c->out);
		snprintf(sentence, sizeof(sentence), "was: %s", r->sentence);
		prose_sentence(c, sentence);
	}
}

/* The gravest first. */
static void print_findings(
	const struct view_context *c, const struct snapshot *s, const struct findings *findings)
{
	for (int severity = SEVERITIES - 1; severity >= 0; severity--)
		for (size_t i = 0; i < findings->count; i++)
			if (findings->rows[i].severity == (enum severity)severity)
				print_finding(c, &findings->rows[i]);
	print_resolved(c, s, findings);
}

static void print_completeness(const struct view_context *c, const struct snapshot *s)
{
	char *line = format_completeness(s);

	fprintf(c->out, "\n%s\n", line);
	free(line);
}

static void text_report(
	const struct view_context *c, const struct snapshot *s, const struct findings *findings)
{
	if (!c->quiet && s->command)
		print_command(c, s->command);
	if (!c->quiet) {
		print_header(c, s);
		servers_print(c, s);
		fputc('\n', c->out);
	}
	if (s->group_count)
		print_groups(c, s);
	else
		print_nothing(c, s);
	print_findings(c, s, findings); /* a server may have some though nobody is connected */
	if (!c->quiet)
		print_completeness(c, s);
	fflush(c->out);
}

const struct view text_view = {
	.name = "text",
	.help = "a table for people; event lines while it runs",
	.event = lines_event,
	.transition = lines_transition,
	.report = text_report,
};

const struct view lines_view = {
	.streams = true,
	.name = "lines",
	.help = "event lines, then the table; of a recording or with -d too",
	.event = lines_event,
	.transition = lines_transition,
	.report = text_report,
};
