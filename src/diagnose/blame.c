/* SPDX-License-Identifier: BSD-2-Clause */
/* blame.c: which connections and processes a finding is about, for who wants to end them. */
#include <string.h>

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

/* How much a process has of what the rule counts. */
static __u64 share_of(enum rule rule, const struct counts *c)
{
	switch (rule) {
	case RULE_ABANDONED: return c->abandoned;
	case RULE_IDLE_HOARD: return c->idle;
	case RULE_CHURN: return c->closed;
	case RULE_FD_LEAK: return c->fd_leak;
	case RULE_VICTIM: return c->refused;
	default: return c->open;
	}
}

static const struct process_row *worst_of(const struct finding *f)
{
	const struct process_row *worst = NULL;

	for (size_t i = 0; i < f->group->process_count; i++) {
		const struct process_row *p = &f->group->processes[i];

		if (!worst || share_of(f->rule, &p->counts) > share_of(f->rule, &worst->counts))
			worst = p;
	}
	return worst;
}

const struct event_process *finding_client(const struct finding *f)
{
	const struct process_row *worst = f->group ? worst_of(f) : NULL, *p;

	if (!worst)
		return NULL;
	if (worst->identity && library_find(worst->identity->library))
		return worst->identity;
	for (size_t i = 0; i < f->group->process_count && worst->script; i++) {
		p = &f->group->processes[i];
		if (p->identity && p->script && !strcmp(p->script, worst->script) &&
			library_find(p->identity->library))
			return p->identity;
	}
	return NULL;
}
