/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * finding.h: what we conclude from a snapshot. A finding is a row of the rule table in
 * src/diagnose/ that holds: which rule, about whom, how grave, with the numbers that prove it and
 * what to do. Pure: same snapshot and settings, same findings.
 *
 *   findings_of(snapshot, settings) → diagnosis_feed() → views → findings_free()
 *
 * A diagnosis remembers what held before: it tells what is new and what is taken back.
 */
#ifndef PGLEAKTRACE_FINDING_H
#define PGLEAKTRACE_FINDING_H

#include <pgleaktrace/model.h>

enum rule {
	RULE_ABANDONED,
	RULE_IDLE_HOARD,
	RULE_GROWING,
	RULE_FAN_OUT,
	RULE_ORPHAN_SLOT,
	RULE_INHERITED,
	RULE_CHURN,
	RULE_FD_LEAK,
	RULE_VICTIM,
	RULE_RELAY,
	RULE_LEFT_OPEN,
	RULES
};

enum severity {
	SEVERITY_NOTE,	  /* good to know: a relay, a victim */
	SEVERITY_WARNING, /* may become one */
	SEVERITY_LEAK,	  /* costs the server slots that nobody uses */
	SEVERITIES
};

/* One number of the proof: JSON key, value, and whether it is ns. */
struct evidence {
	const char *name;
	__u64 number;
	bool is_age;
};
#define EVIDENCE_MOST 16

/* (max_connections - reserved - others) / per_process = safe_processes */
struct budget {
	bool known;		     /* max_connections is */
	__s32 max_connections;	     /* the server's, or --max-connections */
	__s32 reserved;		     /* -1: not known, taken as 0 */
	__u64 others;		     /* slots that others take now */
	__u64 slots;		     /* max_connections - reserved - others: what is left for it */
	__u64 per_process;	     /* most connections of one of its processes */
	__u64 processes;	     /* most of them at once */
	__u64 safe_processes, limit; /* how many may run; how many connections each, as they run */
};

struct finding {
	enum rule rule;
	enum severity severity;
	const struct group_row *group;	     /* of the snapshot; NULL: about a server */
	const struct instance_row *instance; /* of the snapshot; NULL: about a group */
	__u64 threshold;		     /* that it has reached; 0: the rule has none */
	char sentence[256];		     /* the evidence in words, no full stop */
	struct evidence evidence[EVIDENCE_MOST];
	size_t evidence_count;
	/* Whose code it is about, if its client library is known: `library`, `library_sign`,
	 * `library_config`, `source`; NULL: it is not. */
	const struct event_process *client;
	struct budget budget; /* of the rules that ask how many may run */
	char *advice; /* what to change, with the library's own parameter if it is known */
};

/* A finding that held and no longer does. */
struct resolution {
	enum rule rule;
	enum severity severity;
	char *subject;		    /* the group's name, or the server's program */
	char sentence[256];	    /* as it last held */
	__u64 raised_at, resolved_at; /* boot clock */
};

struct findings {
	struct finding *rows; /* in the order of the snapshot's groups, servers' last */
	size_t count;
	struct resolution *resolved; /* oldest first; only after diagnosis_feed() */
	size_t resolved_count;
};

/* What the option table may change of the rules. */
struct rule_settings {
	bool off[RULES];
	__u64 threshold[RULES]; /* 0: the rule's own */
};

/* What a predicate looks at. */
struct look {
	const struct snapshot *snapshot;
	const struct group_row *group;	     /* NULL: rules about servers */
	const struct instance_row *instance; /* NULL: rules about groups */
	__u64 threshold;
};

struct rule_row {
	const char *id; /* "idle-hoard": JSON, command line */
	enum severity severity;
	bool about_server;	/* evaluated per instance, not per group */
	__u64 threshold;	/* `--rule ID=N` */
	const char *unit;	/* what the threshold counts */
	const char *what;	/* the long form: what it means */
	const char *taken_back; /* when it no longer holds */
	const char *advice;	/* what to change, whatever the library */
	const char *evidence;	/* names of the numbers it may give, one blank in between */
	bool ended_by_kill;	/* ending the processes it blames gives slots back */
	/* Does it hold? Then fills sentence and evidence. */
	bool (*holds)(const struct look *, struct finding *);
};
extern const struct rule_row rule_rows[RULES];

/* The rule of that id; RULES: none. */
enum rule rule_find(const char *id);

/* What a number of the proof says; "" if there is none of that name. */
const char *evidence_help(const char *name);

/* Is this one of the connections that the finding is about, or does this living process have one?
 * Only of rules that are ended_by_kill; never of a relay, nor of who is only a victim. */
bool finding_blames(const struct snapshot *snapshot, const struct finding *finding,
	const struct process_row *process, const struct connection_row *connection);
bool finding_blames_process(const struct snapshot *snapshot, const struct finding *finding,
	const struct process_row *process);

/* Has its client been gone for long enough that the backend should have noticed? */
bool orphan_stays(const struct snapshot *snapshot, const struct orphan_row *orphan);

/* Can the script's code mend it? Then its library and the lines that create clients matter. */
bool rule_is_about_code(enum rule rule);

/* All that holds; the caller's until findings_free(), and no longer than the snapshot. */
struct findings *findings_of(const struct snapshot *snapshot, const struct rule_settings *settings);
void findings_free(struct findings *findings);

const char *severity_name(enum severity severity); /* "note", "warning", "leak" */
/* Whom it is about: the group's name, or the server's program and data directory. */
const char *finding_subject(const struct finding *finding);

/* How many of a group's processes its server can bear. False: its limit is not known, or nothing is
 * open. */
bool budget_of(const struct snapshot *snapshot, const struct group_row *group, struct budget *budget);

/* "(100 max_connections - 3 reserved - 12 others) / 3 per process = 28 …"; "" if not known. */
void budget_text(char *out, size_t size, const struct budget *budget);

/* What a group is to the server, by the programs it runs. All are counted alike. */
enum role { ROLE_CLIENT, ROLE_RELAY, ROLE_MONITOR, ROLES };
enum role group_role(const struct snapshot *snapshot, const struct group_row *group);
/* The worst of its processes whose client library is known; NULL: none. */
const struct event_process *group_client(const struct group_row *group);
const char *role_name(enum role role); /* "", "relay", "monitoring" */

/*
 * What held before. Fed every snapshot's findings, it calls `tell` for each that is new
 * (raised) and each that no longer holds; no clock, no I/O.
 */
struct diagnosis;
struct transition {
	bool raised;		      /* false: taken back */
	__u64 time;		      /* of the snapshot */
	const struct finding *finding; /* if raised */
	const struct resolution *resolution; /* if taken back */
};
typedef void transition_fn(void *context, const struct transition *transition);

struct diagnosis *diagnosis_new(void);
/* Also gives `findings` its list of what was taken back so far. `tell` may be NULL. */
void diagnosis_feed(struct diagnosis *diagnosis, const struct snapshot *snapshot,
	struct findings *findings, transition_fn *tell, void *context);
void diagnosis_free(struct diagnosis *diagnosis);

#endif
