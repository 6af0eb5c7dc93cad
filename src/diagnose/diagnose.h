/* SPDX-License-Identifier: BSD-2-Clause */
/* diagnose.h: what the rules share: writing evidence, the budget, and what a healthy pool is. */
#ifndef DIAGNOSE_H
#define DIAGNOSE_H

#include <pgleaktrace/finding.h>

#include "base/library.h"

/* evidence.c: adds a number by one of its names; is_age: it is in ns. */
void prove(struct finding *finding, const char *name, __u64 number, bool is_age);

/* budget.c: how many of the group's processes the server can bear; fills finding->budget and its
 * evidence. False: max_connections is not known. */
bool budget_prove(const struct look *look, struct finding *finding);
/* The server row of a connection. NULL: none. */
const struct server_row *connection_server(
	const struct snapshot *snapshot, const struct connection_row *row);

/* Was its server, as far as it was seen, never full? False: it was, or nobody knows. */
bool server_had_room(const struct snapshot *snapshot, const struct connection_row *row);

/* node-postgres, postgres.js, Prisma 7, asyncpg and HikariCP all open 10 unless told otherwise. */
#define POOL_USUAL 10

/* "max=20 in scripts/db.js:4": the number behind one of the library's own parameters; 0: none. */
__u64 pool_configured(const struct library_row *library, const char *config);
/* The most connections that one pool of this process holds without being asked for more. */
__u64 process_pool(const struct process_row *process);

/* holding.c: does this one process open more and more? */
bool process_is_growing(
	const struct snapshot *snapshot, const struct process_row *process, __u64 threshold);

/* predicates.c: who has this connection though he did not open it; NULL: it has no such heir. */
const struct holder_row *connection_heir(
	const struct process_row *process, const struct connection_row *connection);

/* blame.c: the process that shows most of what the finding is about, or one of the same script, if its
 * client library is known; NULL: it is not. Another script of the group has nothing to do with it. */
const struct event_process *finding_client(const struct finding *finding);

/* advice.c: the rule's advice, in the words of the client library if it is known. */
char *advice_of(const struct finding *finding);

/* predicates.c and holding.c */
bool abandoned_holds(const struct look *look, struct finding *finding);
bool idle_hoard_holds(const struct look *look, struct finding *finding);
bool growing_holds(const struct look *look, struct finding *finding);
bool fan_out_holds(const struct look *look, struct finding *finding);
bool orphan_slot_holds(const struct look *look, struct finding *finding);
bool inherited_holds(const struct look *look, struct finding *finding);
bool churn_holds(const struct look *look, struct finding *finding);
bool fd_leak_holds(const struct look *look, struct finding *finding);
bool victim_holds(const struct look *look, struct finding *finding);
bool relay_holds(const struct look *look, struct finding *finding);
bool left_open_holds(const struct look *look, struct finding *finding);

#endif
