/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * finding.h: what we conclude from a snapshot. A finding is a row of the rule table in
 * src/diagnose/: which rule, about which group, how sure, with the numbers that prove it.
 */
#ifndef PGLEAKTRACE_FINDING_H
#define PGLEAKTRACE_FINDING_H

#include <pgleaktrace/model.h>

enum rule { RULE_ABANDONED, RULE_IDLE_HOARD, RULE_FD_LEAK, RULES };

struct finding {
	enum rule rule;
	const struct group_row *group; /* belongs to the snapshot */
	char evidence[160];	       /* a sentence with the numbers */
};

struct rule_row {
	const char *id;	      /* "idle-hoard": JSON, command line */
	const char *severity; /* "leak" or "warning" */
	const char *advice;   /* what to change */
	/* Does it hold for the group? Then writes the evidence. */
	bool (*holds)(const struct group_row *group, const struct snapshot *snapshot,
		char *evidence, size_t size);
};
extern const struct rule_row rule_rows[RULES];

/* All findings of a snapshot, in the order of its groups. *out is the caller's to free(). */
size_t findings_of(const struct snapshot *snapshot, struct finding **out);

#endif
