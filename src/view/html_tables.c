/* SPDX-License-Identifier: BSD-2-Clause */
/* html_tables.c: the counts by script, and the servers: limits, orphan slots, remote clients. */
#include <string.h>

#include "base/address.h"
#include "base/text.h"
#include "view/html.h"

/* The usual columns; for scripts also the others, if anything was counted there. */
static bool shown(const struct page *p, const struct count_field *f)
{
	return f->in_table || (!f->is_age && f->get(&p->snapshot->counts));
}

static void put_count_headings(const struct page *p)
{
	char older[24];

	text_age(older, sizeof(older), p->snapshot->older);
	for (size_t i = 0; i < count_field_count; i++) {
		const struct count_field *f = &count_fields[i];

		if (!shown(p, f))
			continue;
		fprintf(p->out, "<th scope=\"col\" class=\"n\" title=\"%s\">%s%s%s</th>", f->help,
			f->title, strcmp(f->name, "idle") ? "" : " &gt; ",
			strcmp(f->name, "idle") ? "" : older);
	}
}

static void put_counts(const struct page *p, const struct counts *c)
{
	for (size_t i = 0; i < count_field_count; i++) {
		const struct count_field *f = &count_fields[i];
		__u64 n = f->get(c);

		if (!shown(p, f))
			continue;
		if (!f->is_age) {
			fprintf(p->out, "<td class=\"n%s\">%llu</td>", n ? "" : " zero",
				(unsigned long long)n);
			continue;
		}
		fprintf(p->out, "<td class=\"n\" data-v=\"%.3f\">",
			c->open ? (double)n / 1e9 : -1.0);
		if (c->open)
			html_age(p->out, n, c->oldest_at_least);
		else
			fputs("&#8211;", p->out);
		fputs("</td>", p->out);
	}
}

static void put_verdict(const struct page *p, const struct group_row *g)
{
	const char *separator = "";

	fputs("<td class=\"findings\">", p->out);
	for (size_t i = 0; i < p->findings->count; i++) {
		const struct finding *f = &p->findings->rows[i];

		if (f->group != g)
			continue;
		fprintf(p->out,
			"%s<span class=\"badge\"><svg class=\"mark\" viewBox=\"-6 -6 12 12\" "
			"aria-hidden=\"true\"><use href=\"#%s\"/></svg>%s</span>",
			separator, severity_name(f->severity), rule_rows[f->rule].id);
		separator = " ";
	}
	fputs("</td>", p->out);
}

void html_scripts(const struct page *p)
{
	const struct snapshot *s = p->snapshot;
	const char *what = group_by_name(s->group_by);

	if (!s->group_count)
		return;
	fprintf(p->out,
		"<section id=\"groups\"><h2>By %s</h2>\n<div class=\"scroll\" tabindex=\"0\" "
		"role=\"region\" aria-label=\"Counts by %s\"><table class=\"data\"><caption>Worst "
		"first.",
		what, what);
	if (s->groups_hidden)
		fprintf(p->out, " %zu more were left out by --rows.", s->groups_hidden);
	fprintf(p->out,
		"</caption><thead><tr><th scope=\"col\">%s</th><th scope=\"col\" "
		"class=\"findings\">findings</th><th scope=\"col\" class=\"n\">PROCS</th>",
		what);
	put_count_headings(p);
	fputs("</tr></thead>\n<tbody>", p->out);
	for (size_t g = 0; g < s->group_count; g++) {
		const struct group_row *row = &s->groups[g];

		fputs("<tr><th scope=\"row\">", p->out);
		html_cut(p->out, row->name, 120);
		fputs("</th>", p->out);
		put_verdict(p, row);
		fprintf(p->out, "<td class=\"n\">%llu</td>",
			(unsigned long long)row->process_total);
		put_counts(p, &row->counts);
		fputs("</tr>\n", p->out);
	}
	fputs("</tbody></table></div></section>\n", p->out);
}

static void put_number(const struct page *p, __s64 n)
{
	if (n >= 0)
		fprintf(p->out, "<td class=\"n\">%lld</td>", (long long)n);
	else
		fputs("<td class=\"n\" title=\"not known\">?</td>", p->out);
}

static void put_server(const struct page *p, const struct server_row *row)
{
	char name[200];
	const struct instance_row *i = row->instance;

	server_text(name, sizeof(name), &row->key, row->path);
	fputs("<tr><th scope=\"row\">", p->out);
	html_text(p->out, name);
	fputs("</th><td>", p->out);
	if (i)
		html_print(p->out, "%s pid %u", i->program && *i->program ? i->program : "server",
			i->process.pid);
	else
		fputs("not on this host, or not found", p->out);
	fputs("</td>", p->out);
	put_number(p, row->max_connections > 0 ? row->max_connections : -1);
	put_number(p, i ? i->reserved : -1);
	put_number(p, i && i->kind == SERVER_POSTGRESQL ? (__s64)i->used : -1);
	put_counts(p, &row->counts);
	fputs("</tr>\n", p->out);
}

static void put_orphans(const struct page *p, const struct instance_row *row)
{
	if (!row->orphan_count)
		return;
	fprintf(p->out,
		"<h3>Orphan slots of pid %u</h3><div class=\"scroll\" tabindex=\"0\" "
		"role=\"region\" aria-label=\"Orphan slots\"><table "
		"class=\"data\"><caption>Backends "
		"that still hold a slot though their client is gone. To end one: SELECT "
		"pg_terminate_backend(PID)</caption><thead><tr><th scope=\"col\" "
		"class=\"n\">backend"
		"</th><th scope=\"col\" class=\"n\">client gone for</th><th "
		"scope=\"col\">script</th>"
		"<th scope=\"col\">user</th><th scope=\"col\">database</th><th "
		"scope=\"col\">does</th>"
		"</tr></thead><tbody>",
		row->process.pid);
	for (size_t i = 0; i < row->orphan_count; i++) {
		const struct orphan_row *o = &row->orphans[i];

		fprintf(p->out, "<tr><td class=\"n\">%u</td><td class=\"n\">", o->backend_pid);
		if (o->since)
			html_age(p->out,
				p->snapshot->now > o->since ? p->snapshot->now - o->since : 0,
				false);
		else
			fputs("?", p->out);
		fputs("</td><td>", p->out);
		html_cut(p->out, o->script ? o->script : "?", 80);
		fputs("</td><td>", p->out);
		html_text(p->out, o->user ? o->user : "");
		fputs("</td><td>", p->out);
		html_text(p->out, o->database ? o->database : "");
		fputs("</td><td>", p->out);
		html_text(p->out, o->activity ? o->activity : "");
		fputs("</td></tr>\n", p->out);
	}
	fputs("</tbody></table></div>\n", p->out);
}

static void put_remotes(const struct page *p, const struct instance_row *row)
{
	if (!row->remote_count)
		return;
	fprintf(p->out,
		"<h3>Clients of pid %u on other hosts</h3><table class=\"data\"><caption>Slots "
		"taken, by address</caption><thead><tr><th scope=\"col\">address</th><th "
		"scope=\"col\" class=\"n\">slots</th></tr></thead><tbody>",
		row->process.pid);
	for (size_t i = 0; i < row->remote_count; i++) {
		char address[ADDRESS_SIZE];

		ip_text(address, sizeof(address), row->remotes[i].address);
		fputs("<tr><th scope=\"row\">", p->out);
		html_text(p->out, address);
		fprintf(p->out, "</th><td class=\"n\">%llu</td></tr>\n",
			(unsigned long long)row->remotes[i].slots);
	}
	fputs("</tbody></table>\n", p->out);
}

void html_servers(const struct page *p)
{
	const struct snapshot *s = p->snapshot;

	if (!s->server_count && !s->instance_count)
		return;
	fputs("<section id=\"servers\"><h2>Servers</h2>\n", p->out);
	if (s->server_count) {
		fputs("<div class=\"scroll\" tabindex=\"0\" role=\"region\" "
		      "aria-label=\"Servers\"><table "
		      "class=\"data\"><caption>As clients address them.</caption><thead><tr><th "
		      "scope=\"col\">server</th><th scope=\"col\">program</th><th scope=\"col\" "
		      "class=\"n\">max_connections</th><th scope=\"col\" "
		      "class=\"n\">reserved</th><th "
		      "scope=\"col\" class=\"n\">slots taken</th>",
			p->out);
		put_count_headings(p);
		fputs("</tr></thead>\n<tbody>", p->out);
		for (size_t i = 0; i < s->server_count; i++)
			put_server(p, &s->servers[i]);
		fputs("</tbody></table></div>\n", p->out);
	}
	for (size_t i = 0; i < s->instance_count; i++) {
		put_orphans(p, &s->instances[i]);
		put_remotes(p, &s->instances[i]);
	}
	fputs("</section>\n", p->out);
}
