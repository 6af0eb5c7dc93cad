/* SPDX-License-Identifier: BSD-2-Clause */
/* advice.c: what to change: the rule's advice with the library's own words and the number there is
 * room for. */
#include <stdlib.h>
#include <string.h>

#include "base/library.h"
#include "base/mem.h"
#include "diagnose/diagnose.h"

/* What there is room for, but no more than one pool has as it is, or a usual one where there is none:
 * a leak is no reason for a larger. */
static __u64 room_for(const struct finding *f, const struct library_row *l)
{
	__u64 asked = pool_configured(l, f->client->library_config);
	__u64 pool = asked ? asked : l->pool ? l->pool : POOL_USUAL;

	return pool < f->budget.limit ? pool : f->budget.limit;
}

/* "new Pool({ max: N })" with the number, where it is known. */
static char *limit_text(const struct finding *f, const struct library_row *l)
{
	const struct budget *b = &f->budget;
	const char *at = l->limit;

	while ((at = strchr(at, 'N')) && (at[1] && strchr("abcdefghijklmnopqrstuvwxyz", at[1])))
		at++;
	if (!at || !b->known || !b->limit)
		return xstrdup(l->limit);
	return xasprintf("%.*s%llu%s", (int)(at - l->limit), l->limit,
		(unsigned long long)room_for(f, l), at + 1);
}

static const struct evidence *evidence_find(const struct finding *f, const char *name)
{
	for (size_t i = 0; i < f->evidence_count; i++)
		if (!strcmp(f->evidence[i].name, name))
			return &f->evidence[i];
	return NULL;
}

static char *smaller_pool(const char *limit)
{
	return xasprintf("make the pool smaller: %s; or run fewer processes at once, or put a "
			 "pooler (pgbouncer, transaction mode) in between",
		limit);
}

static char *library_advice(const struct finding *f, const struct library_row *l)
{
	char *limit = limit_text(f, l), *out = NULL;

	switch (f->rule) {
	case RULE_ABANDONED:
		out = xasprintf("close the client before the process ends: %s", l->close);
		break;
	case RULE_IDLE_HOARD:
		if (evidence_find(f, "workers")) {
			out = smaller_pool(limit);
			break;
		}
		out = xasprintf(
			"close clients when the work is done: %s; or share one small pool: %s",
			l->close, limit);
		break;
	case RULE_GROWING:
		out = xasprintf("create the client once, outside the loop or request handler; %s",
			l->close);
		break;
	case RULE_FAN_OUT: out = smaller_pool(limit); break;
	case RULE_LEFT_OPEN: out = xasprintf("%s: %s", rule_rows[f->rule].advice, l->close); break;
	default: break;
	}
	free(limit);
	return out;
}

static char *plain_advice(const char *advice, const struct budget *b)
{
	if (!b->known)
		return xstrdup(advice);
	if (!b->limit)
		return xasprintf("%s: at most %llu process%s at once", advice,
			(unsigned long long)b->slots, b->slots == 1 ? "" : "es");
	return xasprintf("%s: at most %llu connection%s per process", advice,
		(unsigned long long)b->limit, b->limit == 1 ? "" : "s");
}

static __u64 evidence_of(const struct finding *f, const char *name)
{
	const struct evidence *evidence = evidence_find(f, name);

	return evidence ? evidence->number : 0;
}

/* Code can close in a handler of SIGTERM; no code helps against SIGKILL. */
static bool was_killed(const struct finding *f)
{
	return f->rule == RULE_ABANDONED && evidence_of(f, "killed") >= evidence_of(f, "abandoned");
}

char *advice_of(const struct finding *f)
{
	const struct library_row *l = f->client ? library_find(f->client->library) : NULL;
	char *advice;

	if (was_killed(f))
		return xstrdup("ask who ends it and how: SIGTERM can be handled, and the client "
			       "closed there; SIGKILL can't (out of memory? a time limit?)");
	if (f->rule == RULE_RELAY && evidence_find(f, "clients"))
		return xstrdup("nothing: its own port is watched too, and who is behind it is "
			       "named here");
	advice = l ? library_advice(f, l) : NULL;
	if (advice)
		return advice;
	/* A server's workers are too many, not careless. */
	return plain_advice(
		rule_rows[evidence_find(f, "workers") ? RULE_FAN_OUT : f->rule].advice, &f->budget);
}
