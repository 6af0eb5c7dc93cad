/* SPDX-License-Identifier: BSD-2-Clause */
/* gate.h: --fail-on: which findings, standing at the end, make the exit status say so. */
#ifndef GATE_H
#define GATE_H

#include <pgleaktrace/finding.h>

struct gate {
	bool set;
	bool severities[SEVERITIES]; /* named, or graver than one that is named */
	bool rules[RULES];
	bool refused, failed; /* counts, whatever the findings say */
};

/* "leak,refused": a severity (and the graver ones), a rule's id, `refused` or `failed`. Adds to the
 * gate. 0, or -EINVAL with the word that is none of them in `bad`. */
int gate_parse(struct gate *gate, const char *words, char *bad, size_t size);

/* Does it hold something back? Then `why` is one sentence that names the first reason. The snapshot
 * must not hide rows. */
bool gate_trips(const struct gate *gate, const struct snapshot *snapshot,
	const struct findings *findings, char *why, size_t size);

#endif
