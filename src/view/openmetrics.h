/* SPDX-License-Identifier: BSD-2-Clause */
/* openmetrics.h: the metrics page, for the view that writes it once and for /metrics. */
#ifndef VIEW_OPENMETRICS_H
#define VIEW_OPENMETRICS_H

#include <pgleaktrace/view.h>

#include "view/exposition.h"

/* Needs a snapshot grouped by script. `self` NULL: the program's own cost is left out. */
void openmetrics_write(FILE *out, const struct snapshot *snapshot, const struct findings *findings,
	const struct self *self, enum exposition exposition);

#endif
