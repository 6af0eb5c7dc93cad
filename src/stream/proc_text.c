/* SPDX-License-Identifier: BSD-2-Clause */
/* proc_text.c: see proc_text.h. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "stream/proc_text.h"

#define CONTAINER_LEAST 32 /* hex digits */

/* A container's id is the longest run of hex digits in a cgroup path. */
static struct span container_of_path(const char *path, const char *end)
{
	struct span best = {NULL, CONTAINER_LEAST - 1};

	for (const char *at = path; at < end;) {
		size_t run = strspn(at, "0123456789abcdef");

		if (run > best.length)
			best = (struct span){at, run};
		at += run ? run : 1;
	}
	return best;
}

/* The innermost folder that is called after a service. */
static struct span unit_of_path(const char *path, const char *end)
{
	struct span unit = {NULL, 0};

	for (const char *at = path; at < end;) {
		const char *name = at + 1, *next = memchr(name, '/', (size_t)(end - name));

		if (!next)
			next = end;
		if (next - name > 8 && !memcmp(next - 8, ".service", 8))
			unit = (struct span){name, (size_t)(next - name)};
		at = next;
	}
	return unit;
}

/* "0::/system.slice/app.service" lines. */
void cgroup_names(const char *text, struct span *container, struct span *unit)
{
	*container = *unit = (struct span){NULL, 0};
	while (*text) {
		const char *end = strchrnul(text, '\n');
		const char *path = memchr(text, '/', (size_t)(end - text));

		if (path && !container->at)
			*container = container_of_path(path, end);
		if (path && !unit->at)
			*unit = unit_of_path(path, end);
		text = *end ? end + 1 : end;
	}
}

/* comm may hold spaces and brackets: the fields begin behind the last ')'. */
bool stat_parse(struct proc_stat *out, const char *text)
{
	const char *name = strchr(text, '('), *at = strrchr(text, ')');
	unsigned long long start, arg_start, env_end;
	unsigned int parent;
	int n;

	memset(out, 0, sizeof(*out));
	if (!name || !at || at[1] != ' ')
		return false;
	snprintf(out->comm, sizeof(out->comm), "%.*s", (int)(at - name - 1), name + 1);
	/* Fields 3 and 4, starttime (22), arg_start (48), env_end (51). */
	n = sscanf(at + 2,
		"%c %u %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %llu "
		"%*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s "
		"%*s %*s %*s %*s %*s %llu %*s %*s %llu",
		&out->state, &parent, &start, &arg_start, &env_end);
	if (n < 3)
		return false;
	out->parent = parent;
	out->start = start;
	if (n == 5) {
		out->arg_start = arg_start;
		out->env_end = env_end;
	}
	return true;
}

/* "Uid:\treal …", "NSpid:\tp1 p2 …": the last of NSpid is the innermost. A name's line end is escaped
 * by the kernel, so a line begins where it seems to. */
void status_parse(const char *text, __u32 *uid, __u32 *own_pid)
{
	const char *at = strstr(text, "\nUid:");
	char *end;

	if (at && uid)
		*uid = (__u32)strtoul(at + 5, NULL, 10);
	at = strstr(text, "\nNSpid:");
	for (at = at ? at + 7 : NULL; at && *at == '\t'; at = end)
		*own_pid = (__u32)strtoul(at + 1, &end, 10);
}
