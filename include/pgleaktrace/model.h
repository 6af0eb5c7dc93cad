/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * model.h: what we believe, and the one thing that changes it: an event.
 *
 *   model_new() → model_apply(event) … → model_snapshot(query) → views → snapshot_free()
 *
 * The model does no I/O and reads no clock; time is the latest event's. Counts come from the
 * kernel's ledgers (EVENT_TOTALS), never from counting events, so lost details can't make them
 * wrong. A snapshot is const, complete in itself, and owes nothing to the model but its strings:
 * it must be freed before the model changes again.
 */
#ifndef PGLEAKTRACE_MODEL_H
#define PGLEAKTRACE_MODEL_H

#include <regex.h>
#include <stdbool.h>
#include <stddef.h>
#include <pgleaktrace/event.h>

struct model;

/* The same counts for a process, a script and a server; DESIGN §8 has the equation. */
struct counts {
	__u64 adopted, opened, closed, abandoned, hung_up, refused, unknown, failed;
	__u64 open;    /* now */
	__u64 idle;    /* of open: unused for longer than query.older */
	__u64 fd_leak; /* ended by the server, descriptor still held */
	__u64 peak;   /* most open at once; of a script: as seen by events, a lower bound if lost */
	__u64 oldest; /* age of the oldest open connection, ns */
	bool oldest_at_least; /* the oldest was adopted: it is at least that old */
};

struct holder_row {
	__u32 pid;
	__s32 fd;
};

struct connection_row {
	__u64 cookie;
	__u64 opened_at, ended_at; /* ended_at 0: open */
	__u64 age;                 /* open: until now; ended: its lifetime */
	__u64 quiet;               /* since the last byte, or since it was opened */
	__u64 idle;                /* the same; 0 while it is busy */
	__u64 sent, received;
	struct server_key server;
	__u16 local_port;
	enum ending ending;
	enum manner manner;
	__s32 error, exit_code;
	struct process_key closer; /* pid 0: none, or not a client */
	const char *closer_comm;
	enum attribution attribution;
	bool at_least;    /* it was open before we came, and nothing says since when */
	bool held;        /* ended by the server, descriptor still held */
	bool busy;        /* open, and the server works on what it was asked */
	const char *comm; /* thread that opened it */
	__u32 tid;
	const struct holder_row *holders;
	size_t holder_count;
	const char *server_path; /* unix: where the socket lies; NULL for TCP */
	/* From the wire, or from the backend's title; "" or 0: not known. */
	const char *user, *database, *application;
	const char *activity;    /* what the backend does: "idle in transaction"; "": not known */
	__u32 backend_pid;       /* on this host or, from the wire, on a remote one */
	__u32 backend_pid_in_ns; /* as its server counts it: for pg_terminate_backend() */
	enum encryption encryption;
	enum purpose purpose;
	const char *sqlstate, *message; /* of a refusal; "" if it was not read */
	bool refusal_inferred;          /* told by its shape */
};

struct process_row {
	struct process_key key;
	const struct event_process *identity; /* NULL: could not be read */
	const char *script;
	/* 0: one process. Else that many gone ones, their counts together, their connections forgotten.
	 * `key` is nobody's and `identity` is one of theirs: they have in common comm, exe, uid, user,
	 * container, unit, library, servers and the script. */
	__u64 folded;
	bool gone;
	bool worker;     /* its parent runs the same script: a server's worker */
	__s32 exit_code; /* valid if gone, not of a fold */
	struct counts counts;
	struct connection_row *connections; /* open first, oldest first */
	size_t connection_count;
};

struct group_row {
	const char *name;    /* by the query's grouping */
	const char *wrapper; /* "npm run seed", or NULL */
	const char *runtime; /* "node", or NULL */
	struct counts counts;
	struct process_row *processes; /* folds last */
	size_t process_count;          /* rows */
	__u64 process_total; /* distinct processes: each row is one, or as many as were folded */
	__u64 process_peak;  /* most connections of one of its processes */
	__u64 concurrent; /* most of its processes with a connection at once; events' lower bound */
};

/* A backend that still holds a slot though its client is gone. */
struct orphan_row {
	__u32 backend_pid;       /* as this host counts; 0: not known */
	__u32 backend_pid_in_ns; /* as its server does */
	__u64 since; /* boot clock: when the client's end closed; 0: before we looked */
	const char *user, *database, *activity; /* "" not known */
	const char *script;        /* of the dead client; NULL: it was gone before we came */
	struct process_key client; /* pid 0: not known */
	enum ending ending;
	enum manner manner;
	__s32 exit_code; /* with MANNER_EXIT */
};

/* Slots that one address's clients take. */
struct remote_row {
	__u8 address[16];
	__u64 slots;
};

struct sample {
	__u64 time; /* boot clock */
	__u32 used;
};

/* A server that runs on this host: a PostgreSQL, or a relay (then only `program` and `process`). */
struct instance_row {
	struct process_key process; /* postmaster */
	enum server_kind kind;
	__u32 version;                             /* major; 0: not known */
	const char *program;                       /* "postgres", "pgbouncer" */
	const char *data_directory, *limit_source; /* NULL: not known */
	const char *container;                     /* NULL: in none */
	__s32 max_connections, reserved;           /* -1: not known */
	__u64 used;                                /* slots taken now, orphans among them */
	struct orphan_row *orphans;
	size_t orphan_count;
	struct remote_row *remotes; /* clients that are not on this host, most slots first */
	size_t remote_count;
	const struct sample *history; /* slots used at each snapshot, oldest first */
	size_t history_count;
	double per_minute; /* growth of used slots; may be negative; NAN: seen for too short a time */
	__u64 full_in; /* ns until max_connections - reserved at that rate; 0: not in sight, now, or
			    * it grew and then no more */
};

struct server_row {
	struct server_key key;
	const char *path; /* unix: where the socket lies; NULL for TCP */
	struct counts counts;
	const struct instance_row *instance; /* NULL: not on this host, or not found */
	__s32 max_connections; /* the instance's, or --max-connections; -1: not known */
};

#define SERIES_LABEL_COLUMNS 128 /* a longer script, container, server or library is cut */

/* Lifetimes of ended connections are counted by the first bound they fit; the last has none. */
#define LIFETIMES 9
extern const __u64 lifetime_bounds[LIFETIMES - 1]; /* ns, ascending */

/*
 * What metrics count: one script's connections to one server, from one container, by one library.
 * Totals never go down while the row exists: what a process has added stays when it ends. A row is
 * gone an hour after the last process that belongs to it.
 */
struct series_row {
	const char *script, *container, *server, *library; /* clean, cut; "" not known */
	struct counts counts;                              /* without `peak` */
	__u64 processes;                                   /* with an open connection now */
	__u64 lifetimes[LIFETIMES]; /* of connections seen from connect() to end */
	__u64 lifetime_sum;         /* ns */
};

enum group_by { GROUP_SCRIPT, GROUP_PROCESS, GROUP_USER, GROUP_CONTAINER, GROUP_SERVER, GROUPS };

/* What a snapshot shows. Zero means no restriction, except `older` and `sort`. */
struct query {
	enum group_by group_by;
	const struct count_field *sort; /* NULL: worst first (idle, then open, then abandoned) */
	size_t rows;                    /* most groups; 0: all */
	__u64 older;                    /* ns: idle for longer is worth a look */
	__u32 pid;
	const char *user; /* name or number */
	const char *comm;
	const regex_t *cmdline;
	const char *cgroup;    /* part of container id or unit name */
	const char *container; /* part of container id */
	__u8 host[16];         /* server address … */
	unsigned host_bits;    /* … and how many bits of it count; 0: any */
	__u32 max_connections; /* of servers that are not on this host; 0: not known */
	bool no_series;        /* who shows no metrics can do without `series` */
};

/* Does it leave anything out by who, where or to which server? */
bool query_narrows(const struct query *query);

struct snapshot {
	const struct event_session *session; /* NULL before the first event */
	__u64 now, started;                  /* boot clock, ns */
	__u64 older;
	enum group_by group_by;
	bool narrowed;                       /* query_narrows() */
	const struct event_command *command; /* NULL: the whole host was watched */
	enum stop_reason stop;
	struct counts counts;
	struct group_row *groups;
	size_t group_count, groups_hidden; /* hidden by query.rows */
	struct server_row *servers;
	size_t server_count;
	struct instance_row *instances; /* found on this host, with or without local clients */
	size_t instance_count;
	struct series_row *series; /* by labels; the same whatever the query narrows or groups */
	size_t series_count;
	struct losses losses;
	bool complete;
	__u64 forgotten; /* ended connections whose details were dropped; counts keep them */
};

struct model *model_new(void);
/* … that folds no gone process: who asks by pid or command line wants each. */
struct model *model_for(const struct query *query);
void model_free(struct model *model);

/* Takes one event in; the event's strings are copied. Unknown kinds are ignored. */
void model_apply(struct model *model, const union event *event);

/* Did the last look find everything that the books hold open? */
bool model_is_certain(const struct model *model);

/* Tells what is believed now as events, the session first: a recording that is begun in the middle
 * starts with them. A new model that applies them believes the same, but for the peaks of scripts
 * and servers, which only the past can teach. */
typedef void model_tell(void *data, const union event *event);
void model_retell(const struct model *model, model_tell *tell, void *data);
/* Of that only who and what is there: the session, living processes, where servers lie. A recording
 * that is gone on with in another file begins with them. */
void model_tell_again(const struct model *model, model_tell *tell, void *data);
/* Another that believes the same, peaks included; model_free() it. */
struct model *model_copy(const struct model *model);

struct snapshot *model_snapshot(const struct model *model, const struct query *query);
void snapshot_free(struct snapshot *snapshot);
/* A row of a server that this one is behind; NULL: none is shown. */
const struct server_row *snapshot_server(
	const struct snapshot *snapshot, const struct instance_row *instance);

/* Who a key is, for a view that prints single events; NULL: not known. */
const struct event_process *model_process(const struct model *model, const struct process_key *key);
const char *model_script(const struct model *model, const struct process_key *key);
/* Where a unix server's socket lies; NULL: TCP, or not known. */
const char *model_path(const struct model *model, const struct server_key *key);
/* What the wire has said of an open connection, put together; NULL: nothing. */
const struct event_wire *model_wire(const struct model *model, __u64 cookie);
const struct event_session *model_session(const struct model *model);

/* The columns of counts, declared once for every view. */
struct count_field {
	const char *name;  /* JSON key, and --sort KEY */
	const char *title; /* column heading */
	const char *help;
	__u64 (*get)(const struct counts *counts);
	bool is_age;   /* ns, to be shown as an age */
	bool in_table; /* part of the text report's table */
};
extern const struct count_field count_fields[];
extern const size_t count_field_count;
const struct count_field *count_field_find(const char *name);

/* Names of the closed sets, as JSON and text say them. */
const char *ending_name(enum ending ending);
const char *manner_name(enum manner manner);
const char *attribution_name(enum attribution attribution);
const char *group_by_name(enum group_by group_by);
const char *encryption_name(enum encryption encryption); /* "", "none", "tls", "gss" */
const char *purpose_name(enum purpose purpose); /* "", "session", "cancel", "replication" */
const char *server_kind_name(enum server_kind kind);

#endif
