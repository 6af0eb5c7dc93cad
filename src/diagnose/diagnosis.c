/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * diagnosis.c: what held before. A finding is known by its rule and subject; one that comes back
 * is raised again and leaves the list of what was taken back.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/mem.h"
#include "diagnose/diagnose.h"

#define RESOLVED_MOST 1000 /* of a watch for days; the oldest go first */

struct known {
	char *name;           /* "rule subject" */
	struct resolution as; /* resolved_at 0: it holds */
	__u64 seen;           /* number of the feed that last found it */
	UT_hash_handle hh;
};

struct diagnosis {
	struct known *known;
	__u64 feeds;
	size_t resolved_count;
};

struct diagnosis *diagnosis_new(void)
{
	return xcalloc(1, sizeof(struct diagnosis));
}

static void known_free(struct diagnosis *d, struct known *k)
{
	HASH_DEL(d->known, k);
	free(k->as.subject);
	free(k->name);
	free(k);
}

void diagnosis_free(struct diagnosis *d)
{
	struct known *k, *next;

	if (!d)
		return;
	HASH_ITER (hh, d->known, k, next)
		known_free(d, k);
	free(d);
}

static struct known *known_get(struct diagnosis *d, const struct finding *f, bool *is_new)
{
	char *name = xasprintf("%s %s", rule_rows[f->rule].id, finding_subject(f));
	struct known *k;

	HASH_FIND_STR(d->known, name, k);
	*is_new = !k;
	if (k) {
		free(name);
		return k;
	}
	k = xcalloc(1, sizeof(*k));
	k->name = name;
	k->as.rule = f->rule;
	k->as.subject = xstrdup(finding_subject(f));
	HASH_ADD_KEYPTR(hh, d->known, k->name, strlen(k->name), k);
	return k;
}

static void note_finding(struct diagnosis *d, const struct snapshot *s, const struct finding *f,
	transition_fn *tell, void *context)
{
	struct transition transition = {.raised = true, .time = s->now, .finding = f};
	bool is_raised;
	struct known *k = known_get(d, f, &is_raised);

	if (k->as.resolved_at) {
		d->resolved_count--;
		is_raised = true;
	}
	if (is_raised)
		k->as.raised_at = s->now;
	k->as.resolved_at = 0;
	k->as.severity = f->severity;
	snprintf(k->as.sentence, sizeof(k->as.sentence), "%s", f->sentence);
	k->seen = d->feeds;
	if (is_raised && tell)
		tell(context, &transition);
}

static void forget_oldest(struct diagnosis *d)
{
	struct known *k, *next, *oldest = NULL;

	HASH_ITER (hh, d->known, k, next)
		if (k->as.resolved_at && (!oldest || k->as.resolved_at < oldest->as.resolved_at))
			oldest = k;
	if (oldest) {
		known_free(d, oldest);
		d->resolved_count--;
	}
}

static void take_back(
	struct diagnosis *d, const struct snapshot *s, transition_fn *tell, void *context)
{
	struct known *k, *next;

	HASH_ITER (hh, d->known, k, next) {
		struct transition transition = {.time = s->now, .resolution = &k->as};

		if (k->as.resolved_at || k->seen == d->feeds)
			continue;
		k->as.resolved_at = s->now;
		d->resolved_count++;
		if (tell)
			tell(context, &transition);
	}
	while (d->resolved_count > RESOLVED_MOST)
		forget_oldest(d);
}

static int by_time(const void *a, const void *b)
{
	const struct resolution *x = a, *y = b;

	if (x->resolved_at != y->resolved_at)
		return x->resolved_at < y->resolved_at ? -1 : 1;
	return x->rule != y->rule ? (x->rule < y->rule ? -1 : 1) : strcmp(x->subject, y->subject);
}

static void list_resolved(const struct diagnosis *d, struct findings *findings)
{
	struct known *k, *next;

	findings->resolved = xcalloc(d->resolved_count + 1, sizeof(*findings->resolved));
	findings->resolved_count = 0;
	HASH_ITER (hh, d->known, k, next) {
		if (!k->as.resolved_at)
			continue;
		findings->resolved[findings->resolved_count] = k->as;
		findings->resolved[findings->resolved_count++].subject = xstrdup(k->as.subject);
	}
	qsort(findings->resolved, findings->resolved_count, sizeof(*findings->resolved), by_time);
}

void diagnosis_feed(struct diagnosis *d, const struct snapshot *s, struct findings *findings,
	transition_fn *tell, void *context)
{
	d->feeds++;
	for (size_t i = 0; i < findings->count; i++)
		note_finding(d, s, &findings->rows[i], tell, context);
	take_back(d, s, tell, context);
	list_resolved(d, findings);
}
