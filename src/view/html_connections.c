/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * html_connections.c: every connection. The first rows are a table for everybody; all of them are
 * data for the page's script, which sorts, filters and shows more. A column is declared once.
 */
#include <stdlib.h>
#include <string.h>

#include "base/address.h"
#include "base/ns.h"
#include "base/text.h"
#include "view/format.h"
#include "view/html.h"

#define ROWS_PLAIN 100           /* rows that need no script */
#define BYTES_MOST (3500 * 1024) /* of data; the whole page stays below 5 MB */

/* One connection and whose it is. */
struct entry {
	const struct page *page;
	const struct process_row *process;
	const struct connection_row *row;
};

struct cell {
	double number; /* to sort by, if the column is one of numbers */
	char text[512];
};

struct column {
	const char *title, *help;
	bool number;
	void (*get)(const struct entry *, struct cell *); /* leaves text "" if not known */
};

static void put(struct cell *cell, const char *text)
{
	snprintf(cell->text, sizeof(cell->text), "%s", text ? text : "");
}

static void put_number(struct cell *cell, __u64 n)
{
	cell->number = (double)n;
	if (n)
		snprintf(cell->text, sizeof(cell->text), "%llu", (unsigned long long)n);
}

static void put_age(struct cell *cell, __u64 ns, bool at_least)
{
	cell->number = (double)(ns / MILLISECOND) / 1000;
	text_age_from(cell->text, sizeof(cell->text), ns, at_least, false);
}

static void get_state(const struct entry *e, struct cell *cell)
{
	put(cell, html_ending(e->row));
}

static void get_script(const struct entry *e, struct cell *cell)
{
	const char *name = e->process->script ? e->process->script : "?";
	char *clean = text_clean(name, strlen(name));

	text_cut(cell->text, sizeof(cell->text), clean, 80, false);
	free(clean);
}

static void get_pid(const struct entry *e, struct cell *cell)
{
	put_number(cell, e->process->key.pid);
}

static void get_opened(const struct entry *e, struct cell *cell)
{
	cell->number = (double)(e->row->opened_at / MILLISECOND);
	if (!e->row->at_least)
		format_clock(cell->text, sizeof(cell->text), e->page->snapshot->session,
			e->row->opened_at);
	else
		put(cell, "before");
}

static void get_age(const struct entry *e, struct cell *cell)
{
	put_age(cell, e->row->age, e->row->at_least);
}

static void get_idle(const struct entry *e, struct cell *cell)
{
	if (!e->row->ended_at)
		put_age(cell, e->row->idle, false);
	if (e->row->busy)
		put(cell, "busy");
}

static void get_port(const struct entry *e, struct cell *cell)
{
	put_number(cell, e->row->local_port);
}

static void get_server(const struct entry *e, struct cell *cell)
{
	server_text(cell->text, sizeof(cell->text), &e->row->server, e->row->server_path);
}

static void get_backend(const struct entry *e, struct cell *cell)
{
	put_number(cell, e->row->backend_pid);
}

static void get_user(const struct entry *e, struct cell *cell)
{
	put(cell, e->row->user);
}

static void get_database(const struct entry *e, struct cell *cell)
{
	put(cell, e->row->database);
}

static void get_application(const struct entry *e, struct cell *cell)
{
	put(cell, e->row->application);
}

static void get_activity(const struct entry *e, struct cell *cell)
{
	put(cell, e->row->activity);
}

static void get_encryption(const struct entry *e, struct cell *cell)
{
	put(cell, encryption_name(e->row->encryption));
}

/* How it ended; of an open one, who else has it. */
static void get_detail(const struct entry *e, struct cell *cell)
{
	const struct connection_row *row = e->row;
	size_t n = 0;

	if (row->sqlstate && *row->sqlstate) {
		snprintf(cell->text, sizeof(cell->text), "%s %s", row->sqlstate,
			row->message ? row->message : "");
	} else if (row->ending == ENDING_REFUSED && row->refusal_inferred) {
		put(cell, "inferred");
	} else if (row->manner == MANNER_EXIT) {
		format_exit(cell->text, sizeof(cell->text), row->exit_code);
	} else if (row->ended_at) {
		put(cell, manner_name(row->manner));
	}
	n = strlen(cell->text);
	if (row->closer.pid && row->closer.pid != e->process->key.pid)
		n += (size_t)snprintf(cell->text + n, sizeof(cell->text) - n, "%sby pid %u",
			n ? ", " : "", row->closer.pid);
	for (size_t i = 0; i < row->holder_count && n < sizeof(cell->text) - 40; i++)
		if (row->holder_count > 1 || row->holders[i].pid != e->process->key.pid ||
			row->held)
			n += (size_t)snprintf(cell->text + n, sizeof(cell->text) - n,
				"%sheld by pid %u fd %d", n ? ", " : "", row->holders[i].pid,
				row->holders[i].fd);
}

static const struct column columns[] = {
	{"state", "open, or how it ended", false, get_state},
	{"script", "what its opener runs", false, get_script},
	{"pid", "its opener", true, get_pid},
	{"opened", "UTC", true, get_opened},
	{"age", "until now, or until its end", true, get_age},
	{"idle", "since its last byte; busy: the server works on what it was asked", true,
		get_idle},
	{"port", "the client's", true, get_port},
	{"server", "as the client addresses it", false, get_server},
	{"backend", "pid of the server's process", true, get_backend},
	{"user", "of the database", false, get_user},
	{"database", "", false, get_database},
	{"application", "application_name", false, get_application},
	{"does", "what the backend does", false, get_activity},
	{"encryption", "", false, get_encryption},
	{"detail", "how it ended, who else holds it", false, get_detail},
};
#define COLUMNS (sizeof(columns) / sizeof(columns[0]))

/* Calls `each` for every connection until it says false; how many it was called for. */
static size_t walk(const struct page *p, bool (*each)(const struct entry *, void *), void *argument)
{
	const struct snapshot *s = p->snapshot;
	size_t count = 0;

	for (size_t g = 0; g < s->group_count; g++)
		for (size_t i = 0; i < s->groups[g].process_count; i++) {
			const struct process_row *row = &s->groups[g].processes[i];
			struct entry entry = {.page = p, .process = row};

			for (size_t n = 0; n < row->connection_count; n++) {
				entry.row = &row->connections[n];
				if (!each(&entry, argument))
					return count;
				count++;
			}
		}
	return count;
}

/* Columns that nobody has anything for are left out. */
static bool note_known(const struct entry *e, void *argument)
{
	bool *known = argument;

	for (size_t i = 0; i < COLUMNS; i++) {
		struct cell cell = {0};

		if (known[i])
			continue;
		columns[i].get(e, &cell);
		known[i] = cell.text[0] != 0;
	}
	return true;
}

struct rows {
	const bool *known;
	size_t left;  /* rows that may still be written */
	size_t bytes; /* of data so far */
	bool first;
};

static bool put_plain(const struct entry *e, void *argument)
{
	struct rows *rows = argument;
	FILE *out = e->page->out;

	if (!rows->left--)
		return false;
	fputs("<tr>", out);
	for (size_t i = 0; i < COLUMNS; i++) {
		struct cell cell = {0};

		if (!rows->known[i])
			continue;
		columns[i].get(e, &cell);
		if (!i) {
			fprintf(out,
				"<td data-v=\"%s\"><svg class=\"mark\" viewBox=\"-6 -6 12 12\" "
				"aria-hidden=\"true\"><use href=\"#%s\"/></svg>%s</td>",
				cell.text, cell.text,
				!strcmp(cell.text, "hung_up") ? "hung up"
				: !strcmp(cell.text, "held")  ? "hung up, held"
							      : cell.text);
			continue;
		}
		if (columns[i].number)
			fprintf(out, "<td class=\"n\" data-v=\"%.3f\">",
				cell.text[0] ? cell.number : -1);
		else
			fputs("<td>", out);
		html_text(out, cell.text);
		fputs("</td>", out);
	}
	fputs("</tr>\n", out);
	return true;
}

static bool put_data(const struct entry *e, void *argument)
{
	struct rows *rows = argument;
	FILE *out = e->page->out;
	const char *separator = "";

	if (rows->bytes > BYTES_MOST)
		return false;
	fputs(rows->first ? "[" : ",\n[", out);
	rows->first = false;
	for (size_t i = 0; i < COLUMNS; i++) {
		struct cell cell = {0};
		char number[32];

		if (!rows->known[i])
			continue;
		columns[i].get(e, &cell);
		fputs(separator, out);
		separator = ",";
		snprintf(number, sizeof(number), "%.15g", cell.number);
		rows->bytes += strlen(number) + 4;
		if (columns[i].number && !strcmp(number, cell.text)) {
			fputs(number, out);
		} else if (columns[i].number) {
			fprintf(out, "[%s,", cell.text[0] ? number : "-1");
			rows->bytes += html_json(out, cell.text);
			fputc(']', out);
		} else {
			rows->bytes += html_json(out, cell.text);
		}
	}
	fputc(']', out);
	return true;
}

static bool count_one(const struct entry *e, void *argument)
{
	(void)e;
	(void)argument;
	return true;
}

static void put_headings(const struct page *p, const bool *known)
{
	for (size_t i = 0; i < COLUMNS; i++)
		if (known[i])
			fprintf(p->out, "<th scope=\"col\"%s%s%s%s>%s</th>",
				columns[i].number ? " class=\"n\"" : "",
				*columns[i].help ? " title=\"" : "", columns[i].help,
				*columns[i].help ? "\"" : "", columns[i].title);
}

void html_connections(const struct page *p)
{
	bool known[COLUMNS] = {false};
	size_t count = walk(p, count_one, NULL), kept;
	struct rows plain = {.known = known, .left = ROWS_PLAIN};
	struct rows data = {.known = known, .first = true};

	if (!count)
		return;
	walk(p, note_known, known);
	fprintf(p->out,
		"<section id=\"connections\"><h2>Connections</h2>\n<div class=\"scroll\" "
		"tabindex=\"0\" role=\"region\" aria-label=\"Connections\"><table class=\"data\" "
		"data-rows=\"rows\"><caption>%zu connections, worst script first; times are UTC.%s"
		"</caption><thead><tr>",
		count, p->snapshot->forgotten ? " Early ended ones are counted, not listed." : "");
	put_headings(p, known);
	fputs("</tr></thead>\n<tbody>", p->out);
	walk(p, put_plain, &plain);
	fputs("</tbody></table></div>\n", p->out);
	if (count > ROWS_PLAIN)
		fprintf(p->out,
			"<p class=\"fine more\">The first %d of %zu. The others are in this "
			"file as data and need its script to be shown.</p>\n",
			ROWS_PLAIN, count);
	fputs("<script type=\"application/json\" id=\"rows\">[", p->out);
	kept = walk(p, put_data, &data);
	fputs("]</script>\n", p->out);
	if (kept < count)
		fprintf(p->out,
			"<p class=\"fine\">%zu connections found no room in this file; -o json "
			"has all.</p>\n",
			count - kept);
	fputs("</section>\n", p->out);
}
