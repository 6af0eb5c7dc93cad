/* SPDX-License-Identifier: BSD-2-Clause */
/* text_rows.h: a process and its connections, for people. */
#ifndef VIEW_TEXT_ROWS_H
#define VIEW_TEXT_ROWS_H

#include <pgleaktrace/view.h>

/* Its pid and command line, then a line or two for each of its connections. */
void text_process(const struct view_context *context, const struct process_row *process);
/* The one and the other. */
void text_process_name(const struct view_context *context, const struct process_row *process);
void text_connections(const struct view_context *context, const struct process_row *process);

#endif
