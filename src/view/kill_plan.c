/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * kill_plan.c: what a person could type to get slots back. Nothing is run: lines for a shell and for
 * psql, each of which checks that it still means the process that was seen, because pids are used
 * again. Culprits only: a relay holds for others, a victim holds nothing.
 */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/address.h"
#include "base/ns.h"
#include "base/text.h"
#include "view/format.h"
#include "view/lines.h"

#define TICK (SECOND / 100) /* USER_HZ: what /proc counts in */

/* Foreign text in a comment: on one line, and nothing in it ends the comment. */
static void comment(
	const struct view_context *c, const char *mark, const char *text, size_t columns)
{
	char *clean = text_clean(text, strlen(text)), cut[1024];

	text_cut(cut, sizeof(cut), clean, columns, c->ascii);
	fprintf(c->out, "%s %s\n", mark, cut);
	free(clean);
}

static bool has_finding(const struct findings *findings, const struct group_row *g, enum rule rule)
{
	for (size_t i = 0; i < findings->count; i++)
		if (findings->rows[i].group == g && findings->rows[i].rule == rule)
			return true;
	return false;
}

/* A finding that blames this connection (or, NULL, this process); NULL: none. */
static const struct finding *blaming(const struct snapshot *s, const struct findings *findings,
	const struct group_row *g, const struct process_row *p, const struct connection_row *row)
{
	if (has_finding(findings, g, RULE_VICTIM))
		return NULL;
	for (size_t i = 0; i < findings->count; i++) {
		const struct finding *f = &findings->rows[i];

		if (f->group != g)
			continue;
		if (row ? finding_blames(s, f, p, row) : finding_blames_process(s, f, p))
			return f;
	}
	return NULL;
}

static void print_why(const struct view_context *c, const char *mark, const struct finding *f)
{
	char text[512];

	fprintf(c->out, "%s\n", mark);
	snprintf(text, sizeof(text), "%s: %s: %s", rule_rows[f->rule].id, finding_subject(f),
		f->sentence);
	comment(c, mark, text, 300);
}

static void print_kill(const struct view_context *c, const struct process_row *p)
{
	if (p->identity) {
		char *argv = format_argv(p->identity);
		char *text = xasprintf("pid %u, user %s: %s", p->key.pid,
			p->identity->user ? p->identity->user : "?", argv);

		comment(c, "#", text, 200);
		free(text);
		free(argv);
	}
	fprintf(c->out,
		"test \"$(sed 's/.*) //' /proc/%u/stat | cut -d' ' -f20)\" = %llu && kill -TERM "
		"%u\n",
		p->key.pid, (unsigned long long)(p->key.start / TICK), p->key.pid);
}

static size_t print_kills(const struct view_context *c, const struct snapshot *s,
	const struct findings *findings, const struct group_row *g)
{
	const struct finding *said = NULL;
	size_t count = 0;

	for (size_t i = 0; i < g->process_count; i++) {
		const struct process_row *p = &g->processes[i];
		const struct finding *f = blaming(s, findings, g, p, NULL);

		if (!f || p->key.pid <= 1)
			continue;
		if (f != said)
			print_why(c, "#", f);
		said = f;
		print_kill(c, p);
		count++;
	}
	return count;
}

/* A backend that began after this report is another one, whatever its pid. */
static void print_terminate(const struct view_context *c, __u32 pid, const char *now)
{
	fprintf(c->out,
		"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid = %u AND "
		"backend_start < '%s';\n",
		pid, now);
}

static size_t print_sessions(const struct view_context *c, const struct snapshot *s,
	const struct findings *findings, const struct group_row *g, const char *now)
{
	const struct finding *said = NULL;
	size_t count = 0;

	for (size_t i = 0; i < g->process_count; i++)
		for (size_t k = 0; k < g->processes[i].connection_count; k++) {
			const struct process_row *p = &g->processes[i];
			const struct connection_row *row = &p->connections[k];
			const struct finding *f = blaming(s, findings, g, p, row);
			char server[160], text[256];

			if (!f || !row->backend_pid_in_ns)
				continue;
			if (f != said)
				print_why(c, "--", f);
			said = f;
			server_text(server, sizeof(server), &row->server, row->server_path);
			snprintf(text, sizeof(text), "of pid %u, at %s", p->key.pid, server);
			comment(c, "--", text, 200);
			print_terminate(c, row->backend_pid_in_ns, now);
			count++;
		}
	return count;
}

static size_t print_orphans(const struct view_context *c, const struct snapshot *s,
	const struct findings *findings, const char *now)
{
	size_t count = 0;

	for (size_t i = 0; i < findings->count; i++) {
		const struct finding *f = &findings->rows[i];

		if (f->rule != RULE_ORPHAN_SLOT)
			continue;
		print_why(c, "--", f);
		for (size_t o = 0; o < f->instance->orphan_count; o++) {
			const struct orphan_row *row = &f->instance->orphans[o];

			if (!row->backend_pid_in_ns || !orphan_stays(s, row))
				continue;
			print_terminate(c, row->backend_pid_in_ns, now);
			count++;
		}
	}
	return count;
}

/* Who might be looked for here, and why he is not. */
static void print_left_alone(const struct view_context *c, const struct findings *findings)
{
	char text[512];

	for (size_t i = 0; i < findings->count; i++) {
		const struct finding *f = &findings->rows[i];

		if (f->rule != RULE_VICTIM && f->rule != RULE_RELAY)
			continue;
		snprintf(text, sizeof(text), "left alone: %s: %s", rule_rows[f->rule].id,
			finding_subject(f));
		comment(c, "#", text, 200);
	}
}

static void print_head(const struct view_context *c, const struct snapshot *s, const char *now)
{
	char text[256];

	fputs("# A plan: nothing was run. Read it, check it, then type what you mean.\n", c->out);
	snprintf(text, sizeof(text),
		"Seen at %s on %s. Every line checks that the process is still "
		"the one that was seen.",
		now, s->session && s->session->host ? s->session->host : "this host");
	comment(c, "#", text, 200);
	if (!s->complete)
		fputs("# It is not complete: something was lost (see the report).\n", c->out);
}

static void kill_report(
	const struct view_context *c, const struct snapshot *s, const struct findings *findings)
{
	char now[40];
	size_t count = 0;

	format_time(now, sizeof(now), s->session, s->now);
	print_head(c, s, now);
	fputs("\n# In a shell, as root or the processes' user: ends a program, all it does "
	      "included.\n",
		c->out);
	for (size_t g = 0; g < s->group_count; g++)
		count += print_kills(c, s, findings, &s->groups[g]);
	if (!count)
		fputs("# Nothing: no running process is to blame.\n", c->out);
	print_left_alone(c, findings);
	fputs("\n-- Or in psql, as a superuser (a few slots are kept for one): ends one session.\n",
		c->out);
	count = print_orphans(c, s, findings, now);
	for (size_t g = 0; g < s->group_count; g++)
		count += print_sessions(c, s, findings, &s->groups[g], now);
	if (!count)
		fputs("-- Nothing: no session is to blame whose backend is known.\n", c->out);
	fflush(c->out);
}

const struct view kill_view = {
	.name = "kill-plan",
	.help = "what could be typed to get slots back",
	.report = kill_report,
};
