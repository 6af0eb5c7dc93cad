/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * text.c: the report for people: what was watched, scripts worst first, what is wrong with them,
 * and how far the numbers can be trusted.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/address.h"
#include "base/library.h"
#include "base/mem.h"
#include "base/text.h"
#include "view/format.h"
#include "view/lines.h"
#include "view/servers.h"

#define NAME_LEAST 15 /* columns a script's name gets on the narrowest terminal */

static void print_name(const struct view_context *c, const char *name, size_t columns)
{
	char cut[4096], *clean = text_clean(name, strlen(name));

	text_cut(cut, sizeof(cut), clean, columns, c->ascii);
	fputs(cut, c->out);
	free(clean);
}

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
	print_name(c, words, c->columns > 60 ? c->columns - 36 : 24);
	fprintf(c->out, " (%s)\n", exit);
	free(words);
}

static void print_nothing(const struct view_context *c, const struct snapshot *s)
{
	const char *port = s->session && s->session->port_count > 1 ? "these ports" : "this port";

	if (s->command)
		fprintf(c->out,
			"Nothing to show: the command and its children made no connection to %s.\n"
			"Is it the right port (-P)? Does a filter leave everything out?\n",
			port);
	else
		fprintf(c->out,
			"Nothing to show: no process has or made a connection to %s.\n"
			"Is it the right port (-P)? Does a filter leave everything out?\n",
			port);
}

static void print_header(const struct view_context *c, const struct snapshot *s)
{
	char duration[24];
	bool many = s->session && s->session->port_count > 1;

	text_age(duration, sizeof(duration), s->now - s->started);
	fprintf(c->out, "PostgreSQL connections to port%s ", many ? "s" : "");
	print_ports(c, s->session);
	fprintf(c->out, " on %s", s->session && s->session->host ? s->session->host : "this host");
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
	unsigned long long seconds = s->older / 1000000000ull;

	if (strcmp(f->name, "idle"))
		snprintf(out, size, "%s", f->title);
	else if (seconds < 100 || seconds % 60)
		snprintf(out, size, "IDLE>%llus", seconds);
	else
		snprintf(out, size, "IDLE>%llum", seconds / 60);
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
		age[0] = counts->oldest_at_least ? '>' : ' ';
		text_age(age + 1, sizeof(age) - 1, f->get(counts));
		fprintf(c->out, " %*s", cell_width(f, s),
			counts->open ? (age[0] == ' ' ? age + 1 : age) : "-");
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

static const char *ending_detail(const struct connection_row *row, char *out, size_t size)
{
	char exit[32];

	if (row->manner == MANNER_EXIT) {
		format_exit(exit, sizeof(exit), row->exit_code);
		snprintf(out, size, "%s by pid %u (%s)", ending_name(row->ending), row->closer.pid,
			exit);
	} else if (row->closer.pid) {
		snprintf(out, size, "%s by pid %u (%s)", ending_name(row->ending), row->closer.pid,
			manner_name(row->manner));
	} else if (row->ended_at) {
		snprintf(out, size, "%s (%s)%s", ending_name(row->ending), manner_name(row->manner),
			row->held ? ", descriptor still open" : "");
	} else {
		char idle[24];

		text_age(idle, sizeof(idle), row->idle);
		snprintf(out, size, "open, idle %s", idle);
	}
	return out;
}

/* One fact of the wire, after the ones before it. */
static void print_fact(const struct view_context *c, bool *any, const char *what, const char *value)
{
	if (!*value)
		return;
	fputs(*any ? ", " : "                ", c->out);
	fprintf(c->out, "%s%s", what, *what ? " " : "");
	print_name(c, value, 64);
	*any = true;
}

static void print_wire(const struct view_context *c, const struct connection_row *row)
{
	char backend[16] = "";
	bool any = false;

	if (row->backend_pid)
		snprintf(backend, sizeof(backend), "%u", row->backend_pid);
	if (row->ending == ENDING_REFUSED)
		print_fact(
			c, &any, "refused", row->refusal_inferred ? "(inferred)" : row->sqlstate);
	print_fact(c, &any, "", row->message);
	if (row->purpose != PURPOSE_SESSION && row->purpose != PURPOSE_UNKNOWN)
		print_fact(c, &any, "for", purpose_name(row->purpose));
	print_fact(c, &any, "user", row->user);
	print_fact(c, &any, "database", row->database);
	print_fact(c, &any, "application", row->application);
	print_fact(c, &any, "backend", backend);
	print_fact(c, &any, "", row->activity);
	if (row->encryption > ENCRYPTION_NONE)
		print_fact(c, &any, "over", encryption_name(row->encryption));
	if (any)
		fputc('\n', c->out);
}

static void print_connection(const struct view_context *c, const struct connection_row *row)
{
	char age[24], server[160], detail[160];

	text_age(age, sizeof(age), row->age);
	server_text(server, sizeof(server), &row->server, row->server_path);
	fprintf(c->out, "            %s%s  ", row->at_least ? ">" : "", age);
	if (row->server.family != AF_UNIX)
		fprintf(c->out, "port %u -> ", row->local_port);
	print_name(c, server, sizeof(server));
	fprintf(c->out, "  %s", ending_detail(row, detail, sizeof(detail)));
	for (size_t i = 0; i < row->holder_count; i++)
		fprintf(c->out, "%spid %u fd %d", i ? ", " : "; held by ", row->holders[i].pid,
			row->holders[i].fd);
	fputc('\n', c->out);
	print_wire(c, row);
}

static void print_process(const struct view_context *c, const struct process_row *p)
{
	char exit[32];

	fprintf(c->out, "        pid %u", p->key.pid);
	if (p->gone) {
		format_exit(exit, sizeof(exit), p->exit_code);
		fprintf(c->out, " (gone, %s)", exit);
	}
	fputs(": ", c->out);
	if (p->identity) {
		char *argv = format_argv(p->identity);

		print_name(c, *argv ? argv : "(no command line)",
			c->columns > 40 ? c->columns - 24 : 24);
		free(argv);
	} else {
		fputs("(gone before it could be read)", c->out);
	}
	fputc('\n', c->out);
	for (size_t i = 0; i < p->connection_count; i++)
		print_connection(c, &p->connections[i]);
}

/* "pg_activity (monitoring)" */
static void print_group_name(
	const struct view_context *c, const struct snapshot *s, const struct group_row *row)
{
	const char *role = role_name(group_role(s, row));
	size_t taken = *role ? strlen(role) + 3 : 0, columns = name_columns(c, s);

	print_name(c, row->name, columns > taken + 8 ? columns - taken : 8);
	if (*role)
		fprintf(c->out, " (%s)", role);
	fputc('\n', c->out);
}

static void print_groups(const struct view_context *c, const struct snapshot *s)
{
	bool detail = c->detail || s->group_by == GROUP_PROCESS;

	print_titles(c, s);
	for (size_t g = 0; g < s->group_count; g++) {
		const struct group_row *row = &s->groups[g];

		fprintf(c->out, "%6zu", row->process_count);
		print_cells(c, s, &row->counts);
		print_group_name(c, s, row);
		if (detail && row->wrapper)
			fprintf(c->out, "        started by %s\n", row->wrapper);
		for (size_t i = 0; detail && i < row->process_count; i++)
			print_process(c, &row->processes[i]);
	}
	if (s->groups_hidden)
		fprintf(c->out, "        … and %zu more (--rows 0 shows all)\n", s->groups_hidden);
}

/* Words of a sentence, indented, broken before the last column. */
static void print_wrapped(const struct view_context *c, const char *words)
{
	char *text = text_clean(words, strlen(words)); /* names of scripts are foreign text */
	size_t column = 0, most = c->columns > 20 ? c->columns - 4 : 16;

	for (const char *at = text; *at;) {
		size_t n = strcspn(at, " ");

		if (column && column + 1 + n > most) {
			fputc('\n', c->out);
			column = 0;
		}
		fprintf(c->out, "%s%.*s", column ? " " : "    ", (int)n, at);
		column += n + (column ? 1 : 0);
		at += n + (at[n] ? 1 : 0);
	}
	fputs(".\n", c->out);
	free(text);
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

	print_wrapped(c, line);
	free(line);
}

static void print_finding(const struct view_context *c, const struct finding *f)
{
	const char *subject = finding_subject(f);
	char budget[256];

	fprintf(c->out, "\n%s: %s: ", severity_name(f->severity), rule_rows[f->rule].id);
	print_name(c, subject, 60);
	fputc('\n', c->out);
	print_wrapped(c, f->sentence);
	if (f->client && rule_is_about_code(f->rule))
		print_client(c, f->client);
	budget_text(budget, sizeof(budget), &f->budget);
	if (*budget)
		print_wrapped(c, budget);
	print_wrapped(c, f->advice);
}

static void print_resolved(
	const struct view_context *c, const struct snapshot *s, const struct findings *findings)
{
	char sentence[320], clock[32];

	for (size_t i = 0; i < findings->resolved_count; i++) {
		const struct resolution *r = &findings->resolved[i];

		format_clock(clock, sizeof(clock), s->session, r->resolved_at);
		fprintf(c->out, "\nresolved at %s: %s: ", clock, rule_rows[r->rule].id);
		print_name(c, r->subject, 50);
		fputc('\n', c->out);
		snprintf(sentence, sizeof(sentence), "was: %s", r->sentence);
		print_wrapped(c, sentence);
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
	if (s->group_count) {
		print_groups(c, s);
		print_findings(c, s, findings);
	} else {
		print_nothing(c, s);
	}
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
