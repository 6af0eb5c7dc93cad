/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * pgleaktrace.bpf.h: what the files of bpf/ share. Every map belongs to one file; the others reach
 * it through the functions below (__hidden: verified where they are called, invisible outside).
 *
 *   hooks.bpf.c       every kernel hook, one line each: the table of contents
 *   transition.bpf.c  the life of a connection            owns: sockets_call_back, callbacks_needed
 *   connection.bpf.c  what is kept of it, how it opens    owns: connections, adopting
 *   ending.bpf.c      … and its one end: how, by whom, a refusal or not
 *   socket.bpf.c      what a TCP socket says of itself
 *   ledger.bpf.c      the books per process and server    owns: ledgers, untracked
 *   process_key.bpf.c which process a task is
 *   process.bpf.c     who a process is                    owns: processes, exec_marks, scratch
 *   scope.bpf.c       whose connections count             owns: scope
 *   path.bpf.c        a path's components
 *   wire.bpf.c        what both ends say until the session has started, and the client's last word;
 *                     owns: wires. segment.bpf.h is the packet, wire_parse.h the protocol,
 *                     the same in the tests
 *   snapshot.bpf.c    one look at all that is open        owns: listeners and their
 *                                                             marks, the numbers of looks
 *   look.bpf.c        … and for --once nothing else: linked to an object of its own
 *   descriptor.bpf.c  what both find behind a descriptor
 *   unix*.bpf.c       the same for unix sockets           see unix.bpf.h
 *   output.bpf.c      the way to user space               owns: events, lost
 */
#ifndef PGLEAKTRACE_BPF_H
#define PGLEAKTRACE_BPF_H

#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_tracing.h>
#include <bpf/bpf_endian.h>
#include <pgleaktrace/event.h>

/* A function that the verifier walks through once, by itself, and not for every way that leads to
 * it: cheap to load. It is given numbers and structures of ours, no kernel objects. */
#define GLOBAL __noinline

/*
 * May a task be preempted in a tracepoint's program? Then that program is not run for whoever comes
 * next on the CPU. Linux 7.0 guards tracepoints by SRCU-fast (commit a46023d5616e) instead of turning
 * preemption off; that takes a srcu_struct with a flavor (28bb2e2b4a9e, 6.19). Where there is none, no.
 */
static __always_inline bool tracepoints_preempted(void)
{
	return bpf_core_field_exists(struct srcu_struct, srcu_reader_flavor);
}

/* A pointer as the number that a GLOBAL function takes, whatever the verifier knows about it. */
static inline __u64 address_of(const void *pointer)
{
	__u64 address = 0;

	bpf_probe_read_kernel(&address, sizeof(address), &pointer);
	return address;
}

/* A connection's way: each step is taken once, by whoever wins the compare-and-swap. */
enum phase {
	PHASE_NONE = 0,
	PHASE_CONNECTING,
	PHASE_OPEN,
	PHASE_HELD,  /* ended by the server; a client still has the descriptor */
	PHASE_ENDED, /* nothing more can happen */
};

/* How far the wire is followed: each side from its SYN on, until the session has started. */
enum reading_state {
	READING_NOTHING = 0, /* met in the middle, or --no-wire */
	READING_CLIENT,	     /* the client's SYN was seen */
	READING_BOTH,	     /* … and the server's */
	READING_OVER,	     /* started, or not to be understood */
};

/* What the kernel remembers of a connection: lives in the socket, dies with it. From `tail` on it is
 * written by wire.bpf.c alone. */
struct connection {
	struct ledger_key ledger;
	__u64 attempted_at, opened_at;
	__u64 cookie;
	__u64 phase; /* enum phase; 64 bits for the compare-and-swap */
	__u32 tid;
	__u16 attribution;
	__u8 untracked; /* 1: the ledgers were full when it began */
	__u8 unused;
	__u64 seen; /* number of the pass that told of it last */
	char comm[EVENT_COMM];
	__u64 tail;		      /* the client's last five bytes */
	__u32 client_next, server_next; /* sequence numbers of each side's next byte */
	__u16 reply;	 /* TLS: length of the server's last record; see wire_parse.h */
	__u8 reading;	 /* enum reading_state */
	__u8 hole;	 /* 1: bytes were missed */
	__u8 plain;	 /* 1: the session is not encrypted */
	__u8 started;	 /* 1: admitted */
	__u8 refused;	 /* 1: a FATAL error came before the session: any ending is a refusal */
	__u8 terminated; /* 1: the client's last message was Terminate: any ending is a clean one */
};

/* Is the state one of several? To the verifier one question, where each == is a way of its own, which it
 * would go to the end. */
#define ONE(state) (1u << (state))

static __always_inline bool is_among(int state, __u32 several)
{
	return ONE(state & 31) & several;
}

/* Has this one taken the step? */
static __always_inline bool connection_step(
	struct connection *conn, enum phase from, enum phase to)
{
	return __sync_val_compare_and_swap(&conn->phase, from, to) == from;
}

enum loss {
	LOSS_RING_FULL,
	LOSS_LEDGER_FULL,
	LOSS_SOCKETS_FULL,
	LOSS_SCOPE_FULL,
	LOSSES
};

/* transition.bpf.c */
extern __u32 callbacks_needed;
bool transition_calls_back(struct sock *sk);
void transition_attempt(struct sock *sk, __u64 cookie);
void transition_told(struct sock *sk, int oldstate, int newstate);
void transition_called_back(struct sock *sk, int oldstate, int newstate);
void transition_destroyed(struct sock *sk);
void transition_missed(struct sock *sk, struct connection *conn);

/* connection.bpf.c */
extern __u32 adopting;
struct connection *connection_of(struct sock *sk);
struct connection *connection_of_packet(struct bpf_sock *sk);
struct connection *connection_make(struct sock *sk);
void connection_established(struct sock *sk, struct connection *conn);
void connection_speaks(struct bpf_sock *sk, struct connection *conn);
void connection_adopt(struct sock *sk, struct task_struct *holder);

/* ending.bpf.c */
struct ending_how { /* of an established connection */
	enum manner manner;
	bool by_owner; /* … else by the server or the network */
	bool held;     /* a client still has the descriptor */
};

void ending_failed(struct sock *sk, struct connection *conn, enum manner manner, int error);
void ending_reached(struct sock *sk, struct connection *conn, const struct ending_how *how);
void ending_released(struct sock *sk, struct connection *conn);

/* socket.bpf.c */
int port_watched(__u16 port); /* 1 or 0 */
bool connection_watched(struct sock *sk);
__u64 connection_cookie(struct sock *sk);
void connection_server(struct sock *sk, struct server_key *server);
void connection_local(struct sock *sk, __u8 *address, __u16 *port);
void connection_remote(struct sock *sk, __u8 *address, __u16 *port);
__u16 address_family(const __u8 *address);

/* ledger.bpf.c */
struct totals *ledger_find(const struct connection *conn);
struct totals *ledger_open(struct connection *conn);
int ledger_raise_open(struct totals *totals);
int ledger_end(struct totals *totals, enum ending ending, bool held);

/* process_key.bpf.c */
void process_key_of(struct task_struct *task, struct process_key *key);
int process_key_at(struct process_key *key, __u64 task_struct);
void process_comm_of(struct task_struct *task, char comm[EVENT_COMM]);
int process_facts_at(struct process_capture *c, __u64 task_struct);

/* process.bpf.c */
void process_introduce(struct task_struct *task, const struct process_key *key);
void process_note(const struct process_key *key);
void process_exec(struct task_struct *task);
void process_exit(struct task_struct *task);
bool process_in_exec(struct task_struct *task);

/* descriptor.bpf.c */
struct ends { /* of a TCP connection */
	__u8 local[16], remote[16];
	__u16 local_port, remote_port;
	__u16 local_family, remote_family; /* see address_family() */
	__u32 netns;
};

/* NULL: it is no socket's. Inline: nearly every descriptor of the host ends here. */
static __always_inline struct sock *descriptor_socket(struct file *file)
{
	struct socket *socket = file ? bpf_sock_from_file(file) : NULL;

	return socket ? socket->sk : NULL;
}

bool descriptor_is_tcp(struct sock *sk);
bool descriptor_is_clients(struct sock *sk);
void descriptor_ends(struct ends *ends, struct sock *sk, struct tcp_sock *tcp);
void descriptor_traffic(struct event_socket *event, struct tcp_sock *tcp);
bool descriptor_holder(
	struct bpf_iter__task_file *ctx, struct task_struct *task, __u64 cookie);
void descriptor_tcp_server(struct bpf_iter__task_file *ctx, struct task_struct *task,
	struct sock *sk, const struct ends *ends);
void descriptor_unix_server(
	struct bpf_iter__task_file *ctx, struct task_struct *task, struct sock *sk);

/* snapshot.bpf.c */
extern __u32 snapshot_number, listeners_known, listeners_wanted;

/* scope.bpf.c */
bool scope_has(struct task_struct *task);
void scope_seed(void);
void scope_fork(struct task_struct *parent, struct task_struct *child);
void scope_leave(struct task_struct *task);

/* path.bpf.c */
struct path_walk { /* up to the root; in a map's value, filled by path_components() */
	struct dentry *dentry, *top;
	struct mount *mount;
	__u32 at, end; /* in the tail: where the next name goes, and where no more may */
	__u8 whole;    /* the root was reached */
};

__u32 path_components(
	struct path_walk *walk, char *tail, __u32 from, struct path *path, struct path *root);

/* wire.bpf.c */
void wire_egress(struct bpf_sock *sk, struct __sk_buff *skb);
void wire_ingress(struct bpf_sock *sk, struct __sk_buff *skb);
void wire_forget(struct sock *sk);
void wire_infer(struct sock *sk, struct connection *conn);

/* output.bpf.c */
bool output_detail(void *event, __u64 size);
bool output_identity(void *event, __u64 size);
int loss_count(enum loss loss);

/* Bytes a scratch tail has, and the mask that keeps the verifier sure of it. */
#define TAIL_MASK 8191
#define TAIL_SIZE (TAIL_MASK + 1 + 256)

#endif
