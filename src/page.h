/* SPDX-License-Identifier: BSD-2-Clause */
/* page.h: the metrics page made from what is believed now. */
#ifndef PAGE_H
#define PAGE_H

#include "loop.h"
#include "view/exposition.h"

/* Memory of malloc(), the caller's; NULL without memory. */
char *page_metrics(const struct loop *loop, enum exposition exposition, size_t *length);

#endif
