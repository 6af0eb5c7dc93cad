/* SPDX-License-Identifier: BSD-2-Clause */
/* blame.c: which connections and processes a finding is about, for who wants to end them. */
#include "diagnose/diagnose.h"

static bool is_idle(const struct snapshot *s, const struct finding *f, const struct process_row *p,
	const struct connection_row *c)
{
	(void)f;
	(void)p;
	return c->idle > s->older;
}

static bool is_growers(const struct snapshot *s, const struct finding *f,
	const struct process_row *p, const struct connection_row *c)
{
	(void)c;
	return process_is_growing(s, p, f->threshold);
}

static bool is_inherited(const struct snapshot *s, const struct finding *f,
	const struct process_row *p, const struct connection_row *c)
{
	(void)s;
	(void)f;
	return connection_heir(p, c);
}

static bool is_any(const struct snapshot *s, const struct finding *f, const struct process_row *p,
	const struct connection_row *c)
{
	(void)s;
	(void)f;
	(void)p;
	(void)c;
	return true;
}

static bool (*const blamed[RULES])(const struct snapshot *, const struct finding *,
	const struct process_row *, const struct connection_row *) = {
	[RULE_IDLE_HOARD] = is_idle,
	[RULE_GROWING] = is_growers,
	[RULE_FAN_OUT] = is_any,
	[RULE_INHERITED] = is_inherited,
	[RULE_LEFT_OPEN] = is_any,
};

bool finding_blames(const struct snapshot *s, const struct finding *f, const struct process_row *p,
	const struct connection_row *c)
{
	if (!rule_rows[f->rule].ended_by_kill || !blamed[f->rule] || c->ended_at || !f->group ||
		group_role(s, f->group) == ROLE_RELAY)
		return false;
	return blamed[f->rule](s, f, p, c);
}

/* The opener of what another has now has nothing to end. */
bool finding_blames_process(
	const struct snapshot *s, const struct finding *f, const struct process_row *p)
{
	if (p->gone || f->rule == RULE_INHERITED)
		return false;
	for (size_t i = 0; i < p->connection_count; i++)
		if (finding_blames(s, f, p, &p->connections[i]))
			return true;
	return false;
}
