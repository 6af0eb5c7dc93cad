/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * unix.bpf.h: what the files about unix-domain sockets share. docs/UNIX.md tells what the kernel
 * gives and why it is done this way.
 *
 *   unix.bpf.c           the life of a connection      owns: unix_connections, unix_marks
 *   unix_name.bpf.c      whose socket is watched       owns: unix_places, unix_names, unix_bound
 *   unix_asked.bpf.c     what connect() asks for       owns: unix_known, unix_asked
 *   unix_adopt.bpf.c     what a look finds open
 *   unix_relay.bpf.c     who listens and is no PostgreSQL  owns: unix_relays
 *   unix_holder.bpf.c    who may have an end of one    owns: unix_holders
 *   unix_last.bpf.c      who was the last to have one  owns: unix_leavers
 *   unix_exit.bpf.c      what a process takes with it
 *   unix_unseen.bpf.c    what came and went, where connect() can't be hooked
 *   unix_snapshot.bpf.c  what is alive, what vanished
 */
#ifndef PGLEAKTRACE_UNIX_BPF_H
#define PGLEAKTRACE_UNIX_BPF_H

#include "pgleaktrace.bpf.h"

/* A backend that refuses is gone within this; as in ending.bpf.c. */
#define REFUSAL_LIFE 10000000000ull /* ns */

/* Who else may have the socket, once its opener is gone. */
enum elsewhere {
	ELSEWHERE_NO = 0,
	ELSEWHERE_FORKED, /* who has forked or was, and whose exit we watch, or a holder a snapshot found */
	ELSEWHERE_UNSEEN, /* somebody: it went through SCM_RIGHTS or pidfd_getfd */
};

/* A connection that is not over. */
struct unix_connection {
	struct connection base;
	__u64 cookie;
	__u64 last_traffic; /* 0: not known */
	__u64 switches;	    /* of the server's end, when last looked at */
	__u32 leaving;	  /* 1: somebody who exited had it, and not alone */
	__u32 holder;	  /* pid of one that a snapshot found */
	__u32 born, seen; /* numbers of snapshots */
	__u32 elsewhere;  /* enum elsewhere */
	__u32 closing;	  /* 1: a snapshot saw the client gone and the backend there */
};

extern const volatile __u32 unix_hooked;

/* unix.bpf.c */
struct unix_connection *unix_find(__u64 cookie);
int unix_opened(__u64 cookie, __u64 when);
int unix_end(__u64 cookie, enum ending ending, enum manner manner, bool held);
int unix_fail(__u64 cookie, enum manner manner);
void unix_infer(const struct ledger_key *ledger, __u64 cookie);
int unix_release(__u64 cookie);
int unix_settle(__u64 cookie, __u64 client_end);
void unix_vanished(struct unix_connection *conn);
bool unix_track(const struct unix_connection *fresh, void *sk);
void unix_emit_open(struct unix_connection *conn);
int unix_connects(struct bpf_sock_addr *ctx);
int unix_accepted(struct bpf_sock_addr *ctx);

/* unix_name.bpf.c */
#define UNIX_PATH      108 /* sun_path, zero behind its end … */
#define UNIX_PATH_ROOM 128 /* … with room to read a whole name from its last byte */

struct unix_name {
	char path[UNIX_PATH_ROOM];
	__u64 hash;
	__u32 port; /* 0: not one of ours */
	__u32 abstract;
	__u32 last; /* where the name behind the last slash begins */
	__u32 unused;
};

/* What a server's end says of whose it is. */
enum unix_told {
	TOLD_NOTHING = 0, /* it is none of ours */
	TOLD_SERVER,
	TOLD_NAME, /* it is closed, and nobody met an open one: only what it was called */
};

bool unix_name_may_be(const void *sun_path, __u32 length);
void unix_name_read(struct unix_name *name, const void *sun_path, __u32 length);
void unix_name_key(struct server_key *key, const struct unix_name *name, struct sock *sk);
void unix_name_keep(const struct server_key *key, const struct unix_name *name);
int unix_server_of(struct server_key *key, __u64 socket); /* of a struct sock; enum unix_told */

/* unix_asked.bpf.c */
bool unix_asked_key(struct server_key *key, struct bpf_sock_addr *ctx, struct sock *client);
bool unix_asked_server(struct server_key *key);
bool unix_asked_left(struct server_key *key, struct task_struct *holder);
void unix_asked_learn(const struct server_key *asked, const struct server_key *server);
void unix_asked_bound(
	struct task_struct *task, struct sock *listener, const struct server_key *server);

/* unix_adopt.bpf.c */
void unix_adopt(struct sock *sk, struct sock *server_end, struct task_struct *holder);

/* unix_relay.bpf.c */
bool unix_is_postgres(struct task_struct *task);
void unix_relay_seen(struct task_struct *task, const struct server_key *server);
bool unix_is_relay(struct server_key *key);

/* unix_holder.bpf.c */
void unix_hold(struct task_struct *task);
void unix_forked(struct task_struct *parent, struct task_struct *child);
bool unix_leaves(struct task_struct *task, __u64 *forked);

/* unix_last.bpf.c */
__u64 unix_references(struct file *file); /* descriptors, and those in flight */
bool unix_last(struct unix_connection *conn, struct task_struct *task, __u64 forked,
	struct file *file);
void unix_last_forget(__u64 cookie);

/* unix_exit.bpf.c */
void unix_exits(struct task_struct *task);

/* unix_unseen.bpf.c */
void unix_unseen(struct task_struct *backend, struct sock *client_end, struct sock *server_end,
	bool refuses);

/* unix_snapshot.bpf.c */
void unix_file(struct bpf_iter__task_file *ctx, struct task_struct *task, struct sock *sk);

/* It reached a server: only now is it known which. Inline, as the exit programs are as deep as a
 * stack of 512 bytes allows. */
static inline void unix_open(struct unix_connection *conn, __u64 server_end)
{
	if (conn->base.phase == PHASE_CONNECTING &&
		unix_server_of(&conn->base.ledger.server, server_end))
		unix_opened(conn->cookie, bpf_ktime_get_boot_ns());
}

static inline __u64 unix_key_half(const struct server_key *key, int which)
{
	__u64 value;

	__builtin_memcpy(&value, key->address + 8 * which, sizeof(value));
	return value;
}

/* Of two keys with the same port. */
static inline bool unix_same_place(const struct server_key *a, const struct server_key *b)
{
	return unix_key_half(a, 0) == unix_key_half(b, 0) &&
	       unix_key_half(a, 1) == unix_key_half(b, 1);
}

/* The address that a server bound; its accepted sockets share it. NULL: none of ours. Inline, for the
 * same reason. */
static inline struct unix_address *unix_name_of(struct unix_name *name, struct sock *bound)
{
	struct unix_address *address = BPF_CORE_READ((struct unix_sock *)bound, addr);
	__u32 length = address ? (__u32)BPF_CORE_READ(address, len) - 2 : 0;
	void *path = (void *)address + bpf_core_field_offset(struct unix_address, name) + 2;

	if (!unix_name_may_be(path, length))
		return NULL;
	unix_name_read(name, path, length);
	return name->port ? address : NULL;
}

/* Is it bound to a watched name? */
static inline bool unix_watched(struct sock *sk)
{
	return unix_server_of(NULL, address_of(sk));
}

static inline struct sock *unix_peer(struct sock *sk)
{
	return BPF_CORE_READ((struct unix_sock *)sk, peer);
}

/* close() takes the socket away from its struct sock, which lives on while the other end does. */
static inline bool unix_alive(struct sock *sk)
{
	return BPF_CORE_READ(sk, sk_socket) != NULL;
}

static inline int unix_state(struct sock *sk)
{
	return BPF_CORE_READ(sk, __sk_common.skc_state);
}

#endif
