/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * rules.c: the rule table. A predicate looks at one group of a snapshot and, if it holds, writes
 * the numbers that prove it; what to do is the row's advice.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <pgleaktrace/finding.h>

#include "base/mem.h"
#include "base/text.h"

/* One process with a pool within its usual size (node-postgres, asyncpg, HikariCP: 10) that sits
 * idle is no hoard; several with two or more idle are worth a look. */
#define HOARD_LEAST 2
#define POOL_USUAL  10

static void prove(struct finding *f, const char *name, __u64 number, bool is_age)
{
	if (f->evidence_count < EVIDENCE_MOST)
		f->evidence[f->evidence_count++] = (struct evidence){name, number, is_age};
}

static bool abandoned_holds(const struct snapshot *s, const struct group_row *g, struct finding *f)
{
	const struct counts *c = &g->counts;

	(void)s;
	if (!c->abandoned)
		return false;
	prove(f, "abandoned", c->abandoned, false);
	prove(f, "connections", c->opened + c->adopted, false);
	snprintf(f->sentence, sizeof(f->sentence),
		"%llu of %llu connections were never closed: the process exited",
		(unsigned long long)c->abandoned, (unsigned long long)(c->opened + c->adopted));
	return true;
}

static bool idle_hoard_holds(const struct snapshot *s, const struct group_row *g, struct finding *f)
{
	const struct counts *c = &g->counts;
	char older[24], oldest[24];

	if (c->idle < HOARD_LEAST || (g->process_count < 2 && c->open <= POOL_USUAL))
		return false;
	text_age(older, sizeof(older), s->older);
	text_age(oldest, sizeof(oldest), c->oldest);
	prove(f, "processes", g->process_count, false);
	prove(f, "open", c->open, false);
	prove(f, "idle", c->idle, false);
	prove(f, "older", s->older, true);
	prove(f, "oldest", c->oldest, true);
	snprintf(f->sentence, sizeof(f->sentence),
		"%zu process%s %llu connections, %llu idle for over %s, oldest %s%s",
		g->process_count, g->process_count > 1 ? "es hold" : " holds",
		(unsigned long long)c->open, (unsigned long long)c->idle, older,
		c->oldest_at_least ? "at least " : "", oldest);
	return true;
}

static bool fd_leak_holds(const struct snapshot *s, const struct group_row *g, struct finding *f)
{
	(void)s;
	if (!g->counts.fd_leak)
		return false;
	prove(f, "fd_leak", g->counts.fd_leak, false);
	snprintf(f->sentence, sizeof(f->sentence),
		"%llu descriptor%s still open, of connections that the server has ended",
		(unsigned long long)g->counts.fd_leak, g->counts.fd_leak > 1 ? "s are" : " is");
	return true;
}

/* Under a command: its grace is over, and something that it started keeps connections. */
static bool left_open_holds(const struct snapshot *s, const struct group_row *g, struct finding *f)
{
	char grace[24];

	if (!s->command || !s->command->ended || !g->counts.open)
		return false;
	text_age(grace, sizeof(grace), s->command->grace);
	prove(f, "open", g->counts.open, false);
	prove(f, "grace", s->command->grace, true);
	snprintf(f->sentence, sizeof(f->sentence),
		"%llu connection%s still open %s after the command ended",
		(unsigned long long)g->counts.open, g->counts.open > 1 ? "s are" : " is", grace);
	return true;
}

const struct rule_row rule_rows[RULES] = {
	[RULE_ABANDONED] = {"abandoned", SEVERITY_LEAK,
		"close the client before the process ends: a finally block with end(), close() or "
		"$disconnect()",
		abandoned_holds},
	[RULE_IDLE_HOARD] = {"idle-hoard", SEVERITY_WARNING,
		"close clients when the work is done, or share one small pool: processes x pool "
		"size must stay below max_connections",
		idle_hoard_holds},
	[RULE_FD_LEAK] = {"fd-leak", SEVERITY_WARNING,
		"these cost a descriptor, not a slot: handle the client's error event and close it",
		fd_leak_holds},
	[RULE_LEFT_OPEN] = {"left-open", SEVERITY_LEAK,
		"wait for the processes that the command starts, or end them with it",
		left_open_holds},
};

static void try_rule(
	struct findings *out, const struct snapshot *s, const struct group_row *g, enum rule rule)
{
	struct finding *f = &out->rows[out->count];

	memset(f, 0, sizeof(*f));
	if (!rule_rows[rule].holds(s, g, f))
		return;
	f->rule = rule;
	f->severity = rule_rows[rule].severity;
	f->group = g;
	f->advice = xstrdup(rule_rows[rule].advice);
	out->count++;
}

struct findings *findings_of(const struct snapshot *snapshot, const struct rule_settings *settings)
{
	struct findings *out = xcalloc(1, sizeof(*out));

	out->rows = xcalloc(snapshot->group_count * RULES + 1, sizeof(*out->rows));
	for (size_t g = 0; g < snapshot->group_count; g++)
		for (int rule = 0; rule < RULES; rule++)
			if (!settings->off[rule])
				try_rule(out, snapshot, &snapshot->groups[g], (enum rule)rule);
	return out;
}

void findings_free(struct findings *findings)
{
	if (!findings)
		return;
	for (size_t i = 0; i < findings->count; i++)
		free(findings->rows[i].advice);
	free(findings->rows);
	free(findings);
}

const char *severity_name(enum severity severity)
{
	static const char *const names[] = {"note", "warning", "leak"};

	_Static_assert(sizeof(names) / sizeof(names[0]) == SEVERITIES, "a name each");
	return names[severity];
}
