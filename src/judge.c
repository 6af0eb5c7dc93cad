/* SPDX-License-Identifier: BSD-2-Clause */
/* judge.c: after each look, what holds now that did not before, and the reverse; and at the end. */
#include "loop.h"

static void tell_transition(void *context, const struct transition *transition)
{
	const struct loop *l = context;

	l->options->view->transition(l->context, l->model, transition);
}

/* Judged by all that is there: a finding does not come and go with the rows shown. */
static struct findings *judge(struct loop *l, bool tells)
{
	struct query query = l->options->query;
	struct snapshot *snapshot;
	struct findings *findings;

	query.rows = 0;
	snapshot = model_snapshot(l->model, &query);
	findings = findings_of(snapshot, &l->options->rules);
	diagnosis_feed(l->diagnosis, snapshot, findings, tells ? tell_transition : NULL, l);
	/* From here on only what was taken back is used, which owes the snapshot nothing. */
	snapshot_free(snapshot);
	return findings;
}

void loop_judge(struct loop *l, bool shows)
{
	bool tells = shows && l->options->view->transition;

	if (tells || !l->options->once) /* the only look is judged by its report */
		findings_free(judge(l, tells));
}

void loop_take_resolved(struct loop *l, const struct snapshot *shown, struct findings *to)
{
	struct findings *all;

	if (!shown->groups_hidden) {
		diagnosis_feed(l->diagnosis, shown, to, NULL, l);
		return;
	}
	all = judge(l, false);
	to->resolved = all->resolved;
	to->resolved_count = all->resolved_count;
	all->resolved = NULL;
	all->resolved_count = 0;
	findings_free(all);
}
