/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * finding.h: what we conclude from a snapshot. A finding is a row of the rule table in
 * src/diagnose/ that holds: which rule, about whom, how grave, with the numbers that prove it and
 * what to do. Pure: same snapshot and settings, same findings.
 *
 *   findings_of(snapshot, settings) → views → findings_free()
 */
#ifndef PGLEAKTRACE_FINDING_H
#define PGLEAKTRACE_FINDING_H

#include <pgleaktrace/model.h>

enum rule { RULE_ABANDONED, RULE_IDLE_HOARD, RULE_FD_LEAK, RULE_LEFT_OPEN, RULES };

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
#define EVIDENCE_MOST 8

struct finding {
	enum rule rule;
	enum severity severity;
	const struct group_row *group;	     /* of the snapshot; NULL: about a server */
	const struct instance_row *instance; /* of the snapshot; NULL: about a group */
	char sentence[256];		     /* the evidence in words, no full stop */
	struct evidence evidence[EVIDENCE_MOST];
	size_t evidence_count;
	char *advice; /* what to change, with the library's own parameter if it is known */
};

struct findings {
	struct finding *rows; /* in the order of the snapshot's groups, servers' last */
	size_t count;
};

/* What the option table may change of the rules. */
struct rule_settings {
	bool off[RULES];
};

struct rule_row {
	const char *id; /* "idle-hoard": JSON, command line */
	enum severity severity;
	const char *advice; /* what to change, whatever the library */
	/* Does it hold for the group? Then fills sentence and evidence. */
	bool (*holds)(const struct snapshot *, const struct group_row *, struct finding *);
};
extern const struct rule_row rule_rows[RULES];

/* All that holds; the caller's until findings_free(), and no longer than the snapshot. */
struct findings *findings_of(const struct snapshot *snapshot, const struct rule_settings *settings);
void findings_free(struct findings *findings);

const char *severity_name(enum severity severity); /* "note", "warning", "leak" */

#endif
