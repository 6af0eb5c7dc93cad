/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * html.h: the parts of the HTML report, in the order of the page. Each writes one section to
 * page->out and keeps no state. All foreign text goes through html_text().
 */
#ifndef VIEW_HTML_H
#define VIEW_HTML_H

#include <stdarg.h>
#include <stdio.h>
#include <pgleaktrace/view.h>

struct page {
	FILE *out;
	const struct view_context *context;
	const struct snapshot *snapshot;
	const struct findings *findings;
};

/* html_text.c: foreign text as text: control and bidi characters spelled out, markup escaped. */
void html_text(FILE *out, const char *text);
/* The same, cut in the middle to `columns`. */
void html_cut(FILE *out, const char *text, size_t columns);
/* Our own words and numbers with foreign text in them: %s arguments are escaped too. */
void html_print(FILE *out, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Inside <script type="application/json">: a JSON string that can't end the element. Bytes written. */
size_t html_json(FILE *out, const char *text);
/* A duration for people and machines: <time datetime="PT42S">42s</time>. */
void html_age(FILE *out, __u64 ns, bool at_least);

/* The page. */
void html_verdict(const struct page *);  /* html_verdict.c: the answer in a sentence, key numbers */
void html_findings(const struct page *); /* html_verdict.c: evidence, advice, where in the source */
void html_chart(const struct page *);    /* html_chart.c: slots over time, by script */
void html_scripts(const struct page *);  /* html_tables.c */
void html_servers(const struct page *);  /* html_tables.c: limits, orphan slots, remote clients */
void html_lanes(const struct page *);    /* html_lanes.c: a lane per process */
void html_connections(const struct page *); /* html_connections.c: every connection */

/* html_lanes.c: the shapes that lanes and tables use, one symbol per ending. */
void html_symbols(const struct page *);
/* Which symbol and CSS class: "open", "closed", … and "held". */
const char *html_ending(const struct connection_row *row);

/* html_axis.c: a time axis of the whole span: grid lines and labels, x in percent. */
void html_grid(const struct page *);
void html_time_labels(const struct page *);
double html_percent(const struct page *, __u64 since_start);

/* html_assets.c: report.css and report.js as they are, and their hashes for the CSP. */
extern const char report_css[], report_js[];
extern const char *const report_css_hash, *const report_js_hash;

/* Watched long enough to draw time. */
bool html_has_span(const struct page *);

#endif
