/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * unix.bpf.h: what the files about unix-domain sockets share. docs/UNIX.md tells what the kernel
 * gives and why it is done this way.
 *
 *   unix.bpf.c           the life of a connection      owns: unix_connections, unix_marks
 *   unix_name.bpf.c      whose socket is watched       owns: unix_places, unix_paths
 *   unix_relay.bpf.c     who listens and is no PostgreSQL  owns: unix_relays
 *   unix_holder.bpf.c    who may have an end of one    owns: unix_holders
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
	ELSEWHERE_FORKED, /* its children, whose exits we watch, or a holder a snapshot found */
	ELSEWHERE_UNSEEN, /* somebody: it went through SCM_RIGHTS or pidfd_getfd */
};

/* May an exiting process have an end of a connection? */
enum unix_holding {
	HOLDS_NOTHING = 0, /* it has none, or lives on */
	HOLDS_ALONE,
	HOLDS_WITH_OTHERS, /* it has forked: its children inherited */
};

/* A connection that is not over. */
struct unix_connection {
	struct connection base;
	__u64 cookie;
	__u64 last_traffic; /* 0: not known */
	__u64 switches;	    /* of the server's end, when last looked at */
	__u64 exit_start;   /* the exit that counted the descriptors below */
	__u32 exit_pid;
	__u32 exit_fds;
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
void unix_adopt(struct sock *sk, struct sock *server_end, struct task_struct *holder);
int unix_connects(struct bpf_sock_addr *ctx);
int unix_accepted(struct bpf_sock_addr *ctx);

/* unix_name.bpf.c */
int unix_server_of(struct server_key *key, __u64 socket); /* of a struct sock, a server's end; 1 or 0 */
bool unix_server_asked(struct server_key *key, struct bpf_sock_addr *ctx, struct sock *client);
void unix_server_known(struct server_key *key);

/* unix_relay.bpf.c */
bool unix_is_postgres(struct task_struct *task);
void unix_relay_seen(struct task_struct *task, struct sock *listener);
bool unix_is_relay(struct server_key *key);

/* unix_holder.bpf.c */
void unix_hold(struct task_struct *task);
void unix_forked(struct task_struct *parent, struct task_struct *child);
enum unix_holding unix_leaves(struct task_struct *task);

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
