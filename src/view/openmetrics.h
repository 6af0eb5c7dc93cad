/* SPDX-License-Identifier: BSD-2-Clause */
/* openmetrics.h: the metrics page, for the view that writes it once and for /metrics. */
#ifndef VIEW_OPENMETRICS_H
#define VIEW_OPENMETRICS_H

#include <pgleaktrace/view.h>

#include "view/exposition.h"

/* How full one of the kernel's maps is. */
struct fill {
	const char *name;
	__u64 used, most;
};
#define FILLS_MOST 4

/* What the program itself costs, and when it is asked. */
struct self {
	__u64 booted;   /* ns since 1970, as the wall clock is set now; 0: of a recording */
	__u64 cpu;      /* ns */
	__u64 resident; /* bytes */
	struct fill fills[FILLS_MOST];
	size_t fill_count;
};

/* Needs a snapshot grouped by script. `self` NULL: the program's own cost is left out. */
void openmetrics_write(FILE *out, const struct snapshot *snapshot, const struct findings *findings,
	const struct self *self, enum exposition exposition);

#endif
