/* SPDX-License-Identifier: BSD-2-Clause */
/* identity.h: who a process is: what the kernel captured, and what /proc adds while it still lives. */
#ifndef STREAM_IDENTITY_H
#define STREAM_IDENTITY_H

#include <stdbool.h>
#include <pgleaktrace/event.h>

/* An identity and the memory its strings live in. */
struct identity {
	struct event_process event;
	char *arena;
	size_t used, size;
};

/* What was read last and is the same for the next one: processes come in broods, of one parent and
 * one user. Good for one batch, not longer: a parent can exec. Zeroed: nothing. */
struct brood {
	__u32 parent; /* 0: none */
	int folder;   /* the parent's in /proc: nobody else's, also when its pid is used again */
	struct ancestor ancestors[EVENT_ANCESTORS]; /* strings: offsets in `strings`, + 1 */
	__u32 ancestor_count;
	char *strings;
	size_t length;
	__u32 uid;
	char *user; /* NULL: none */
};

/* Frees and forgets. */
void brood_forget(struct brood *brood);

/* From the kernel's record; then /proc adds user, container, unit, ancestors and the client library;
 * `source`: the script's own files may be read for where it creates clients. The caller owns
 * out->arena. */
void identity_from_capture(struct identity *out, const struct process_capture *capture,
	struct brood *brood, bool redact, bool source);

/* From /proc; what the kernel has told of it without argv and paths (NULL: nothing) is not asked again.
 * -ESRCH when no such process (pid and start time) is there. */
int identity_from_proc(struct identity *out, const struct process_key *key,
	const struct process_capture *facts, struct brood *brood, bool redact, bool source);

#endif
