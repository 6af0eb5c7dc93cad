/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * html.c: the report as one file that needs nothing else: no network, no other file, and without
 * its script still a report. Its own policy forbids everything that is not written here.
 */
#include <stdlib.h>
#include <string.h>

#include "view/format.h"
#include "view/html.h"
#include "view/lines.h"

static void put_head(const struct page *p)
{
	const struct event_session *session = p->snapshot->session;
	char time[40];

	format_time(time, sizeof(time), session, p->snapshot->now);
	fprintf(p->out,
		"<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
		"<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; "
		"style-src '%s'; script-src '%s'; base-uri 'none'; form-action 'none'\">\n"
		"<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
		"<meta name=\"color-scheme\" content=\"light dark\">\n"
		"<meta name=\"referrer\" content=\"no-referrer\">\n"
		"<meta name=\"generator\" content=\"pgleaktrace " PGLEAKTRACE_VERSION
		"\">\n<title>",
		report_css_hash, report_js_hash);
	html_print(p->out, "PostgreSQL connections, %s, %.16s",
		session && session->host ? session->host : "this host", time);
	fprintf(p->out, "</title>\n<style>%s</style>\n</head>\n<body>\n", report_css);
}

static void put_ports(const struct page *p)
{
	const struct event_session *session = p->snapshot->session;

	for (__u32 i = 0; session && i < session->port_count; i++)
		fprintf(p->out, "%s%u", i ? ", " : "", session->ports[i]);
}

static void put_header(const struct page *p)
{
	const struct snapshot *s = p->snapshot;
	char time[40];

	format_time(time, sizeof(time), s->session, s->now);
	fputs("<header><p class=\"kicker\">PostgreSQL connections</p><h1>", p->out);
	html_text(p->out, s->session && s->session->host ? s->session->host : "this host");
	fputs("</h1><p class=\"fine\">", p->out);
	fputs(s->session && s->session->port_count > 1 ? "ports " : "port ", p->out);
	put_ports(p);
	if (p->context->once) {
		fprintf(p->out, ", a look at %.19s UTC", time);
	} else {
		fputs(", watched for ", p->out);
		html_age(p->out, s->now - s->started, false);
		fprintf(p->out, " until <time datetime=\"%s\">%.10s %.8s</time> UTC", time, time,
			time + 11);
	}
	fputs("</p></header>\n", p->out);
}

static void put_completeness(const struct page *p)
{
	char *line = format_completeness(p->snapshot);

	fprintf(p->out, "<p class=\"completeness %s\">", p->snapshot->complete ? "whole" : "torn");
	fprintf(p->out,
		"<svg class=\"mark\" viewBox=\"-6 -6 12 12\" aria-hidden=\"true\"><use "
		"href=\"#%s\"/></svg>",
		p->snapshot->complete ? "note" : "warning");
	html_text(p->out, line);
	fputs("</p>\n", p->out);
	free(line);
}

static void put_row(const struct page *p, const char *what, const char *value)
{
	if (!value || !*value)
		return;
	fprintf(p->out, "<div><dt>%s</dt><dd>", what);
	html_text(p->out, value);
	fputs("</dd></div>\n", p->out);
}

static void put_making(const struct page *p)
{
	const struct event_session *session = p->snapshot->session;
	char time[40];

	fputs("<section id=\"made\"><h2>How it was made</h2>\n<dl class=\"made\">", p->out);
	put_row(p, "command", p->context->command);
	put_row(p, "version", "pgleaktrace " PGLEAKTRACE_VERSION);
	if (session && session->version && strcmp(session->version, PGLEAKTRACE_VERSION))
		put_row(p, "recorded by version", session->version);
	put_row(p, "host", session ? session->host : NULL);
	put_row(p, "kernel", session ? session->kernel : NULL);
	format_time(time, sizeof(time), session, p->snapshot->started);
	put_row(p, "begin", time);
	format_time(time, sizeof(time), session, p->snapshot->now);
	put_row(p, "end", time);
	fputs("</dl>\n<p class=\"fine\">Counts come from tables in the kernel that are written "
	      "before any event is sent: for every row adopted + opened = open + closed + "
	      "abandoned + hung up + refused + unknown. Details of single connections can be lost; "
	      "the line at the top says whether any were.</p></section>\n",
		p->out);
}

static void html_report(const struct view_context *context, const struct snapshot *snapshot,
	const struct findings *findings)
{
	struct page page = {context->out, context, snapshot, findings};

	put_head(&page);
	html_symbols(&page);
	fputs("<main>\n", page.out);
	put_header(&page);
	html_verdict(&page);
	put_completeness(&page);
	html_findings(&page);
	html_chart(&page);
	html_scripts(&page);
	html_servers(&page);
	html_lanes(&page);
	html_connections(&page);
	put_making(&page);
	fprintf(page.out, "</main>\n<script>%s</script>\n</body>\n</html>\n", report_js);
	fflush(page.out);
}

const struct view html_view = {
	.name = "html",
	.help = "one HTML file: pictures and tables, to look at and hand on",
	.opened_with = "a browser",
	.report = html_report,
};
