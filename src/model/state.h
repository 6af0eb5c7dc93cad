/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * state.h: the model's inside, shared by the files that take events in (model.c lists them) and those
 * that give rows out: snapshot.c and what it calls. A file below calls only those above it.
 */
#ifndef MODEL_STATE_H
#define MODEL_STATE_H

#include <pgleaktrace/model.h>

#include "base/hash.h"
#include "base/ns.h"
#include "model/script.h"

/* Ended connections whose details are kept; older ones are dropped and counted. */
#define ENDED_MOST 10000
/* Gone processes that are kept one by one; older ones are folded (fold.c). */
#define GONE_MOST  10000
/* Folds: kinds of gone processes; of more, those not joined for the longest become "~other". */
#define KINDS_MOST 10000

struct process {
	struct process_key key;
	struct event_process identity; /* strings in `arena` */
	char *arena;
	bool identified;
	struct script_name name;
	char *wrapper;
	bool worker; /* of a server of the same script: gunicorn's, php-fpm's, node's cluster's */
	bool gone;
	__u32 gone_in; /* model.snapshots when it went; of a fold: when the last one joined */
	__s32 exit_code;
	__u64 folded;         /* gone processes it stands for, `identity` is one's; 0: itself */
	__s64 open;           /* event by event: for its crowd's `busy` */
	struct ledger *books; /* while fold.c works … */
	bool needed;          /* … which may not fold this one */
	UT_hash_handle hh;
};

/* What the server's side says of a connection: its backend, as of the last snapshot. */
struct told {
	struct process_key backend, postmaster;
	char user[EVENT_NAME], database[EVENT_NAME], activity[EVENT_NAME]; /* "": not known */
	__u32 pid_in_ns; /* as its server counts it; 0: not known */
	__u32 snapshot;  /* when it was last joined */
};

struct connection {
	UT_hash_handle hh; /* next to its key */
	__u64 cookie;
	struct ledger_key ledger;
	__u64 opened_at, ended_at;
	__u64 known_since; /* of an adopted one: its earliest sign of life in the first look; 0: none */
	__u64 last_sent, last_received, sent, received; /* as of the last snapshot; 0: never */
	__u8 local[16];
	__u16 local_port;
	struct told *told;       /* NULL: no backend of this host is known */
	struct event_wire *wire; /* what the wire said, put together; NULL: nothing */
	enum ending ending;
	enum manner manner;
	__s32 error, exit_code;
	struct process_key closer;
	char closer_comm[EVENT_COMM];
	enum attribution attribution;
	bool held;
	__u32 tid;
	char comm[EVENT_COMM];
	struct holder_row *holders; /* as of the last snapshot */
	size_t holder_count;
	struct connection *next_ended; /* in the order of ending */
	bool current;                  /* reachable by its cookie: a socket may connect again */
	bool counted;                  /* in its crowds: it was seen open */
};

/* The books of one process image with one server. */
struct ledger {
	struct ledger_key key;
	struct totals totals;     /* the kernel's, as of the last EVENT_TOTALS */
	struct totals settled;    /* of ledgers that the kernel has closed */
	__s64 alive;              /* open sockets the running snapshot has found */
	__s64 missing;            /* open by the books, not found by the last snapshot */
	__u64 unknown;            /* … and not by the one after: ended unseen */
	struct series *series;    /* that counts it; NULL: none yet */
	struct totals counted;    /* what its series were given so far */
	__u64 labelled;           /* time of the identity that chose the series */
	struct ledger *next_book; /* of the same process, while fold.c works */
	UT_hash_handle hh;
};

/* The server's end of a connection: one slot. */
struct backend {
	struct event_backend event; /* strings in `arena` */
	char *arena;
	struct connection *client; /* while the snapshot that found it ends */
	int match;                 /* how well it fits: enum match of join.c */
	bool ambiguous;
	/* Kept from snapshot to snapshot, for when the client is forgotten. */
	bool joined;
	struct ledger_key opener;
	__u64 client_cookie, client_opened;
	__u32 closed_for; /* snapshots in a row that found its client's end closed */
};

/* Most samples of used slots that are kept of one server. */
#define HISTORY_MOST 600

/* A server that runs on this host. */
struct instance {
	struct process_key key;
	struct event_server facts; /* of its last EVENT_SERVER; strings in `arena` */
	char *arena;
	struct server_key *listeners;
	size_t listener_count;
	struct backend *backends; /* as of the running or last snapshot … */
	size_t backend_count;
	struct backend *before; /* … and of the one before */
	size_t before_count;
	bool seen;
	struct sample history[HISTORY_MOST];
	size_t history_count;
	UT_hash_handle hh;
};

/* Which instance is behind a server's key, as a joined connection has shown. */
struct home {
	struct server_key key;
	struct process_key instance;
	UT_hash_handle hh;
};

/* How many connections of a script, or to a server, are open, event by event: for its peak. */
struct crowd {
	char *name; /* the script's, or a server's key as it is: with a NUL in it, which no name has */
	size_t length;
	bool kept; /* by a sweep: a process or ledger has its name */
	__s64 open, peak;
	__s64 busy, busy_peak; /* of a script: processes with an open connection */
	UT_hash_handle hh;
};

/* Label sets with a row of their own; those that come later share script="~other". */
#define SERIES_MOST 1000
#define SERIES_KEPT HOUR /* ns after its last process */

struct series {
	struct series_row row; /* totals; what is so now is filled in for a snapshot */
	char *labels;          /* script, container, server and library, each with its NUL */
	__u64 seen;            /* when a process of it last lived */
	UT_hash_handle hh;
};

/* Where a unix server's socket lies. */
struct place {
	struct server_key key;
	char *path;
	UT_hash_handle hh;
};

struct model {
	struct event_session session;
	char *session_texts;
	bool has_session;
	__u64 now, started;
	enum stop_reason stop;
	struct event_command command; /* the latest; pid 0: no command. argv in `command_argv` */
	char *command_argv;
	struct losses losses;
	struct process *processes;
	size_t gone_count; /* of them, without folds */
	bool keep_all;
	struct connection *connections; /* by cookie, the current one of each */
	struct connection *ended_first, *ended_last;
	size_t ended_count;
	__u64 forgotten;
	struct ledger *ledgers;
	struct crowd *crowds;
	struct place *places;
	struct series *series;
	__u64 series_swept;
	struct instance *instances;
	struct home *homes;
	__u32 snapshots; /* begun so far */
};

/* One per kind of event, each in the file of its noun; see model.c. */
void apply_process(struct model *model, const struct event_process *e);
void apply_exit(struct model *model, const struct event_exit *e);
void apply_open(struct model *model, const struct event_open *e);
void apply_end(struct model *model, const struct event_end *e);
void apply_release(struct model *model, const struct event_release *e);
void apply_wire(struct model *model, const struct event_wire *e);
void apply_socket(struct model *model, const struct event_socket *e);
void apply_holder(struct model *model, const struct event_holder *e);
void apply_snapshot(struct model *model, const struct event_snapshot *e);
void apply_totals(struct model *model, const struct event_totals *e);
void apply_backend(struct model *model, const struct event_backend *e);
void apply_server(struct model *model, const struct event_server *e);
void apply_place(struct model *model, const struct event_place *e);

/* process.c */
struct process *state_process(const struct model *model, const struct process_key *key);
struct process *process_get(struct model *model, const struct process_key *key);
void process_went(struct model *model, struct process *process);
void process_free(struct process *process);
/* By start, then pid, then exec. */
int process_key_order(const struct process_key *p, const struct process_key *q);
/* Nobody's: the books of connections whose opener no map had room for. */
static inline bool is_untracked(const struct process_key *key)
{
	return !key->pid && !key->exec;
}
/* Never NULL: "?" for who has no name, "~untracked" for nobody. */
const char *state_script(const struct model *model, const struct process_key *key);

/* ledger.c */
struct ledger *state_ledger(const struct model *model, const struct ledger_key *key);
struct ledger *ledger_get(struct model *model, const struct ledger_key *key);
bool ledger_is_empty(const struct ledger *ledger);
__u64 ledger_open(const struct ledger *ledger); /* connections that it holds open */
void totals_add(struct totals *to, const struct totals *from);

/* crowd.c */
/* `by` more are open: of the opener's script, and to the server. */
void crowds_change(struct model *model, const struct ledger_key *key, __s64 by);
/* NULL: none of it was ever open. */
const struct crowd *crowd_of_script(const struct model *model, const char *script);
const struct crowd *crowd_of_server(const struct model *model, const struct server_key *key);
void crowds_sweep(struct model *model); /* those that nobody names any more go */
/* The most that were open at once, into a model that believes the same. */
void crowds_copy(struct model *to, const struct model *from);
void crowds_free(struct model *model);

/* place.c: the path of a unix server; NULL: TCP, or not told yet. */
const char *state_path(const struct model *model, const struct server_key *key);
void places_free(struct model *model);

/* series.c */
void series_count(struct model *model, struct ledger *ledger); /* its books have changed */
/* It ends: before it is filed under the ended, which may drop it. */
void series_lifetime(struct model *model, const struct connection *conn, __u64 ended_at);
void series_sweep(struct model *model); /* a snapshot has ended: the long gone are dropped */
void series_free(struct model *model);
void series_gather(struct snapshot *to, const struct model *model, __u64 older);

/* An adopted connection is as old as the backend that was forked for it; where none is seen, at least
 * as the last bytes before it was found, which the kernel remembers. */
static inline __u64 connection_born(const struct connection *conn)
{
	__u64 born = conn->told ? conn->told->backend.start : conn->known_since;

	if (conn->attribution == ATTRIBUTION_CONNECT || !born || born > conn->opened_at)
		return conn->opened_at;
	return born;
}

/* connection.c: `connection_get` finds the current one of a cookie, or NULL. */
struct connection *connection_get(const struct model *model, __u64 cookie);
void connections_unhold(struct model *model); /* a snapshot begins: nobody has been seen yet */
void connections_free(struct model *model);

/* join.c */
void backends_join(struct model *model); /* a snapshot has ended: each finds its client */
/* The connection that a backend served; NULL: never seen, or forgotten. */
struct connection *backend_client(const struct model *model, const struct backend *backend);
/* Is the client's end gone? */
bool backend_is_orphan(const struct model *model, const struct backend *backend);

/* servers.c: what a snapshot's brackets mean for the servers. */
void servers_begin(struct model *model);
void servers_end(struct model *model, __u64 time);
void servers_free(struct model *model);
void servers_copy(struct model *to, const struct model *from); /* which has none yet */
/* The server behind a key, by what was joined, else by who listens there; NULL: none found. */
struct instance *state_instance(const struct model *model, const struct server_key *key);
bool backend_takes_slot(const struct instance *instance, const struct backend *backend);

/* fold.c: a snapshot has ended: of the gone, all but the last `most` become folds, of at most `kinds`
 * kinds. */
void fold_gone(struct model *model, size_t most, size_t kinds);

/* filter.c: does a query without its grouping and sorting want this ledger shown? */
bool query_wants_server(const struct query *query, const struct server_key *key);
bool query_wants(const struct query *query, const struct model *model, const struct ledger *ledger);

/* connection_row.c: how long no byte went either way; does the server work for it? */
__u64 connection_quiet(const struct connection *conn, const struct model *model);
bool connection_is_busy(const struct connection *conn, const struct model *model);
void connection_row_fill(
	struct connection_row *row, const struct connection *conn, const struct model *model);

/* order.c: each in place; `field` NULL: the worst first. */
void connections_sort(struct connection_row *rows, size_t count);
void processes_sort(struct process_row *rows, size_t count);
void groups_sort(struct group_row *rows, size_t count, const struct count_field *field);

/* instances.c: the rows of the servers on this host. */
void instances_fill(
	struct snapshot *snapshot, const struct model *model, const struct query *query);
void instances_free(struct snapshot *snapshot);

#endif
