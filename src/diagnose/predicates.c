/* SPDX-License-Identifier: BSD-2-Clause */
/* predicates.c: the rules about how connections end, who holds them, and who is turned away. */
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include "base/ns.h"
#include "base/text.h"
#include "diagnose/diagnose.h"

#define CHURN_WINDOW (10 * SECOND)

typedef unsigned long long ull; /* for printf */

/* Of the abandoned ones, those whose process was killed: it had no chance to close them. */
static __u64 killed_of(const struct group_row *g)
{
	__u64 count = 0;

	for (size_t i = 0; i < g->process_count; i++)
		for (size_t k = 0; k < g->processes[i].connection_count; k++) {
			const struct connection_row *c = &g->processes[i].connections[k];

			count += c->ending == ENDING_ABANDONED && c->manner == MANNER_EXIT &&
				 WIFSIGNALED(c->exit_code);
		}
	return count;
}

bool abandoned_holds(const struct look *look, struct finding *f)
{
	const struct counts *c = &look->group->counts;
	__u64 killed = killed_of(look->group);
	char how[64] = "the process exited";

	/* A pooler that is stopped takes its connections along; its clients are told for themselves. */
	if (c->abandoned < look->threshold || group_role(look->snapshot, look->group) == ROLE_RELAY)
		return false;
	prove(f, "abandoned", c->abandoned, false);
	prove(f, "connections", c->opened + c->adopted, false);
	prove(f, "killed", killed, false);
	if (killed >= c->abandoned)
		snprintf(how, sizeof(how), "the process was killed");
	else if (killed)
		snprintf(how, sizeof(how), "the process exited, or was killed (%llu)", (ull)killed);
	snprintf(f->sentence, sizeof(f->sentence), "%llu of %llu connections %s never closed: %s",
		(ull)c->abandoned, (ull)(c->opened + c->adopted),
		c->abandoned == 1 ? "was" : "were", how);
	return true;
}

static const char *orphan_end(const struct orphan_row *o, char *out, size_t size)
{
	if (o->manner == MANNER_EXIT && WIFSIGNALED(o->exit_code))
		snprintf(out, size, "killed by signal %d", WTERMSIG(o->exit_code));
	else if (o->manner == MANNER_EXIT)
		snprintf(out, size, "exited with status %d", WEXITSTATUS(o->exit_code));
	else
		snprintf(out, size, "gone");
	return out;
}

/* Whose it was and how that ended; nothing if it was gone before anybody looked. */
static const char *orphan_client(const struct orphan_row *o, char *out, size_t size)
{
	char end[64], script[40];

	*out = 0;
	if (!o->script)
		return out;
	text_cut(script, sizeof(script), o->script, 34, true); /* no letter is cut in two */
	snprintf(out, size, " for its client (%s, pid %u), %.30s", script, o->client.pid,
		orphan_end(o, end, sizeof(end)));
	return out;
}

/* A backend needs a moment to notice; only one that stays is a lost slot. */
bool orphan_stays(const struct snapshot *s, const struct orphan_row *o)
{
	return !o->since || s->now - o->since >= SECOND;
}

bool orphan_slot_holds(const struct look *look, struct finding *f)
{
	const struct instance_row *in = look->instance;
	const struct orphan_row *first = NULL;
	char client[128], age[24];
	__u64 count = 0, oldest = 0;

	for (size_t i = 0; i < in->orphan_count; i++) {
		const struct orphan_row *o = &in->orphans[i];

		if (!orphan_stays(look->snapshot, o))
			continue;
		count++;
		if (!first || (o->since && o->since < first->since))
			first = o;
		if (o->since && look->snapshot->now - o->since > oldest)
			oldest = look->snapshot->now - o->since;
	}
	if (!first || count < look->threshold)
		return false;
	prove(f, "orphan_slots", count, false);
	prove(f, "backend_pid", first->backend_pid, false);
	if (oldest)
		prove(f, "oldest", oldest, true);
	if (first->client.pid)
		prove(f, "client_pid", first->client.pid, false);
	text_age(age, sizeof(age), oldest);
	snprintf(f->sentence, sizeof(f->sentence),
		"%llu slot%s taken for a client that is gone%s%s; backend %u still runs %.32s%s",
		(ull)count, count > 1 ? "s are" : " is", oldest ? ", for " : "", oldest ? age : "",
		first->backend_pid,
		first->activity && *first->activity ? first->activity : "a query",
		orphan_client(first, client, sizeof(client)));
	return true;
}

/* Somebody has it, and it is not the one who opened it: not that pid, or no longer that program. */
const struct holder_row *connection_heir(
	const struct process_row *p, const struct connection_row *c)
{
	if (c->ended_at || !c->holder_count)
		return NULL;
	for (size_t i = 0; i < c->holder_count && !p->gone; i++)
		if (c->holders[i].pid == p->key.pid)
			return NULL;
	return &c->holders[0];
}

bool inherited_holds(const struct look *look, struct finding *f)
{
	const struct process_row *opener = NULL;
	const struct holder_row *holder = NULL;
	__u64 count = 0;

	for (size_t i = 0; i < look->group->process_count; i++) {
		const struct process_row *p = &look->group->processes[i];

		for (size_t c = 0; c < p->connection_count; c++) {
			const struct holder_row *h = connection_heir(p, &p->connections[c]);

			if (!h)
				continue;
			count++;
			opener = opener ? opener : p;
			holder = holder ? holder : h;
		}
	}
	if (!count || count < look->threshold)
		return false;
	prove(f, "inherited", count, false);
	prove(f, "opener_pid", opener->key.pid, false);
	prove(f, "holder_pid", holder->pid, false);
	if (holder->pid == opener->key.pid)
		snprintf(f->sentence, sizeof(f->sentence),
			"%llu connection%s outlived exec: pid %u is another program now and has no "
			"use for %s",
			(ull)count, count > 1 ? "s" : "", holder->pid, count > 1 ? "them" : "it");
	else
		snprintf(f->sentence, sizeof(f->sentence),
			"%llu connection%s opened by pid %u%s %s held by pid %u, which did not "
			"open %s",
			(ull)count, count > 1 ? "s" : "", opener->key.pid,
			opener->gone ? " (gone)" : "", count > 1 ? "are" : "is", holder->pid,
			count > 1 ? "them" : "it");
	return true;
}

/* Short-lived connections that the process closed of late; a cancel request is none. */
static __u64 churned(const struct snapshot *s, const struct process_row *p)
{
	__u64 count = 0;

	for (size_t i = 0; i < p->connection_count; i++) {
		const struct connection_row *c = &p->connections[i];

		count += c->ended_at && c->ending == ENDING_CLOSED &&
			 c->purpose != PURPOSE_CANCEL && c->age < SECOND &&
			 s->now - c->ended_at < CHURN_WINDOW;
	}
	return count;
}

bool churn_holds(const struct look *look, struct finding *f)
{
	const struct process_row *worst = NULL;
	__u64 most = 0;

	if (group_role(look->snapshot, look->group) == ROLE_RELAY)
		return false;
	for (size_t i = 0; i < look->group->process_count; i++) {
		__u64 n = churned(look->snapshot, &look->group->processes[i]);

		if (n > most) {
			most = n;
			worst = &look->group->processes[i];
		}
	}
	if (!worst || most * 6 < look->threshold) /* six windows are a minute */
		return false;
	prove(f, "pid", worst->key.pid, false);
	prove(f, "connections", most, false);
	prove(f, "window", CHURN_WINDOW, true);
	prove(f, "opened", worst->counts.opened, false);
	snprintf(f->sentence, sizeof(f->sentence),
		"pid %u opened and closed %llu connections in the last 10 s, each for less than a "
		"second",
		worst->key.pid, (ull)most);
	return true;
}

/* An application notices the server's goodbye when it next looks: a second is soon enough. */
bool fd_leak_holds(const struct look *look, struct finding *f)
{
	const struct group_row *g = look->group;
	__u64 fresh = 0, stale;

	for (size_t i = 0; i < g->process_count; i++)
		for (size_t c = 0; c < g->processes[i].connection_count; c++) {
			const struct connection_row *row = &g->processes[i].connections[c];

			fresh += row->held && look->snapshot->now - row->ended_at < SECOND;
		}
	stale = g->counts.fd_leak > fresh ? g->counts.fd_leak - fresh : 0;
	if (!stale || stale < look->threshold)
		return false;
	prove(f, "fd_leak", stale, false);
	snprintf(f->sentence, sizeof(f->sentence),
		"%llu descriptor%s still open, of connections that the server has ended",
		(ull)stale, stale > 1 ? "s are" : " is");
	return true;
}

/* Refused because the server is full: the SQLSTATE says so, or nobody could read it and it may be. */
static __u64 refused_for_room(const struct look *look, bool *is_inferred)
{
	const struct group_row *g = look->group;
	__u64 other = 0;

	*is_inferred = false;
	for (size_t i = 0; i < g->process_count; i++)
		for (size_t c = 0; c < g->processes[i].connection_count; c++) {
			const struct connection_row *row = &g->processes[i].connections[c];

			if (row->ending != ENDING_REFUSED)
				continue;
			if (row->sqlstate && *row->sqlstate ? strcmp(row->sqlstate, "53300") != 0
							    : server_had_room(look->snapshot, row))
				other++;
			else
				*is_inferred = *is_inferred || row->refusal_inferred;
		}
	return g->counts.refused > other ? g->counts.refused - other : 0;
}

static bool holds_more(const struct counts *a, const struct counts *b)
{
	if (a->idle != b->idle)
		return a->idle > b->idle;
	return a->open != b->open ? a->open > b->open : a->peak > b->peak;
}

bool victim_holds(const struct look *look, struct finding *f)
{
	const struct snapshot *s = look->snapshot;
	const struct group_row *culprit = NULL;
	const struct counts *own = &look->group->counts;
	bool is_inferred;
	char name[104];
	__u64 refused = refused_for_room(look, &is_inferred);

	if (!refused || refused < look->threshold)
		return false;
	for (size_t i = 0; i < s->group_count; i++)
		if (&s->groups[i] != look->group &&
			(!culprit || holds_more(&s->groups[i].counts, &culprit->counts)))
			culprit = &s->groups[i];
	/* Who holds the most itself has itself to thank. */
	if (!culprit || !holds_more(&culprit->counts, own) ||
		(culprit->counts.open <= own->open && culprit->counts.peak <= own->peak))
		return false;
	prove(f, "refused", refused, false);
	prove(f, "culprit_open", culprit->counts.open, false);
	prove(f, "culprit_idle", culprit->counts.idle, false);
	prove(f, "culprit_peak", culprit->counts.peak, false);
	text_cut(name, sizeof(name), culprit->name, 100, true);
	snprintf(f->sentence, sizeof(f->sentence),
		"%llu connection%s refused%s, too many clients; most slots are held by %s "
		"(%llu open, %llu idle, at most %llu)",
		(ull)refused, refused > 1 ? "s were" : " was",
		is_inferred ? " (told by their shape)" : "", name, (ull)culprit->counts.open,
		(ull)culprit->counts.idle, (ull)culprit->counts.peak);
	return true;
}

/* It listens itself, or is forked for each connection by who does, as socat is. */
static bool is_of_instance(const struct process_row *p, const struct instance_row *in)
{
	return in->process.pid == p->key.pid ||
	       (in->kind == SERVER_RELAY && p->identity && in->process.pid == p->identity->parent);
}

/* Connections to the relay itself, where its own port is watched. */
static bool clients_of(const struct look *look, __u64 *clients)
{
	const struct snapshot *s = look->snapshot;
	bool is_watched = false;

	*clients = 0;
	for (size_t i = 0; i < s->server_count; i++)
		for (size_t p = 0; s->servers[i].instance && p < look->group->process_count; p++)
			if (is_of_instance(&look->group->processes[p], s->servers[i].instance)) {
				is_watched = true;
				*clients += s->servers[i].counts.open;
				break;
			}
	return is_watched;
}

bool relay_holds(const struct look *look, struct finding *f)
{
	const struct counts *c = &look->group->counts;
	__u64 clients;

	if (group_role(look->snapshot, look->group) != ROLE_RELAY || c->peak < look->threshold)
		return false;
	prove(f, "open", c->open, false);
	prove(f, "peak", c->peak, false);
	if (clients_of(look, &clients))
		prove(f, "clients", clients, false);
	snprintf(f->sentence, sizeof(f->sentence),
		"a pooler or proxy: its %llu connection%s others', who connect to it", (ull)c->peak,
		c->peak == 1 ? " is" : "s are");
	return true;
}

/* Under a command: its grace is over, and something that it started keeps connections. */
bool left_open_holds(const struct look *look, struct finding *f)
{
	const struct event_command *command = look->snapshot->command;
	const struct counts *c = &look->group->counts;
	char grace[24];

	if (!command || !command->ended || c->open < look->threshold ||
		look->snapshot->now < command->head.time + command->grace)
		return false;
	text_age(grace, sizeof(grace), command->grace);
	prove(f, "open", c->open, false);
	prove(f, "grace", command->grace, true);
	snprintf(f->sentence, sizeof(f->sentence),
		"%llu connection%s still open %s after the command ended", (ull)c->open,
		c->open > 1 ? "s are" : " is", grace);
	return true;
}
