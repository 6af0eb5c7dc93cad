/* SPDX-License-Identifier: BSD-2-Clause */
/* live_state.h: the live stream's inside, shared by the files live*.c; one below calls only those above it. */
#ifndef STREAM_LIVE_STATE_H
#define STREAM_LIVE_STATE_H

#include <sys/utsname.h>
#include <time.h>

#include "base/hash.h"
#include "base/ns.h"
#include "pgleaktrace.skel.h"
#include "stream/identity.h"
#include "stream/proc.h"
#include "stream/queue.h"
#include "stream/stream.h"

enum pass {
	PASS_LISTENERS,
	PASS_FILES,
	PASS_SOCKETS,
	PASSES_ALWAYS,
	PASS_UNIX_SOCKETS = PASSES_ALWAYS,
	PASS_UNIX_VANISHED,
	PASSES
};

/* What of unix sockets this kernel lets us see. */
enum live_unix {
	LIVE_UNIX_HOOKED,   /* connect() too: every one is counted */
	LIVE_UNIX_SNAPSHOT, /* before Linux 6.7, or without cgroup2: bpf/unix_unseen.bpf.c */
	LIVE_UNIX_OFF,
};

/* A process whose identity was sent, or that can't be had. */
struct known {
	struct process_key key;
	bool unreadable;
	unsigned ledgers; /* alive in the kernel's map, counted by each snapshot */
	__u32 gone_since; /* number of the snapshot that closed its last ledger; 0: none */
	UT_hash_handle hh;
};

struct live {
	struct stream stream;
	struct live_config config;
	struct utsname host;
	struct pgleaktrace_bpf *skel;
	struct ring_buffer *ring;
	int wakes; /* ready when the kernel wants the ring to be emptied now; -1: not open */
	struct bpf_link *passes[PASSES];
	struct known *known;
	struct queue queue;
	struct brood brood;          /* of the processes introduced last */
	char *arena;                 /* strings of the event handed out last */
	struct host_server *servers; /* live_servers.c: by the process that listens */
	__u32 snapshots;
	size_t ledgers; /* in the kernel's map, as of the last snapshot */
	__u64 unreadable, sockets_full;
	bool stopped;
	enum live_unix unix_mode;
	int places, names;       /* the maps unix_places, unix_names */
	struct live_place *told; /* unix servers whose path was told */
};

static inline __u64 live_clock(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return (__u64)now.tv_sec * SECOND + (__u64)now.tv_nsec;
}

/* Length of a jiffy in ns: the coarse clock advances once in each. */
static inline __u64 live_tick(void)
{
	struct timespec tick;

	clock_getres(CLOCK_MONOTONIC_COARSE, &tick);
	return (__u64)tick.tv_nsec;
}

/* As the kernel's records tell the time. */
static inline __u64 live_now(void)
{
	return live_clock(CLOCK_BOOTTIME);
}

/* Queues a kernel record as it is. */
static inline void live_push(struct live *live, const void *record, size_t size)
{
	queue_put(&live->queue, record, size, NULL);
}

/* Queues an event whose strings lie in `arena`, which it takes over. */
static inline void live_push_owned(struct live *live, const union event *event, char *arena)
{
	queue_put(&live->queue, event, sizeof(*event), arena);
}

/* live_hang.c: hangs those that are loaded on the root of cgroup2. -ENOENT: none is mounted. */
int live_attach_to_root(
	struct bpf_program *const *programs, struct bpf_link **const *links, size_t count);
/* An iterator's link over what a map holds; NULL with errno. */
struct bpf_link *live_iterate_over(struct bpf_program *program, const struct bpf_map *map);

/* live_unix.c: before load; after it. */
void live_unix_choose(struct pgleaktrace_bpf *skel, enum live_unix mode);
int live_unix_attach(struct live *live);

/* live_places.c: EVENT_PLACE for a unix server not told yet. */
void live_unix_place(struct live *live, const struct server_key *key);
/* From a name to the server that lies there, as the process that asked sees it; false: not to be had. */
bool live_unix_find(struct live *live, struct server_key *key, __u32 pid);
/* The same for all names that the kernel's side did not know. */
void live_unix_resolve(struct live *live);
void live_unix_free(struct live *live);

/* live_ring.c: 0 or -errno. */
int live_ring_open(struct live *live);
int live_poll(struct stream *stream);
/* Makes sure that EVENT_PROCESS for this key is queued, if the process can be read at all. */
void live_introduce(struct live *live, const struct process_key *key);
/* … of whom the kernel has told what identity_from_proc() takes from it; NULL: nothing. */
void live_introduce_with(
	struct live *live, const struct process_key *key, const struct process_capture *facts);
/* The same for both halves of a ledger: whose it is, and where its server lies. */
void live_introduce_ledger(struct live *live, const struct ledger_key *key);
void live_ring_close(struct live *live);

/* live_servers.c: tells postmasters, backends and relays apart, queues EVENT_SERVER and
 * EVENT_BACKEND for what the snapshot found. */
void live_push_servers(
	struct live *live, const struct server_capture *const *captures, size_t count);
void live_servers_free(struct live *live);

/* live_snapshot.c: one look, and the books. */
int live_snapshot(struct stream *stream);
void live_push_bracket(struct live *live, __u32 begins);
void live_push_totals(
	struct live *live, const struct ledger_key *key, const struct totals *totals, bool gone);

/* live_look.c: loads what one look needs, takes it, unloads; 0 or -errno. */
int live_look(struct live *live);

/* live_load.c: loads the programs; attaches them; both 0 or -errno. */
int live_load(struct live *live);
int live_attach(struct live *live);
/* Says in one sentence why it failed, and returns what the exit status is made of. */
int live_say_why(int error, char *why, size_t size);

#endif
