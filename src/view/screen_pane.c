/* SPDX-License-Identifier: BSD-2-Clause */
/* screen_pane.c: what the row under the cursor means: a script's findings with evidence, advice and
 * where in its source; a process's identity; all that is known of a connection. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/address.h"
#include "base/mem.h"
#include "base/text.h"
#include "view/format.h"
#include "view/screen_state.h"

struct pane {
	struct screen *screen;
	unsigned line, end;
	bool cut; /* there was more to say than lines */
};

/* Bytes of the text that fit into so many columns. */
static size_t fitting(const char *text, unsigned columns)
{
	size_t length = 0, bytes = 0;

	while (text[length]) {
		size_t wide = text_character(text + length, &bytes);

		if (wide > columns)
			break;
		columns -= (unsigned)wide;
		length += bytes;
	}
	return length;
}

/* A word longer than a line goes on in the next. Returns the column behind it. */
static unsigned pane_word(
	struct pane *p, unsigned indent, unsigned at, enum style style, const char *word)
{
	struct canvas *c = &p->screen->canvas;
	unsigned right = c->columns - 1;

	while (*word && p->line < p->end) {
		size_t length = fitting(word, right > at ? right - at : 0);
		char *part;

		if (!length && at == indent + 2)
			break; /* a column or two: nothing fits */
		part = xmemdup(word, length);
		at += canvas_put(c, p->line, at, right - at, style, part);
		free(part);
		word += length;
		if (*word) {
			p->line++;
			at = indent + 2;
		}
	}
	p->cut |= *word != 0;
	return at;
}

/* Words of foreign or own text on one or more lines, broken before the last column. */
static void pane_say(struct pane *p, unsigned indent, enum style style, const char *text)
{
	unsigned at = indent, columns = p->screen->canvas.columns;

	while (*text && p->line < p->end) {
		size_t n = strcspn(text, " ");
		char *raw = xmemdup(text, n), *word = text_clean(raw, n);

		if (at > indent && at + 1 + text_columns(word) > columns - 1) {
			p->line++;
			at = indent + 2;
		} else if (at > indent) {
			at++;
		}
		at = pane_word(p, indent, at, style, word);
		free(raw);
		free(word);
		text += n + (text[n] != 0);
	}
	p->cut |= *text != 0;
	p->line++;
}

static void pane_print(struct pane *p, enum style style, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

static void pane_print(struct pane *p, enum style style, const char *format, ...)
{
	va_list args;
	char *text;

	p->cut |= p->line >= p->end;
	if (p->line >= p->end)
		return;
	va_start(args, format);
	text = xvasprintf(format, args);
	va_end(args);
	pane_say(p, 1, style, text);
	free(text);
}

static void pane_finding(struct pane *p, const struct finding *f)
{
	const struct glyphs *g = glyphs_of(p->screen);
	char budget[256];

	pane_print(p, severity_style(f->severity), "%s (%s): %s.", rule_rows[f->rule].id,
		severity_name(f->severity), f->sentence);
	budget_text(budget, sizeof(budget), &f->budget);
	if (*budget)
		pane_print(p, STYLE_PLAIN, "%s.", budget);
	if (f->advice)
		pane_print(p, STYLE_PLAIN, "%s %s.", g->arrow, f->advice);
}

/* The gravest first. */
static size_t pane_findings(
	struct pane *p, const struct group_row *group, const struct instance_row *instance)
{
	const struct findings *all = p->screen->findings;
	size_t n = 0;

	for (int severity = SEVERITIES - 1; severity >= 0; severity--)
		for (size_t i = 0; i < all->count; i++) {
			const struct finding *f = &all->rows[i];

			if (f->group != group || f->instance != instance ||
				f->severity != (enum severity)severity)
				continue;
			pane_finding(p, f);
			n++;
		}
	return n;
}

static void pane_library(struct pane *p, const struct event_process *e)
{
	if (e->library && *e->library)
		pane_print(p, STYLE_PLAIN, "client library: %s%s%s%s%s%s", e->library,
			e->library_sign && *e->library_sign ? " (" : "",
			e->library_sign ? e->library_sign : "",
			e->library_sign && *e->library_sign ? ")" : "",
			e->library_config && *e->library_config ? ", " : "",
			e->library_config ? e->library_config : "");
	for (const char *at = e->source; at && *at;) {
		size_t n = strcspn(at, "\n");

		pane_print(p, STYLE_PLAIN, "%s%.*s", at == e->source ? "source: " : "", (int)n, at);
		at += n + (at[n] != 0);
	}
}

static void pane_group(struct pane *p, const struct row *row)
{
	const struct group_row *g = row->group;
	size_t found = pane_findings(p, g, NULL);

	if (!found)
		pane_print(p, STYLE_PLAIN, "Nothing wrong with it so far.");
	if (g->wrapper || g->runtime)
		pane_print(p, STYLE_PLAIN, "%s%s%s%s%s", g->wrapper ? "started by " : "",
			g->wrapper ? g->wrapper : "", g->wrapper && g->runtime ? "; " : "",
			g->runtime ? "run by " : "", g->runtime ? g->runtime : "");
	for (size_t i = 0; i < g->process_count; i++) {
		const struct event_process *e = g->processes[i].identity;

		if (e && ((e->library && *e->library) || (e->source && *e->source))) {
			pane_library(p, e);
			break;
		}
	}
}

static void pane_ancestors(struct pane *p, const struct event_process *e)
{
	char *text = xstrdup("");

	for (__u32 i = 0; i < e->ancestor_count; i++) {
		char *longer = xasprintf("%s%s%s %u", text, i ? ", " : "",
			e->ancestors[i].comm ? e->ancestors[i].comm : "?", e->ancestors[i].pid);

		free(text);
		text = longer;
	}
	if (*text)
		pane_print(p, STYLE_PLAIN, "parents: %s", text);
	free(text);
}

static void pane_process(struct pane *p, const struct row *row)
{
	const struct process_row *r = row->process;
	const struct event_process *e = r->identity;
	char *argv, exit[48] = "running";

	if (r->folded) {
		format_folded(exit, sizeof(exit), r->folded);
		pane_print(p, STYLE_PLAIN, "%s of user %s, together; program %s", exit,
			e && e->user ? e->user : "?", e && e->exe ? e->exe : "?");
		return;
	}
	if (r->gone)
		format_exit(exit, sizeof(exit), r->exit_code);
	if (!e) {
		pane_print(p, STYLE_PLAIN, "pid %u, %s: it was gone before it could be named.",
			r->key.pid, exit);
		return;
	}
	argv = format_argv(e);
	pane_print(p, STYLE_STRONG, "%s%s", argv, e->argv_truncated ? " (cut)" : "");
	free(argv);
	pane_print(p, STYLE_PLAIN, "pid %u, %s; user %s, in %s; program %s", r->key.pid, exit,
		e->user ? e->user : "?", e->cwd ? e->cwd : "?", e->exe ? e->exe : "?");
	pane_ancestors(p, e);
	if (e->container || e->unit)
		pane_print(p, STYLE_PLAIN, "%s %.64s", e->container ? "container" : "unit",
			e->container ? e->container : e->unit);
	pane_library(p, e);
}

static void pane_ending(struct pane *p, const struct connection_row *c)
{
	char exit[48];

	if (!c->ended_at)
		return;
	if (c->manner == MANNER_EXIT)
		format_exit(exit, sizeof(exit), c->exit_code);
	else
		snprintf(exit, sizeof(exit), "%s", manner_name(c->manner));
	if (c->closer.pid)
		pane_print(p, STYLE_PLAIN, "%s by pid %u (%s): %s", ending_name(c->ending),
			c->closer.pid, c->closer_comm, exit);
	else
		pane_print(p, STYLE_PLAIN, "%s: %s%s", ending_name(c->ending), exit,
			c->held ? "; its descriptor is still open" : "");
	if (*c->sqlstate || *c->message)
		pane_print(p, STYLE_PLAIN, "the server said %s %s", c->sqlstate, c->message);
	else if (c->ending == ENDING_REFUSED && c->refusal_inferred)
		pane_print(p, STYLE_PLAIN, "refused: inferred from how it went, not read");
}

static void pane_holders(struct pane *p, const struct connection_row *c)
{
	char *text = xstrdup("");

	for (size_t i = 0; i < c->holder_count && (!c->ended_at || c->held); i++) {
		char *longer = xasprintf(
			"%s%s%u (fd %d)", text, i ? ", " : "", c->holders[i].pid, c->holders[i].fd);

		free(text);
		text = longer;
	}
	if (*text)
		pane_print(p, STYLE_PLAIN, "held by pid %s", text);
	free(text);
}

static void pane_session(struct pane *p, const struct connection_row *c)
{
	char backend[32] = "";

	if (!*c->user && !*c->database && !*c->application && !c->backend_pid && !*c->activity)
		return;
	if (c->backend_pid)
		snprintf(backend, sizeof(backend), "backend %u, ", c->backend_pid);
	pane_print(p, STYLE_PLAIN, "%suser %s, database %s%s%s%s%s%s%s", backend,
		*c->user ? c->user : "?", *c->database ? c->database : "?",
		*c->application ? ", application " : "", c->application, *c->activity ? ", " : "",
		c->activity, c->encryption > ENCRYPTION_NONE ? ", " : "",
		c->encryption > ENCRYPTION_NONE ? encryption_name(c->encryption) : "");
}

/* Nobody counts what goes through a unix socket, and there are no ports. */
static void pane_network(struct pane *p, const struct connection_row *c)
{
	const char *attribution = attribution_name(c->attribution);

	if (c->server.family == AF_UNIX)
		pane_print(p, STYLE_PLAIN, "attribution: %s", attribution);
	else
		pane_print(p, STYLE_PLAIN,
			"from port %u; %llu bytes sent, %llu received; attribution: %s",
			c->local_port, (unsigned long long)c->sent, (unsigned long long)c->received,
			attribution);
}

/* Of one that was open before us nobody saw the thread. */
static char *opening_text(const struct pane *p, const struct connection_row *c)
{
	char time[40];

	format_time(time, sizeof(time), p->screen->snapshot->session, c->opened_at);
	if (c->attribution == ATTRIBUTION_CONNECT)
		return xasprintf(
			"opened %s by thread %u (%s)", time, c->tid, *c->comm ? c->comm : "?");
	return xasprintf(c->at_least ? "open since %s or longer" : "opened %s", time);
}

static void pane_connection(struct pane *p, const struct row *row)
{
	const struct connection_row *c = row->connection;
	char server[160], age[24], use[32], *opening = opening_text(p, c);

	server_text(server, sizeof(server), &c->server, c->server_path);
	text_age_from(age, sizeof(age), c->age, c->at_least, p->screen->config.ascii);
	format_use(use, sizeof(use), c);
	pane_print(p, STYLE_STRONG, "%s", server);
	pane_print(p, STYLE_PLAIN, "%s, %s %s%s%s", opening, c->ended_at ? "lived" : "age", age,
		c->ended_at ? "" : ", ", c->ended_at ? "" : use);
	free(opening);
	pane_network(p, c);
	pane_session(p, c);
	pane_ending(p, c);
	pane_holders(p, c);
}

static void pane_instance(struct pane *p, const struct row *row)
{
	const struct instance_row *i = row->instance;

	if (!pane_findings(p, NULL, i))
		pane_print(p, STYLE_PLAIN, "Nothing wrong with it so far.");
	if (i->data_directory)
		pane_print(p, STYLE_PLAIN, "pid %u, data directory %s", i->process.pid,
			i->data_directory);
	if (i->max_connections >= 0 && i->limit_source)
		pane_print(p, STYLE_PLAIN, "max_connections %d, read from %s", i->max_connections,
			i->limit_source);
}

static void pane_orphan(struct pane *p, const struct row *row)
{
	const struct orphan_row *o = row->orphan;
	char exit[48] = "";

	if (o->manner == MANNER_EXIT)
		format_exit(exit, sizeof(exit), o->exit_code);
	pane_print(p, STYLE_PLAIN, "backend %u keeps a slot though its client is gone.",
		o->backend_pid);
	if (o->client.pid)
		pane_print(p, STYLE_PLAIN, "The client was pid %u, %s: %s %s", o->client.pid,
			o->script ? o->script : "?", ending_name(o->ending), exit);
	pane_findings(p, NULL, row->instance);
}

/* The line above it says when there is more than is shown. */
static void pane_rule(struct screen *s, unsigned line, bool cut)
{
	static const char more[] = " more: d ";
	const struct glyphs *g = glyphs_of(s);

	for (unsigned i = 0; i < s->canvas.columns; i++)
		canvas_put(&s->canvas, line, i, 1, STYLE_DIM, g->line);
	if (cut && s->canvas.columns > sizeof(more) + 2)
		canvas_put(&s->canvas, line, s->canvas.columns - (unsigned)sizeof(more) - 2,
			sizeof(more), STYLE_PLAIN, more);
}

static void pane_row(struct pane *p, const struct row *row)
{
	switch (row->kind) {
	case ROW_INSTANCE:
	case ROW_REMOTE: pane_instance(p, row); break;
	case ROW_ORPHAN: pane_orphan(p, row); break;
	case ROW_GROUP: pane_group(p, row); break;
	case ROW_PROCESS: pane_process(p, row); break;
	case ROW_CONNECTION: pane_connection(p, row); break;
	case ROW_TITLES:
	case ROW_NOTE: break;
	}
}

void draw_pane(struct screen *s, unsigned line, unsigned end)
{
	const struct row *row = rows_current(s);
	struct pane p = {s, line + 1, end, false};

	if (row)
		pane_row(&p, row);
	pane_rule(s, line, p.cut && s->pane != PANE_LARGE);
}
