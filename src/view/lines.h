/* SPDX-License-Identifier: BSD-2-Clause */
/* lines.h: one aligned line per event, for text_view and json's kin to share the table of views. */
#ifndef VIEW_LINES_H
#define VIEW_LINES_H

#include <pgleaktrace/view.h>

void lines_event(const struct view_context *, const struct model *, const union event *);

void lines_transition(const struct view_context *, const struct model *, const struct transition *);

extern const struct view text_view, lines_view, json_view, ndjson_view, openmetrics_view, html_view,
	trace_view;

#endif
