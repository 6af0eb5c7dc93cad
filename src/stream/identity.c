/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * identity.c: an identity, put together from the kernel's record and /proc. A process may vanish
 * between any two reads; what could be read is kept, what could not stays unknown. A pid is believed
 * only with the right start time.
 */
#include <errno.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/redact.h"
#include "base/texts.h"
#include "stream/identity.h"
#include "stream/library.h"
#include "stream/proc.h"

/* Strings are kept as offsets + 1 while the arena may still move; identity_settle() turns them
 * into pointers. */
static const char *arena_put(struct identity *id, const char *bytes, size_t length)
{
	size_t at = id->used;

	if (id->used + length + 1 > id->size) {
		id->size = (id->used + length + 1) * 2;
		id->arena = xrealloc(id->arena, id->size);
	}
	memcpy(id->arena + at, bytes, length);
	id->arena[at + length] = 0;
	id->used += length + 1;
	return (const char *)(at + 1);
}

static void settle(const char *arena, const char **text)
{
	if (*text)
		*text = arena + ((size_t)*text - 1);
}

static void identity_settle(struct identity *id)
{
	struct event_process *e = &id->event;

	settle(id->arena, &e->argv);
	for (size_t i = 0; i < IDENTITY_TEXTS; i++)
		settle(id->arena, identity_text(e, i));
	for (__u32 i = 0; i < e->ancestor_count; i++) {
		settle(id->arena, &e->ancestors[i].argv);
		settle(id->arena, &e->ancestors[i].comm);
	}
}

static const char *put_link(struct identity *id, __u32 pid, const char *name)
{
	char path[64], target[4096];
	ssize_t length;

	snprintf(path, sizeof(path), "/proc/%u/%s", pid, name);
	length = readlink(path, target, sizeof(target));
	return length > 0 ? arena_put(id, target, (size_t)length) : NULL;
}

static const char *put_argv(
	struct identity *id, const char *argv, size_t length, bool redact, __u32 *out_length)
{
	const char *put;
	char *clean;

	if (!redact) {
		*out_length = (__u32)length;
		return arena_put(id, argv, length);
	}
	clean = redact_argv(argv, length, &length);
	*out_length = (__u32)length;
	put = arena_put(id, clean, length);
	free(clean);
	return put;
}

static void put_cmdline(struct identity *id, __u32 pid, bool redact, const char **argv,
	__u32 *length, __u32 *truncated)
{
	char buffer[EVENT_ARGV + 2];
	ssize_t n = proc_read(pid, "cmdline", buffer, sizeof(buffer));

	if (n > EVENT_ARGV) {
		n = EVENT_ARGV;
		if (truncated)
			*truncated = 1;
	}
	if (n > 0)
		*argv = put_argv(id, buffer, (size_t)n, redact, length);
}

static void put_ancestor(struct identity *id, __u32 pid, const struct proc_stat *stat, bool redact)
{
	struct ancestor *a = &id->event.ancestors[id->event.ancestor_count++];

	a->pid = pid;
	a->comm = arena_put(id, stat->comm, strlen(stat->comm));
	put_cmdline(id, pid, redact, &a->argv, &a->argv_length, NULL);
	if (!a->argv)
		a->argv = arena_put(id, "", 0);
}

/* An offset in one arena becomes one in another. */
static void shift(struct ancestor *a, size_t by)
{
	a->argv = (const char *)((size_t)a->argv + by);
	a->comm = (const char *)((size_t)a->comm + by);
}

static void brood_leave(struct brood *brood)
{
	if (brood->parent)
		close(brood->folder);
	free(brood->strings);
	brood->strings = NULL;
	brood->parent = 0;
}

/* Whoever now has that pid is the parent as it was read, if that still lives. */
static bool brood_has(const struct brood *brood, __u32 parent)
{
	return brood->parent == parent && !faccessat(brood->folder, "stat", F_OK, 0);
}

/* What was put last, from `from` in the arena on, for the next of the brood. */
static void brood_keep(struct brood *brood, const struct identity *id, size_t from, int folder)
{
	const struct event_process *e = &id->event;

	brood_leave(brood);
	if (folder < 0)
		return;
	brood->parent = e->parent;
	brood->folder = folder;
	brood->length = id->used - from;
	brood->strings = xmemdup(id->arena + from, brood->length);
	brood->ancestor_count = e->ancestor_count;
	for (__u32 i = 0; i < e->ancestor_count; i++) {
		brood->ancestors[i] = e->ancestors[i];
		shift(&brood->ancestors[i], -from);
	}
}

static void put_brood(struct identity *id, const struct brood *brood)
{
	struct event_process *e = &id->event;
	size_t from = id->used;

	arena_put(id, brood->strings, brood->length);
	e->ancestor_count = brood->ancestor_count;
	for (__u32 i = 0; i < e->ancestor_count; i++) {
		e->ancestors[i] = brood->ancestors[i];
		shift(&e->ancestors[i], from);
	}
}

static void put_ancestors(struct identity *id, struct brood *brood, bool redact)
{
	struct event_process *e = &id->event;
	struct proc_stat stat;
	__u32 pid = e->parent;
	size_t from = id->used;
	int folder;

	if (pid <= 1)
		return;
	if (brood_has(brood, pid)) {
		put_brood(id, brood);
		return;
	}
	folder = proc_open(pid);
	while (pid > 1 && e->ancestor_count < EVENT_ANCESTORS && !proc_stat_read(pid, &stat)) {
		put_ancestor(id, pid, &stat, redact);
		pid = stat.parent;
	}
	brood_keep(brood, id, from, folder);
}

static void put_user(struct identity *id, struct brood *brood)
{
	struct passwd pw, *found = NULL;
	char buffer[4096];

	if (!brood->user || brood->uid != id->event.uid) {
		free(brood->user);
		brood->user = NULL;
		if (getpwuid_r(id->event.uid, &pw, buffer, sizeof(buffer), &found) || !found)
			return;
		brood->uid = id->event.uid;
		brood->user = xstrdup(pw.pw_name);
	}
	id->event.user = arena_put(id, brood->user, strlen(brood->user));
}

void brood_forget(struct brood *brood)
{
	brood_leave(brood);
	free(brood->user);
	memset(brood, 0, sizeof(*brood));
}

static void put_cgroup(struct identity *id, __u32 pid)
{
	struct span container, unit;
	char buffer[4096];

	if (proc_read(pid, "cgroup", buffer, sizeof(buffer)) <= 0)
		return;
	cgroup_names(buffer, &container, &unit);
	if (container.at)
		id->event.container = arena_put(id, container.at, container.length);
	if (unit.at)
		id->event.unit = arena_put(id, unit.at, unit.length);
}

/* The kernel gives components leaf first, each with its NUL; out is "/a/b/c". */
static const char *put_components(struct identity *id, const char *tail, size_t length)
{
	char path[EVENT_PATH + 512];
	size_t used = 0, end = length;

	while (end > 0 && used < sizeof(path) - 1) {
		size_t from = end - 1, n;

		while (from > 0 && tail[from - 1])
			from--;
		n = end - 1 - from;
		if (used + n + 1 >= sizeof(path))
			break;
		path[used++] = '/';
		memcpy(path + used, tail + from, n);
		used += n;
		end = from;
	}
	if (!used)
		path[used++] = '/';
	return arena_put(id, path, used);
}

/* A string of an identity that is not settled yet. */
static const char *text_at(const struct identity *id, const char *text)
{
	return text ? id->arena + ((size_t)text - 1) : NULL;
}

static const char *put_text(struct identity *id, const char *text)
{
	return text ? arena_put(id, text, strlen(text)) : NULL;
}

static void put_library(struct identity *id, bool source)
{
	struct event_process *e = &id->event;
	char proc[32];
	struct library_query query = {
		.proc = proc,
		.exe = text_at(id, e->exe),
		.cwd = text_at(id, e->cwd),
		.argv = text_at(id, e->argv),
		.argv_length = e->argv ? e->argv_length : 0,
		.source = source,
	};
	struct library_facts facts;

	snprintf(proc, sizeof(proc), "/proc/%u", e->process.pid);
	library_look(&facts, &query);
	e->library = arena_put(
		id, facts.row ? facts.row->id : "", facts.row ? strlen(facts.row->id) : 0);
	e->library_sign = put_text(id, facts.sign);
	e->library_config = put_text(id, facts.config);
	e->source = put_text(id, facts.source);
	e->source_closes = facts.source_closes;
	library_facts_free(&facts);
}

/* What only a living process can tell. */
static void put_living(struct identity *id, bool redact, bool source)
{
	struct event_process *e = &id->event;
	__u32 pid = e->process.pid;

	put_cgroup(id, pid);
	if (!e->cwd)
		e->cwd = put_link(id, pid, "cwd");
	if (!e->exe)
		e->exe = put_link(id, pid, "exe");
	if (!e->argv)
		put_cmdline(id, pid, redact, &e->argv, &e->argv_length, &e->argv_truncated);
	put_library(id, source);
}

/* What can be told of the dead too. */
static void put_rest(struct identity *id, struct brood *brood, bool redact)
{
	put_ancestors(id, brood, redact);
	put_user(id, brood);
	if (!id->event.argv)
		id->event.argv = arena_put(id, "", 0);
	identity_settle(id);
}

/* What the kernel knows by heart. */
static void put_facts(struct identity *id, const struct process_capture *c)
{
	struct event_process *e = &id->event;

	e->cgroup = c->cgroup;
	e->parent = c->parent;
	e->uid = c->uid;
	e->netns = c->netns;
	e->pidns = c->pidns;
	e->pid_in_ns = c->pid_in_ns;
	e->comm = arena_put(id, c->comm, strnlen(c->comm, sizeof(c->comm)));
}

void identity_from_capture(struct identity *out, const struct process_capture *c,
	struct brood *brood, bool redact, bool source)
{
	struct event_process *e = &out->event;
	struct proc_stat stat;
	const char *tail = c->tail;

	memset(out, 0, sizeof(*out));
	put_facts(out, c);
	e->head = c->head;
	e->process = c->process;
	e->by_exec = c->by_exec;
	e->argv_truncated = c->argv_full > c->argv_length && c->argv_length;
	if (c->argv_length)
		e->argv = put_argv(out, tail, c->argv_length, redact, &e->argv_length);
	tail += c->argv_length;
	if (c->cwd_whole)
		e->cwd = put_components(out, tail, c->cwd_length);
	tail += c->cwd_length;
	if (c->exe_whole)
		e->exe = put_components(out, tail, c->exe_length);
	if (!proc_stat_of(&e->process, &stat))
		put_living(out, redact, source);
	put_rest(out, brood, redact);
}

static void put_status(struct identity *id)
{
	char buffer[PROC_STATUS];

	if (proc_read(id->event.process.pid, "status", buffer, sizeof(buffer)) > 0)
		status_parse(buffer, &id->event.uid, &id->event.pid_in_ns);
}

/* The same, asked for. */
static void put_asked(struct identity *id, const struct proc_stat *stat)
{
	struct event_process *e = &id->event;

	e->parent = stat->parent;
	e->netns = proc_namespace(e->process.pid, "net");
	e->pidns = proc_namespace(e->process.pid, "pid");
	put_status(id);
	e->comm = arena_put(id, stat->comm, strlen(stat->comm));
}

int identity_from_proc(struct identity *out, const struct process_key *key,
	const struct process_capture *facts, struct brood *brood, bool redact, bool source)
{
	struct event_process *e = &out->event;
	struct proc_stat stat;

	memset(out, 0, sizeof(*out));
	if (proc_stat_of(key, &stat))
		return -ESRCH;
	e->head.kind = EVENT_PROCESS;
	e->process = *key;
	if (facts)
		put_facts(out, facts);
	else
		put_asked(out, &stat);
	put_living(out, redact, source);
	put_rest(out, brood, redact);
	return 0;
}
