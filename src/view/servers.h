/* SPDX-License-Identifier: BSD-2-Clause */
/* servers.h: the servers on this host, in sentences: the head of every report. */
#ifndef VIEW_SERVERS_H
#define VIEW_SERVERS_H

#include <pgleaktrace/view.h>

/* One line per server whose slots are known, and what is odd about them below. */
void servers_print(const struct view_context *context, const struct snapshot *snapshot);

/* "+14/min, full in ~13s": how the slots taken change, and when none is left; "" if they do not. */
void servers_trend_text(char *out, size_t size, const struct instance_row *instance);

#endif
