/* SPDX-License-Identifier: BSD-2-Clause */
/* role.c: who is a pooler, a proxy or a monitor, by the name of the program it runs. */
#include <string.h>

#include <pgleaktrace/finding.h>

#include "base/path.h"

static const char *const relays[] = {"pgbouncer", "pgcat", "odyssey", "pgpool", "pgagroal",
	"haproxy", "envoy", "docker-proxy", "rootlesskit", "slirp4netns", "cloud_sql_proxy",
	"cloud-sql-proxy", "alloydb-auth-proxy", "ssh", "socat", "stunnel", "stunnel4", "kubectl",
	"teleport", "tsh", NULL};
static const char *const monitors[] = {"postgres_exporter", "prometheus-postgres-exporter",
	"pgwatch", "pgwatch2", "pgwatch3", "pg_activity", "pgcenter", "pgmetrics", "check_postgres",
	"check_postgres.pl", "pg_view", "check_pgactivity", NULL};

static bool is_one_of(const char *const *names, const char *path)
{
	const char *base = path_base(path);
	size_t length = strcspn(base, " :"); /* "x (deleted)", "pgpool: title" */

	for (size_t i = 0; length && names[i]; i++)
		if (!strncmp(names[i], base, length) && !names[i][length])
			return true;
	return false;
}

static bool is_relay_instance(const struct snapshot *s, const struct process_key *key)
{
	for (size_t i = 0; i < s->instance_count; i++)
		if (s->instances[i].kind == SERVER_RELAY &&
			s->instances[i].process.pid == key->pid &&
			s->instances[i].process.start == key->start)
			return true;
	return false;
}

static enum role process_role(const struct snapshot *s, const struct process_row *p)
{
	/* comm is cut at 15 letters and can be any thread's: only if there is no better name. */
	const char *program = !p->identity       ? NULL
			      : p->identity->exe ? p->identity->exe
						 : p->identity->comm;

	if (is_relay_instance(s, &p->key) || is_one_of(relays, program))
		return ROLE_RELAY;
	return is_one_of(monitors, program) || is_one_of(monitors, p->script) ? ROLE_MONITOR
									      : ROLE_CLIENT;
}

/* A group of several roles has none: a user's or container's clients are not its pooler. */
enum role group_role(const struct snapshot *s, const struct group_row *g)
{
	enum role role = g->process_count ? process_role(s, &g->processes[0]) : ROLE_CLIENT;

	for (size_t i = 1; i < g->process_count && role != ROLE_CLIENT; i++)
		if (process_role(s, &g->processes[i]) != role)
			role = ROLE_CLIENT;
	return role;
}

const char *role_name(enum role role)
{
	static const char *const names[] = {"", "relay", "monitoring"};

	_Static_assert(sizeof(names) / sizeof(names[0]) == ROLES, "a name each");
	return names[role];
}
