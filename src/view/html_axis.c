/* SPDX-License-Identifier: BSD-2-Clause */
/* html_axis.c: the time axis that the chart and every lane share. */
#include "base/ns.h"
#include "base/text.h"
#include "view/html.h"
#include "view/timeline.h"

#define STEPS 8

static __u64 span_of(const struct page *p)
{
	return p->snapshot->now > p->snapshot->started ? p->snapshot->now - p->snapshot->started
						       : 1;
}

bool html_has_span(const struct page *p)
{
	return !p->context->once && span_of(p) >= 100 * MILLISECOND;
}

double html_percent(const struct page *p, __u64 since_start)
{
	return 100.0 * (double)since_start / (double)span_of(p);
}

void html_grid(const struct page *p)
{
	__u64 span = span_of(p), step = timeline_step(span, STEPS);

	for (__u64 at = step; at < span; at += step)
		fprintf(p->out,
			"<line class=\"grid\" x1=\"%.2f%%\" x2=\"%.2f%%\" y1=\"0\" y2=\"100%%\"/>",
			html_percent(p, at), html_percent(p, at));
}

/* "+30s": since the start. The last label is left out where it would run into the edge. */
void html_time_labels(const struct page *p)
{
	__u64 span = span_of(p), step = timeline_step(span, STEPS);

	fputs("<svg class=\"times\" aria-hidden=\"true\"><text x=\"0\" y=\"12\">start</text>",
		p->out);
	for (__u64 at = step, i = 1; at < span; at += step, i++) {
		char age[24];

		text_age(age, sizeof(age), at);
		if (html_percent(p, at) < 94)
			fprintf(p->out, "<text x=\"%.2f%%\" y=\"12\" class=\"%s\">+%s</text>",
				html_percent(p, at), i % 2 ? "mid odd" : "mid", age);
	}
	fputs("</svg>", p->out);
}
