/* SPDX-License-Identifier: BSD-2-Clause */
/* page.c: see page.h. */
#include <stdio.h>

#include "base/mem.h"
#include "page.h"
#include "self.h"
#include "view/openmetrics.h"

char *page_metrics(const struct loop *l, enum exposition exposition, size_t *length)
{
	const struct query query = {.older = l->options->query.older,
		.max_connections = l->options->query.max_connections};
	struct self self;
	struct snapshot *snapshot = model_snapshot(l->model, &query);
	struct findings *findings = findings_of(snapshot, &l->options->rules);
	char *text = NULL;
	FILE *out = xmemstream(&text, length);

	self_read(&self, l->stream);
	openmetrics_write(out, snapshot, findings, &self, exposition);
	xmemstream_close(out, &text);
	findings_free(findings);
	snapshot_free(snapshot);
	return text;
}
