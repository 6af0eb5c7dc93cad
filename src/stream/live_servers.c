/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * live_servers.c: the servers' side of a snapshot. The kernel gave sockets and who has them; this
 * says what they are:
 *
 *   postmaster  listens, runs PostgreSQL's program in a data directory that is its own
 *   backend     a child of a postmaster, without an exec since the fork, that has an accepted socket
 *   relay       anything else that listens: a pooler, a proxy
 *
 * A title alone proves nothing: anybody can call a process "postgres: root prod".
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/texts.h"
#include "stream/live_state.h"
#include "stream/proc_text.h"
#include "stream/server_limits.h"
#include "stream/server_title.h"

#define TRANSIENT_MOST 60000000000ull /* PostgreSQL's own limit for what comes before the session */

struct host_server {
	struct process_key key; /* postmaster or relay */
	enum server_kind kind;
	struct server_limits limits;
	char *program, *data_directory; /* NULL: not known */
	bool contained;                 /* it counts pids otherwise than we do */
	char *container;                /* NULL: in none */
	__u32 seen;                     /* number of the last snapshot that found it */
	UT_hash_handle hh;
};

static char *link_read(__u32 pid, const char *name)
{
	char path[64], target[4096];
	ssize_t length;

	snprintf(path, sizeof(path), "/proc/%u/%s", pid, name);
	length = readlink(path, target, sizeof(target));
	return length > 0 && length < (ssize_t)sizeof(target) ? xmemdup(target, (size_t)length)
							      : NULL;
}

/* The executable's name, also when a package update has replaced its file. */
static char *program_of(__u32 pid)
{
	static const char deleted[] = " (deleted)";
	char *exe = link_read(pid, "exe"), *name, *out;
	size_t n;

	if (!exe)
		return NULL;
	name = strrchr(exe, '/') ? strrchr(exe, '/') + 1 : exe;
	n = strlen(name);
	if (n > sizeof(deleted) - 1 && !strcmp(name + n - (sizeof(deleted) - 1), deleted))
		name[n - (sizeof(deleted) - 1)] = 0;
	out = xstrdup(name);
	free(exe);
	return out;
}

static int folder_open(__u32 pid, const char *name)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%u/%s", pid, name);
	return open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
}

/* Its pid as it counts itself; 0: not known. */
static __u32 own_pid(__u32 pid)
{
	char buffer[PROC_STATUS];
	__u32 own = 0;

	if (proc_read(pid, "status", buffer, sizeof(buffer)) > 0)
		status_parse(buffer, NULL, &own);
	return own;
}

/* PostgreSQL runs only as the owner of its data directory, and writes its pid there. */
static bool owns_data(__u32 pid, int data)
{
	char path[64], *text;
	struct stat process, folder;
	size_t length;
	bool yes;

	snprintf(path, sizeof(path), "/proc/%u", pid);
	if (stat(path, &process) || fstat(data, &folder) || process.st_uid != folder.st_uid)
		return false;
	if (server_file_read(data, "postmaster.pid", &text, &length, NULL))
		return false;
	yes = strtoul(text, NULL, 10) == own_pid(pid);
	free(text);
	return yes;
}

static bool is_postgres(const char *program)
{
	return program && (!strcmp(program, "postgres") || !strcmp(program, "postmaster"));
}

static void limits_read(struct host_server *server, int root, int data)
{
	char argv[65536];
	ssize_t length = proc_read(server->key.pid, "cmdline", argv, sizeof(argv));
	struct server_place place = {
		.root = root,
		.data = data,
		.started = live_clock(CLOCK_REALTIME) - (live_now() - server->key.start),
		.argv = argv,
		.argv_length = length > 0 ? (size_t)length : 0,
	};

	server_limits_read(&server->limits, &place);
}

static char *container_of(__u32 pid)
{
	struct span container, unit;
	char buffer[4096];

	if (proc_read(pid, "cgroup", buffer, sizeof(buffer)) <= 0)
		return NULL;
	cgroup_names(buffer, &container, &unit);
	return container.at ? xmemdup(container.at, container.length) : NULL;
}

static void server_examine(struct host_server *server)
{
	struct proc_stat stat;
	__u32 pid = server->key.pid;
	int root = folder_open(pid, "root"), data = folder_open(pid, "cwd");

	server->program = program_of(pid);
	server->kind = server->program ? SERVER_RELAY : SERVER_UNKNOWN;
	server->limits.max_connections = server->limits.reserved = -1;
	server->container = container_of(pid);
	if (is_postgres(server->program) && data >= 0 && owns_data(pid, data) &&
		!proc_stat_of(&server->key, &stat)) {
		limits_read(server, root, data);
		if (server->limits.version) {
			server->kind = SERVER_POSTGRESQL;
			server->contained = own_pid(pid) != pid;
			server->data_directory = link_read(pid, "cwd");
		}
	}
	if (root >= 0)
		close(root);
	if (data >= 0)
		close(data);
}

/* A server that was still recovering knows its limit only later. */
static void server_again(struct host_server *server)
{
	struct server_place place = {.data = folder_open(server->key.pid, "cwd")};

	if (place.data < 0)
		return;
	server_limits_control(&server->limits, &place);
	close(place.data);
}

static struct host_server *server_find(struct live *live, const struct process_key *key)
{
	struct host_server *server;

	HASH_FIND(hh, live->servers, key, sizeof(*key), server);
	return server;
}

static struct host_server *server_get(struct live *live, const struct process_key *key)
{
	struct host_server *server = server_find(live, key);

	if (!server) {
		server = xcalloc(1, sizeof(*server));
		server->key = *key;
		server_examine(server);
		HASH_ADD(hh, live->servers, key, sizeof(server->key), server);
	} else if (server->kind == SERVER_POSTGRESQL && server->limits.max_connections < 0 &&
		   server->seen != live->snapshots) {
		server_again(server);
	}
	server->seen = live->snapshots;
	return server;
}

static void server_free(struct live *live, struct host_server *server)
{
	HASH_DEL(live->servers, server);
	free(server->program);
	free(server->data_directory);
	free(server->container);
	free(server);
}

void live_servers_free(struct live *live)
{
	struct host_server *server, *next;

	HASH_ITER (hh, live->servers, server, next)
		server_free(live, server);
}

static bool same_process(const struct process_key *a, const struct process_key *b)
{
	return a->pid == b->pid && a->start == b->start;
}

/* Of the captures, those that listen: few, where there may be thousands of accepted ones. */
struct listeners {
	const struct server_capture **rows;
	size_t count;
};

static struct listeners listeners_of(const struct server_capture *const *captures, size_t count)
{
	struct listeners out = {.rows = xcalloc(count, sizeof(*out.rows))};

	for (size_t i = 0; i < count; i++)
		if (captures[i]->head.kind == EVENT_SERVER)
			out.rows[out.count++] = captures[i];
	return out;
}

/*
 * Of several that share a listening socket, the one that is no other's child: a pre-forked worker
 * inherited it. An init that opened it for a service is only its keeper.
 */
static bool is_server(const struct listeners *listeners, const struct server_capture *c)
{
	bool before = true;

	for (size_t i = 0; i < listeners->count; i++) {
		const struct server_capture *other = listeners->rows[i];

		if (other == c)
			before = false;
		if (other == c || other->cookie != c->cookie)
			continue;
		if (same_process(&other->holder, &c->holder) ? before : c->holder.pid == 1)
			return false;
		if (other->holder.pid != 1 && same_process(&other->holder, &c->parent))
			return false;
	}
	return true;
}

static void push_server(struct live *live, const struct server_capture *c)
{
	const struct host_server *server = server_get(live, &c->holder);
	union event event = {.server = {
				     .head = {EVENT_SERVER, sizeof(event.server), c->head.time},
				     .key = c->local,
				     .process = c->holder,
				     .kind = server->kind,
				     .version = server->limits.version,
				     .max_connections = server->limits.max_connections,
				     .reserved = server->limits.reserved,
				     .limit_source = server->limits.source,
				     .data_directory = server->data_directory,
				     .program = server->program,
				     .container = server->container,
			     }};
	char *arena = texts_keep((const char **const[]){&event.server.data_directory,
		&event.server.program, &event.server.container, NULL});

	if (c->local.family == AF_UNIX)
		live_unix_place(live, &c->local);
	live_push_owned(live, &event, arena);
}

/* Is it a backend of a postmaster that listens where its socket was accepted? */
static struct host_server *postmaster_of(
	struct live *live, const struct listeners *listeners, const struct server_capture *c)
{
	struct host_server *server = server_find(live, &c->parent);

	if (!server || server->kind != SERVER_POSTGRESQL || server->seen != live->snapshots ||
		c->holder.exec != c->parent.exec)
		return NULL;
	for (size_t i = 0; i < listeners->count; i++) {
		const struct server_capture *own = listeners->rows[i];

		if (same_process(&own->holder, &c->parent) && own->local.port == c->local.port &&
			own->local.netns == c->local.netns &&
			(own->local.family == AF_UNIX) == (c->local.family == AF_UNIX))
			return server;
	}
	return NULL;
}

/* Room for a title, arg_start to env_end; 0: not this process, or not told. */
static size_t title_room(const struct process_key *key)
{
	__u64 tick = 1000000000ull / (__u64)sysconf(_SC_CLK_TCK);
	struct proc_stat stat;
	char buffer[2048];

	if (proc_read(key->pid, "stat", buffer, sizeof(buffer)) <= 0 || !stat_parse(&stat, buffer))
		return 0;
	return stat.start == key->start / tick && stat.env_end > stat.arg_start
		       ? stat.env_end - stat.arg_start
		       : 0;
}

static bool is_transient(const char *activity)
{
	return !strcmp(activity, "startup") || !strcmp(activity, "authentication") ||
	       !strcmp(activity, "initializing");
}

static void title_read(
	struct title *out, const struct host_server *server, const struct server_capture *c)
{
	const char *cluster = server->limits.cluster_known ? server->limits.cluster : NULL;
	char buffer[4096];
	ssize_t length = proc_read(c->holder.pid, "cmdline", buffer, sizeof(buffer));
	size_t room = title_room(&c->holder); /* after the title: it is still the same process */

	memset(out, 0, sizeof(*out));
	if (length <= 0 || !room || strlen(buffer) + 1 >= room)
		return; /* cut off where its last words would be */
	title_parse(out, buffer, cluster, c->client_port);
	/* With update_process_title off, the title stays as it was in the beginning. */
	if (is_transient(out->activity) && live_now() - c->holder.start > TRANSIENT_MOST)
		out->activity[0] = 0;
}

static void push_backend(
	struct live *live, const struct host_server *server, const struct server_capture *c)
{
	union event event = {
		.backend = {
			.head = {EVENT_BACKEND, sizeof(event.backend), c->head.time},
			.cookie = c->peer,
			.process = c->holder,
			.postmaster = c->parent,
			.local = c->local,
			.client_port = c->client_port,
			.state = c->state,
			.pid_in_ns = server->contained ? own_pid(c->holder.pid) : c->holder.pid,
		}};
	struct event_backend *e = &event.backend;
	struct title title;

	title_read(&title, server, c);
	memcpy(e->client, c->client, sizeof(c->client));
	e->walsender = title.walsender;
	e->user = *title.user ? title.user : NULL;
	e->database = *title.database ? title.database : NULL;
	e->activity = *title.activity ? title.activity : NULL;
	live_push_owned(live, &event,
		texts_keep((const char **const[]){&e->user, &e->database, &e->activity, NULL}));
}

void live_push_servers(
	struct live *live, const struct server_capture *const *captures, size_t count)
{
	struct listeners listeners = listeners_of(captures, count);
	struct host_server *server, *next;

	for (size_t i = 0; i < listeners.count; i++)
		if (is_server(&listeners, listeners.rows[i]))
			push_server(live, listeners.rows[i]);
	for (size_t i = 0; i < count; i++) {
		if (captures[i]->head.kind != EVENT_BACKEND)
			continue;
		server = postmaster_of(live, &listeners, captures[i]);
		if (server)
			push_backend(live, server, captures[i]);
	}
	free(listeners.rows);
	HASH_ITER (hh, live->servers, server, next)
		if (server->seen != live->snapshots)
			server_free(live, server);
}
