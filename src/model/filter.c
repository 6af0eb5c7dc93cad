/* SPDX-License-Identifier: BSD-2-Clause */
/* filter.c: which ledgers a query wants: by process, by command line, by server. */
#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/mem.h"
#include "model/state.h"

static bool address_matches(const __u8 *address, const struct query *query)
{
	unsigned whole = query->host_bits / 8, rest = query->host_bits % 8;

	if (memcmp(address, query->host, whole))
		return false;
	return !rest || (address[whole] >> (8 - rest)) == (query->host[whole] >> (8 - rest));
}

static bool user_matches(const struct event_process *e, const char *user)
{
	char number[16];

	snprintf(number, sizeof(number), "%u", e->uid);
	return !strcmp(user, number) || (e->user && !strcmp(user, e->user));
}

static bool cmdline_matches(const struct event_process *e, const regex_t *regex)
{
	char *line = xmemdup(e->argv, e->argv_length);
	bool yes;

	for (__u32 i = 0; i + 1 < e->argv_length; i++)
		if (!line[i])
			line[i] = ' ';
	yes = regexec(regex, line, 0, NULL, 0) == 0;
	free(line);
	return yes;
}

static bool contains(const char *text, const char *part)
{
	return text && strstr(text, part);
}

bool query_narrows(const struct query *q)
{
	return q->pid || q->user || q->comm || q->cmdline || q->cgroup || q->container ||
	       q->host_bits;
}

bool query_wants_server(const struct query *query, const struct server_key *key)
{
	return !query->host_bits ||
	       (key->family != AF_UNIX && address_matches(key->address, query));
}

bool query_wants(const struct query *q, const struct model *model, const struct ledger *ledger)
{
	const struct process *p = state_process(model, &ledger->key.process);
	const struct event_process *e = p && p->identified ? &p->identity : NULL;

	if (q->pid && ledger->key.process.pid != q->pid)
		return false;
	if (!query_wants_server(q, &ledger->key.server))
		return false;
	if ((q->user || q->comm || q->cmdline || q->cgroup || q->container) && !e)
		return false;
	return (!q->user || user_matches(e, q->user)) &&
	       (!q->comm || (e->comm && !fnmatch(q->comm, e->comm, 0))) &&
	       (!q->cmdline || (!p->folded && cmdline_matches(e, q->cmdline))) &&
	       (!q->cgroup || contains(e->container, q->cgroup) || contains(e->unit, q->cgroup)) &&
	       (!q->container || contains(e->container, q->container));
}
