/* SPDX-License-Identifier: BSD-2-Clause */
/* html_verdict.c: the top of the page: who it is, in a sentence, and the proof. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"
#include "view/html.h"

/* The gravest; of equals the first, which is of the worst group. */
static const struct finding *gravest(const struct findings *findings)
{
	const struct finding *worst = NULL;

	for (size_t i = 0; i < findings->count; i++) {
		const struct finding *f = &findings->rows[i];

		if (f->severity > SEVERITY_NOTE && (!worst || f->severity > worst->severity))
			worst = f;
	}
	return worst;
}

static void say_slots(const struct page *p)
{
	for (size_t i = 0; i < p->snapshot->instance_count; i++) {
		const struct instance_row *row = &p->snapshot->instances[i];
		char age[24];

		if (row->max_connections <= 0)
			continue;
		fprintf(p->out, "<strong>%llu of %d slots</strong> of ",
			(unsigned long long)row->used, row->max_connections);
		html_text(p->out, row->program && *row->program ? row->program : "the server");
		fputs(" are taken", p->out);
		if (row->orphan_count)
			fprintf(p->out, ", %zu of them by clients that are gone",
				row->orphan_count);
		text_age(age, sizeof(age), row->full_in);
		if (row->full_in)
			fprintf(p->out, "; full in %s at this rate", age);
		fputs(". ", p->out);
	}
}

void html_verdict(const struct page *p)
{
	const struct finding *worst = gravest(p->findings);
	const struct snapshot *s = p->snapshot;
	char older[32] = " &gt; ";

	text_age(older + strlen(older), sizeof(older) - strlen(older), s->older);
	fputs("<p class=\"verdict\">", p->out);
	say_slots(p);
	if (!s->group_count) {
		fputs("No process has or made a connection to what was watched.", p->out);
	} else if (worst) {
		fprintf(p->out, "<strong class=\"who\">");
		html_cut(p->out, finding_subject(worst), 120);
		fputs("</strong>: ", p->out);
		html_text(p->out, worst->sentence);
		fputs(".", p->out);
		if (p->findings->count > 1)
			fprintf(p->out, " <a href=\"#findings\">%zu findings</a> in all.",
				p->findings->count);
	} else {
		fprintf(p->out, "No leak found in %llu open and %llu opened connections.",
			(unsigned long long)s->counts.open, (unsigned long long)s->counts.opened);
	}
	fputs("</p>\n<dl class=\"numbers\">", p->out);
	for (size_t i = 0; i < count_field_count; i++) {
		const struct count_field *f = &count_fields[i];
		__u64 n = f->get(&s->counts);

		/* The most at once of each script adds up to nothing. */
		if (f->is_age || (!f->in_table && !n) || !strcmp(f->name, "peak"))
			continue;
		fprintf(p->out, "<div><dt title=\"%s\">%s%s</dt><dd>%llu</dd></div>", f->help,
			f->title, strcmp(f->name, "idle") ? "" : older, (unsigned long long)n);
	}
	fputs("</dl>\n", p->out);
}

static void put_evidence(const struct page *p, const struct finding *f)
{
	if (!f->evidence_count)
		return;
	fputs("<dl class=\"evidence\">", p->out);
	for (size_t i = 0; i < f->evidence_count; i++) {
		const struct evidence *e = &f->evidence[i];
		char name[64];

		snprintf(name, sizeof(name), "%s", e->name);
		for (char *at = name; *at; at++)
			if (*at == '_')
				*at = ' ';
		fputs("<div><dt>", p->out);
		html_text(p->out, name);
		fputs("</dt><dd>", p->out);
		if (e->is_age)
			html_age(p->out, e->number, false);
		else
			fprintf(p->out, "%llu", (unsigned long long)e->number);
		fputs("</dd></div>", p->out);
	}
	fputs("</dl>", p->out);
}

/* Where it is opened in the source and by which library: of the first process that tells. */
static void put_source(const struct page *p, const struct group_row *g)
{
	const struct event_process *source = NULL, *library = NULL;

	for (size_t i = 0; i < g->process_count; i++) {
		const struct event_process *e = g->processes[i].identity;

		if (!source && e && e->source && *e->source)
			source = e;
		if (!library && e && e->library && *e->library)
			library = e;
	}
	if (source) {
		fputs("<p class=\"label\">In the source</p><pre>", p->out);
		for (const char *at = source->source; *at;) {
			size_t n = strcspn(at, "\n");
			char *line = xmemdup(at, n);

			html_text(p->out, line);
			fputc('\n', p->out);
			free(line);
			at += n + (at[n] == '\n');
		}
		fputs("</pre>", p->out);
		if (source->source_closes == 2)
			fputs("<p class=\"fine\">Nothing in the file closes the client.</p>",
				p->out);
	}
	if (library) {
		fputs("<p class=\"fine\">Library: ", p->out);
		html_text(p->out, library->library);
		if (library->library_sign && *library->library_sign) {
			fputs(", seen by ", p->out);
			html_text(p->out, library->library_sign);
		}
		if (library->library_config && *library->library_config) {
			fputs("; configured: ", p->out);
			html_text(p->out, library->library_config);
		}
		fputs(".</p>", p->out);
	}
}

static void put_finding(const struct page *p, const struct finding *f)
{
	const char *severity = severity_name(f->severity);

	fprintf(p->out,
		"<article class=\"finding %s\"><p class=\"badge\"><svg class=\"mark\" "
		"viewBox=\"-6 -6 12 12\" aria-hidden=\"true\"><use href=\"#%s\"/></svg>%s <span "
		"class=\"rule\">%s</span></p><h3>",
		severity, severity, severity, rule_rows[f->rule].id);
	html_cut(p->out, finding_subject(f), 160);
	fputs("</h3><p>", p->out);
	html_text(p->out, f->sentence);
	fputs(".</p>", p->out);
	put_evidence(p, f);
	if (f->advice && *f->advice) {
		fputs("<p class=\"label\">What to do</p><p class=\"advice\">", p->out);
		html_text(p->out, f->advice);
		fputs(".</p>", p->out);
	}
	if (f->group)
		put_source(p, f->group);
	fputs("</article>\n", p->out);
}

/* The first are cards in sight, the rest unfold, and very many are only counted. */
#define CARDS_OPEN 12
#define CARDS_MOST 300

void html_findings(const struct page *p)
{
	size_t shown = 0;

	if (!p->findings->count)
		return;
	fputs("<section id=\"findings\"><h2>Findings</h2>\n<div class=\"cards\">", p->out);
	for (int severity = SEVERITIES - 1; severity >= 0; severity--)
		for (size_t i = 0; i < p->findings->count && shown < CARDS_MOST; i++) {
			if ((int)p->findings->rows[i].severity != severity)
				continue;
			if (shown++ == CARDS_OPEN)
				fprintf(p->out,
					"</div><details><summary>%zu more findings</summary><div "
					"class=\"cards\">",
					p->findings->count - CARDS_OPEN);
			put_finding(p, &p->findings->rows[i]);
		}
	fputs(shown > CARDS_OPEN ? "</div></details>" : "</div>", p->out);
	if (shown < p->findings->count)
		fprintf(p->out,
			"<p class=\"fine\">%zu more are left out here; -o json has all.</p>",
			p->findings->count - shown);
	fputs("</section>\n", p->out);
}
