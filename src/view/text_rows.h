/* SPDX-License-Identifier: BSD-2-Clause */
/* text_rows.h: a process and its connections, for people. */
#ifndef VIEW_TEXT_ROWS_H
#define VIEW_TEXT_ROWS_H

#include <pgleaktrace/view.h>

/* Its pid, command line, user, folder and parents, then a line or two for each of its connections. */
void text_process(const struct view_context *context, const struct process_row *process);

#endif
