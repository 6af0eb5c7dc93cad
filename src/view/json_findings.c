/* SPDX-License-Identifier: BSD-2-Clause */
/* json_findings.c: what is concluded, in the JSON report: findings with evidence and advice, and those
 * that were taken back. */
#include <string.h>

#include "base/codec.h"
#include "base/library.h"
#include "view/format.h"
#include "view/json.h"

static json_t *snippets_json(const struct library_row *l)
{
	json_t *out = json_object();

	json_set_text(out, "wrong", l->wrong);
	json_set_text(out, "correct", l->correct);
	json_set_text(out, "best", l->best);
	return out;
}

/* The lines that create clients, and whether the file ever disconnects (absent: not looked). */
static void set_source(json_t *to, const struct event_process *e)
{
	json_t *lines = json_array();

	for (const char *at = e->source; at && *at;) {
		size_t n = strcspn(at, "\n");

		json_array_append_new(lines, codec_text(at, n));
		at += n + (at[n] ? 1 : 0);
	}
	json_object_set_new(to, "source", lines);
	if (e->source_closes)
		json_object_set_new(to, "source_closes", json_boolean(e->source_closes == 1));
}

static void set_client(json_t *to, const struct event_process *e)
{
	const struct library_row *l = library_find(e->library);
	json_t *library = json_object();

	json_set_text(library, "id", l->id);
	json_set_text(library, "name", l->name);
	json_set_text(library, "sign", e->library_sign);
	json_set_text(library, "config", e->library_config);
	if (l->pool)
		json_object_set_new(library, "pool", json_integer(l->pool));
	json_set_text(library, "pool_text", l->pool_text);
	json_set_text(library, "bound_by", l->bound_by);
	json_set_text(library, "idle_closing", l->idle_closing);
	json_object_set_new(to, "library", library);
	json_object_set_new(to, "snippets", snippets_json(l));
	if (e->source)
		set_source(to, e);
}

json_t *json_finding(const struct finding *f)
{
	json_t *out = json_object(), *evidence = json_object();

	char budget[256];

	json_set_text(out, "rule", rule_rows[f->rule].id);
	json_set_text(out, "subject", finding_subject(f));
	json_set_text(out, "severity", severity_name(f->severity));
	json_set_text(out, "sentence", f->sentence);
	budget_text(budget, sizeof(budget), &f->budget);
	json_set_text(out, "budget", *budget ? budget : NULL);
	for (size_t i = 0; i < f->evidence_count; i++) {
		const struct evidence *e = &f->evidence[i];

		json_object_set_new(evidence, e->name,
			e->is_age ? json_seconds(e->number) : json_integer((json_int_t)e->number));
	}
	json_object_set_new(out, "evidence", evidence);
	json_set_text(out, "advice", f->advice);
	if (f->client && rule_is_about_code(f->rule))
		set_client(out, f->client);
	return out;
}

json_t *json_findings(const struct findings *findings, const struct group_row *group)
{
	json_t *out = json_array();

	for (size_t i = 0; i < findings->count; i++)
		if (findings->rows[i].group == group)
			json_array_append_new(out, json_finding(&findings->rows[i]));
	return out;
}

json_t *json_resolved(const struct resolution *r, const struct event_session *session)
{
	json_t *out = json_object();
	char time[40];

	json_set_text(out, "rule", rule_rows[r->rule].id);
	json_set_text(out, "subject", r->subject);
	json_set_text(out, "severity", severity_name(r->severity));
	json_set_text(out, "sentence", r->sentence);
	format_time(time, sizeof(time), session, r->raised_at);
	json_object_set_new(out, "raised_at", json_string(time));
	format_time(time, sizeof(time), session, r->resolved_at);
	json_object_set_new(out, "resolved_at", json_string(time));
	return out;
}

void json_set_findings(json_t *to, const struct snapshot *s, const struct findings *findings)
{
	json_t *resolved = json_array();

	/* Those about a group stand with it. */
	json_object_set_new(to, "server_findings", json_findings(findings, NULL));
	for (size_t i = 0; i < findings->resolved_count; i++)
		json_array_append_new(resolved, json_resolved(&findings->resolved[i], s->session));
	json_object_set_new(to, "resolved", resolved);
}
