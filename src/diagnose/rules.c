/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * rules.c: the rule table. A predicate looks at one group of a snapshot and, if it holds, writes
 * the numbers that prove it; what to do is the row's advice.
 */
#include <stdio.h>
#include <stdlib.h>

#include <pgleaktrace/finding.h>

#include "base/mem.h"
#include "base/text.h"

/* One process with a pool within its usual size (node-postgres, asyncpg, HikariCP: 10) that sits
 * idle is no hoard; several with two or more idle are worth a look. */
#define HOARD_LEAST 2
#define POOL_USUAL  10

static bool abandoned_holds(
	const struct group_row *g, const struct snapshot *s, char *evidence, size_t size)
{
	const struct counts *c = &g->counts;

	(void)s;
	if (!c->abandoned)
		return false;
	snprintf(evidence, size, "%llu of %llu connections were never closed: the process exited",
		(unsigned long long)c->abandoned, (unsigned long long)(c->opened + c->adopted));
	return true;
}

static bool idle_hoard_holds(
	const struct group_row *g, const struct snapshot *s, char *evidence, size_t size)
{
	const struct counts *c = &g->counts;
	char older[24], oldest[24];

	if (c->idle < HOARD_LEAST || (g->process_count < 2 && c->open <= POOL_USUAL))
		return false;
	text_age(older, sizeof(older), s->older);
	text_age(oldest, sizeof(oldest), c->oldest);
	snprintf(evidence, size,
		"%zu process%s %llu connections, %llu idle for over %s, oldest %s%s",
		g->process_count, g->process_count > 1 ? "es hold" : " holds",
		(unsigned long long)c->open, (unsigned long long)c->idle, older,
		c->oldest_at_least ? "at least " : "", oldest);
	return true;
}

static bool fd_leak_holds(
	const struct group_row *g, const struct snapshot *s, char *evidence, size_t size)
{
	(void)s;
	if (!g->counts.fd_leak)
		return false;
	snprintf(evidence, size,
		"%llu descriptor%s still open, of connections that the server has ended",
		(unsigned long long)g->counts.fd_leak, g->counts.fd_leak > 1 ? "s are" : " is");
	return true;
}

const struct rule_row rule_rows[RULES] = {
	[RULE_ABANDONED] = {"abandoned", "leak",
		"close the client before the process ends: a finally block with end(), close() or "
		"$disconnect()",
		abandoned_holds},
	[RULE_IDLE_HOARD] = {"idle-hoard", "warning",
		"close clients when the work is done, or share one small pool: processes x pool "
		"size "
		"must stay below max_connections",
		idle_hoard_holds},
	[RULE_FD_LEAK] = {"fd-leak", "warning",
		"these cost a descriptor, not a slot: handle the client's error event and close it",
		fd_leak_holds},
};

size_t findings_of(const struct snapshot *snapshot, struct finding **out)
{
	size_t count = 0;

	*out = xcalloc(snapshot->group_count * RULES + 1, sizeof(**out));
	for (size_t g = 0; g < snapshot->group_count; g++) {
		for (int rule = 0; rule < RULES; rule++) {
			struct finding *f = &(*out)[count];

			if (!rule_rows[rule].holds(&snapshot->groups[g], snapshot, f->evidence,
				    sizeof(f->evidence)))
				continue;
			f->rule = (enum rule)rule;
			f->group = &snapshot->groups[g];
			count++;
		}
	}
	return count;
}
