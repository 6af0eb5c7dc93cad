/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * proc.c: reading /proc/PID. A process may vanish between any two reads; what could be read is
 * kept, what could not stays unknown. A pid is believed only with the right start time.
 */
#include <errno.h>
#include <fcntl.h>
#include <mntent.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/redact.h"
#include "stream/library.h"
#include "stream/proc.h"
#include "stream/proc_text.h"

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
	settle(id->arena, &e->comm);
	settle(id->arena, &e->cwd);
	settle(id->arena, &e->exe);
	settle(id->arena, &e->user);
	settle(id->arena, &e->container);
	settle(id->arena, &e->unit);
	settle(id->arena, &e->library);
	settle(id->arena, &e->library_sign);
	settle(id->arena, &e->library_config);
	settle(id->arena, &e->source);
	for (__u32 i = 0; i < e->ancestor_count; i++) {
		settle(id->arena, &e->ancestors[i].argv);
		settle(id->arena, &e->ancestors[i].comm);
	}
}

ssize_t proc_read(__u32 pid, const char *name, char *buffer, size_t size)
{
	char path[64];
	ssize_t length = 0, n;
	int fd;

	snprintf(path, sizeof(path), "/proc/%u/%s", pid, name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	while ((size_t)length < size - 1 &&
		(n = read(fd, buffer + length, size - 1 - (size_t)length)) > 0)
		length += n;
	close(fd);
	buffer[length] = 0;
	return length;
}

/* A zombie has no command line any more: asking it would put nothing in the place of a name. */
static int stat_read(__u32 pid, struct proc_stat *out)
{
	char buffer[1024];

	if (proc_read(pid, "stat", buffer, sizeof(buffer)) <= 0 || !stat_parse(out, buffer) ||
		out->state == 'Z' || out->state == 'X')
		return -ESRCH;
	return 0;
}

bool proc_is(const struct process_key *key, __u32 *parent)
{
	__u64 tick = 1000000000ull / (__u64)sysconf(_SC_CLK_TCK);
	struct proc_stat stat;

	if (stat_read(key->pid, &stat) || stat.start != key->start / tick)
		return false;
	*parent = stat.parent;
	return true;
}

static const char *put_link(struct identity *id, __u32 pid, const char *name)
{
	char path[64], target[4096];
	ssize_t length;

	snprintf(path, sizeof(path), "/proc/%u/%s", pid, name);
	length = readlink(path, target, sizeof(target));
	return length > 0 ? arena_put(id, target, (size_t)length) : NULL;
}

static const char *put_comm(struct identity *id, __u32 pid)
{
	char buffer[64];
	ssize_t length = proc_read(pid, "comm", buffer, sizeof(buffer));

	if (length > 0 && buffer[length - 1] == '\n')
		length--;
	return length > 0 ? arena_put(id, buffer, (size_t)length) : NULL;
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

static void put_ancestors(struct identity *id, __u32 parent, bool redact)
{
	struct event_process *e = &id->event;
	struct proc_stat stat;

	while (parent > 1 && e->ancestor_count < EVENT_ANCESTORS) {
		struct ancestor *a = &e->ancestors[e->ancestor_count];

		if (stat_read(parent, &stat))
			return;
		a->pid = parent;
		a->comm = put_comm(id, parent);
		put_cmdline(id, parent, redact, &a->argv, &a->argv_length, NULL);
		if (!a->argv)
			a->argv = arena_put(id, "", 0);
		e->ancestor_count++;
		parent = stat.parent;
	}
}

static void put_user(struct identity *id)
{
	struct passwd pw, *found = NULL;
	char buffer[4096];

	if (getpwuid_r(id->event.uid, &pw, buffer, sizeof(buffer), &found) == 0 && found)
		id->event.user = arena_put(id, pw.pw_name, strlen(pw.pw_name));
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
	__u32 parent, pid = id->event.process.pid;

	if (proc_is(&id->event.process, &parent)) {
		put_cgroup(id, pid);
		if (!id->event.cwd)
			id->event.cwd = put_link(id, pid, "cwd");
		if (!id->event.exe)
			id->event.exe = put_link(id, pid, "exe");
		if (!id->event.argv)
			put_cmdline(id, pid, redact, &id->event.argv, &id->event.argv_length,
				&id->event.argv_truncated);
		put_library(id, source);
	}
	put_ancestors(id, id->event.parent, redact);
	put_user(id);
	if (!id->event.argv)
		id->event.argv = arena_put(id, "", 0);
}

void identity_from_capture(
	struct identity *out, const struct process_capture *c, bool redact, bool source)
{
	struct event_process *e = &out->event;
	const char *tail = c->tail;

	memset(out, 0, sizeof(*out));
	e->head = c->head;
	e->process = c->process;
	e->cgroup = c->cgroup;
	e->parent = c->parent;
	e->uid = c->uid;
	e->netns = c->netns;
	e->pidns = c->pidns;
	e->pid_in_ns = c->pid_in_ns;
	e->by_exec = c->by_exec;
	e->argv_truncated = c->argv_full > c->argv_length && c->argv_length;
	e->comm = arena_put(out, c->comm, strnlen(c->comm, sizeof(c->comm)));
	if (c->argv_length)
		e->argv = put_argv(out, tail, c->argv_length, redact, &e->argv_length);
	tail += c->argv_length;
	if (c->cwd_whole)
		e->cwd = put_components(out, tail, c->cwd_length);
	tail += c->cwd_length;
	if (c->exe_whole)
		e->exe = put_components(out, tail, c->exe_length);
	put_living(out, redact, source);
	identity_settle(out);
}

static void put_status(struct identity *id)
{
	char buffer[4096];

	if (proc_read(id->event.process.pid, "status", buffer, sizeof(buffer)) > 0)
		status_parse(buffer, &id->event.uid, &id->event.pid_in_ns);
}

static __u32 proc_namespace(__u32 pid, const char *name)
{
	char path[64], target[64];
	ssize_t length;
	unsigned int inode = 0;

	snprintf(path, sizeof(path), "/proc/%u/ns/%s", pid, name);
	length = readlink(path, target, sizeof(target) - 1);
	if (length <= 0)
		return 0;
	target[length] = 0;
	return sscanf(target, "%*[^[][%u]", &inode) == 1 ? inode : 0;
}

int identity_from_proc(
	struct identity *out, const struct process_key *key, bool redact, bool source)
{
	struct event_process *e = &out->event;
	__u32 parent;

	memset(out, 0, sizeof(*out));
	if (!proc_is(key, &parent))
		return -ESRCH;
	e->head.kind = EVENT_PROCESS;
	e->process = *key;
	e->parent = parent;
	e->netns = proc_namespace(key->pid, "net");
	e->pidns = proc_namespace(key->pid, "pid");
	put_status(out);
	e->comm = put_comm(out, key->pid);
	put_living(out, redact, source);
	identity_settle(out);
	return 0;
}

bool cgroup2_root(char *path, size_t size)
{
	FILE *mounts = setmntent("/proc/self/mounts", "re");
	struct mntent entry;
	char buffer[4096];
	bool found = false;

	while (mounts && !found && getmntent_r(mounts, &entry, buffer, sizeof(buffer)))
		if (!strcmp(entry.mnt_type, "cgroup2"))
			found = snprintf(path, size, "%s", entry.mnt_dir) < (int)size;
	if (mounts)
		endmntent(mounts);
	return found;
}

/* The root's node is the first that kernfs makes. */
bool cgroup2_is_whole(const char *path)
{
	struct stat root;

	return !stat(path, &root) && root.st_ino == 1;
}
