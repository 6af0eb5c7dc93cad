/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * rules.c: the rule table. A predicate looks at one group (or server) of a snapshot and, if it
 * holds, writes the numbers that prove it; what to do is the row's advice.
 */
#include <stdlib.h>
#include <string.h>

#include "base/library.h"
#include "base/mem.h"
#include "diagnose/diagnose.h"

/* What budget_prove() adds where max_connections is known. */
#define BUDGET                                                                                     \
	"max_connections reserved others process_peak concurrent safe_processes "                  \
	"recommended_limit"

const struct rule_row rule_rows[RULES] = {
	[RULE_ABANDONED] = {.id = "abandoned",
		.severity = SEVERITY_LEAK,
		.threshold = 1,
		.unit = "connections never closed",
		.what = "The process exited or was killed with connections open, so the kernel "
			"closed them. The server learns of it without a goodbye; inside a query "
			"it keeps the slot until the query ends. A pooler that is stopped is not "
			"named.",
		.taken_back = "never: what was left behind stays counted",
		.advice = "close the client before the process ends, in a finally block, also on "
			  "errors and before process.exit() or os._exit()",
		.evidence = "abandoned connections killed",
		.holds = abandoned_holds},
	[RULE_IDLE_HOARD] = {.id = "idle-hoard",
		.severity = SEVERITY_WARNING,
		.threshold = 10,
		.unit = "idle connections that the processes of one script may have together",
		.what = "Connections that nobody uses take slots that others need. One process "
			"whose pool idles within its size is healthy and never named; one that "
			"idles on more than a pool, or many that idle together, are. A leak, not a "
			"warning, where they are a quarter of the server's slots or more. The "
			"workers of one server (gunicorn's, php-fpm's, a node cluster's), each "
			"with its pool, and a single process whose pool is as large as nobody can "
			"read (HikariCP's, Go's) are named from there on only, and never called a "
			"leak; so are scripts of one name in several folders, none of which is a "
			"hoard.",
		.taken_back = "when they are closed or used again",
		.advice = "close clients when the work is done, or share one small pool per "
			  "process",
		.evidence = "processes workers folders open idle older oldest " BUDGET,
		.ended_by_kill = true,
		.holds = idle_hoard_holds},
	[RULE_GROWING] = {.id = "growing",
		.severity = SEVERITY_LEAK,
		.threshold = 5,
		.unit = "more open connections, over three quarters of the time seen",
		.what = "One process opens connection after connection and does not close them: "
			"each quarter of the time seen ends with more open than the one before, "
			"beyond any pool, and most have not been used since.",
		.taken_back = "when the number of open connections no longer rises",
		.advice = "create the client once, outside the loop or request handler, and close "
			  "what is created per use",
		.evidence = "pid open rise window per_minute unused " BUDGET,
		.ended_by_kill = true,
		.holds = growing_holds},
	[RULE_FAN_OUT] = {.id = "fan-out",
		.severity = SEVERITY_WARNING,
		.threshold = 0,
		.unit = "slots there is room for (default: max_connections - reserved - others)",
		.what = "No single process holds too many: there are too many processes. The "
			"product of processes and connections each is more than the server has "
			"left. Not a leak but multiplication.",
		.taken_back = "when fewer processes hold connections",
		.advice = "make the pool smaller, run fewer processes at once, or put a pooler "
			  "(pgbouncer, transaction mode) in between",
		.evidence = BUDGET " processes product slots",
		.ended_by_kill = true,
		.holds = fan_out_holds},
	[RULE_ORPHAN_SLOT] = {.id = "orphan-slot",
		.severity = SEVERITY_LEAK,
		.about_server = true,
		.threshold = 1,
		.unit = "slots without a client",
		.what = "The client is gone, its backend is not: inside a query PostgreSQL does "
			"not look whether anybody still listens. The slot is taken until the "
			"query ends.",
		.taken_back = "when the backend ends",
		.advice = "set client_connection_check_interval = '10s' (PostgreSQL 14 or newer) "
			  "so that a backend notices; end one by hand with "
			  "pg_terminate_backend()",
		.evidence = "orphan_slots backend_pid oldest client_pid",
		.holds = orphan_slot_holds},
	[RULE_INHERITED] = {.id = "inherited",
		.severity = SEVERITY_WARNING,
		.threshold = 1,
		.unit = "connections held by who did not open them",
		.what = "A connection went through fork, exec or a passed descriptor to a process "
			"that did not open it, and the opener no longer has it. Nobody there knows "
			"that it must be closed.",
		.taken_back = "when its holder closes it",
		.advice = "connect after fork, not before; keep descriptors close-on-exec; "
			  "dispose of the pool in the child (SQLAlchemy: "
			  "engine.dispose(close=False))",
		.evidence = "inherited opener_pid holder_pid",
		.ended_by_kill = true,
		.holds = inherited_holds},
	[RULE_CHURN] = {.id = "churn",
		.severity = SEVERITY_NOTE,
		.threshold = 300,
		.unit = "short connections of one process a minute",
		.what = "A connection per query: every one costs the server a fork and a login. "
			"It leaks nothing, but it is slow and comes in bursts. Cancel requests "
			"are not counted.",
		.taken_back = "when it no longer opens connection after connection",
		.advice = "keep one connection or a small pool for the life of the process",
		.evidence = "pid connections window opened",
		.holds = churn_holds},
	[RULE_FD_LEAK] = {.id = "fd-leak",
		.severity = SEVERITY_WARNING,
		.threshold = 1,
		.unit = "descriptors",
		.what = "The server ended the connection and the client has not closed its end. "
			"This costs a descriptor, not a slot.",
		.taken_back = "when the descriptor is closed",
		.advice = "these cost a descriptor, not a slot: handle the client's error event "
			  "and close it",
		.evidence = "fd_leak",
		.holds = fd_leak_holds},
	[RULE_VICTIM] = {.id = "victim",
		.severity = SEVERITY_NOTE,
		.threshold = 1,
		.unit = "refused connections",
		.what = "It was turned away because the slots were taken, by others. It is named "
			"so that it is not blamed.",
		.taken_back = "never: a refusal stays counted",
		.advice = "nothing is wrong with it: mend who holds the slots; let it wait and try "
			  "again",
		.evidence = "refused culprit_open culprit_idle culprit_peak",
		.holds = victim_holds},
	[RULE_RELAY] = {.id = "relay",
		.severity = SEVERITY_NOTE,
		.threshold = 1,
		.unit = "connections",
		.what = "A pooler or proxy holds connections on behalf of its own clients. Holding "
			"many is its work; who is behind it is seen on its own port.",
		.taken_back = "never: it stays one",
		.advice = "watch its port too (-P 5432,6432) to see who is behind it",
		.evidence = "open peak clients",
		.holds = relay_holds},
	[RULE_LEFT_OPEN] = {.id = "left-open",
		.severity = SEVERITY_LEAK,
		.threshold = 1,
		.unit = "connections open when the command's grace is over",
		.what = "Under a command (-- CMD): it has ended, its grace (--grace) is over, and "
			"something that it started keeps connections.",
		.taken_back = "when they are closed",
		.advice = "wait for the processes that the command starts, or end them with it",
		.evidence = "open grace",
		.ended_by_kill = true,
		.holds = left_open_holds},
};

enum rule rule_find(const char *id)
{
	int rule = 0;

	while (rule < RULES && strcmp(rule_rows[rule].id, id))
		rule++;
	return (enum rule)rule;
}

bool rule_is_about_code(enum rule rule)
{
	return rule != RULE_VICTIM && rule != RULE_RELAY && rule != RULE_ORPHAN_SLOT;
}

const struct event_process *group_client(const struct group_row *g)
{
	for (size_t i = 0; i < g->process_count; i++) {
		const struct event_process *e = g->processes[i].identity;

		if (e && library_find(e->library))
			return e;
	}
	return NULL;
}

static void try_rule(struct findings *out, struct look *look, enum rule rule,
	const struct rule_settings *settings)
{
	struct finding *f = &out->rows[out->count];
	const struct rule_row *row = &rule_rows[rule];

	if (settings->off[rule])
		return;
	memset(f, 0, sizeof(*f));
	f->rule = rule;
	f->severity = row->severity;
	f->group = look->group;
	f->instance = look->instance;
	f->client = finding_client(f);
	look->threshold = settings->threshold[rule] ? settings->threshold[rule] : row->threshold;
	f->threshold = look->threshold;
	if (!row->holds(look, f))
		return;
	f->advice = advice_of(f);
	out->count++;
}

static void try_rules(struct findings *out, struct look *look, const struct rule_settings *settings)
{
	for (int rule = 0; rule < RULES; rule++)
		if (rule_rows[rule].about_server == (look->instance != NULL))
			try_rule(out, look, (enum rule)rule, settings);
}

struct findings *findings_of(const struct snapshot *s, const struct rule_settings *settings)
{
	struct findings *out = xcalloc(1, sizeof(*out));
	size_t most = (s->group_count + s->instance_count) * RULES;

	out->rows = xcalloc(most + 1, sizeof(*out->rows));
	for (size_t g = 0; g < s->group_count; g++) {
		struct look look = {.snapshot = s, .group = &s->groups[g]};

		try_rules(out, &look, settings);
	}
	for (size_t i = 0; i < s->instance_count; i++) {
		struct look look = {.snapshot = s, .instance = &s->instances[i]};

		try_rules(out, &look, settings);
	}
	return out;
}

void findings_free(struct findings *findings)
{
	if (!findings)
		return;
	for (size_t i = 0; i < findings->count; i++)
		free(findings->rows[i].advice);
	for (size_t i = 0; i < findings->resolved_count; i++)
		free(findings->resolved[i].subject);
	free(findings->resolved);
	free(findings->rows);
	free(findings);
}

const char *severity_name(enum severity severity)
{
	static const char *const names[] = {"note", "warning", "leak"};

	_Static_assert(sizeof(names) / sizeof(names[0]) == SEVERITIES, "a name each");
	return names[severity];
}

const char *finding_subject(const struct finding *f)
{
	if (f->group)
		return f->group->name;
	return f->instance->data_directory ? f->instance->data_directory
	       : f->instance->program      ? f->instance->program
					   : "server";
}
