/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * command.h: `-- CMD ARG…`: a child that runs as whoever called sudo, with the terminal, streams
 * and signals it would have had without us.
 *
 *   command_prepare() → (tracing is armed) → command_start() → pidfd is readable → command_reap()
 *
 * The child is forked only when everything is watched: nothing it does can be missed.
 */
#ifndef COMMAND_H
#define COMMAND_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

enum command_status {
	COMMAND_CANNOT_RUN = 126, /* as a shell says it */
	COMMAND_NOT_FOUND = 127,
	COMMAND_SIGNALLED = 128, /* + the signal's number */
};

struct command {
	char *const *argv; /* the caller's, NULL-terminated */
	char *words;       /* the same NUL-separated and redacted, for the report */
	size_t words_length;
	bool as_user; /* run as the user below */
	uid_t uid;
	gid_t gid;
	gid_t *groups;
	int group_count;
	char *name, *home, *shell; /* of that user, or NULL: not in the user database */
	void (*sigpipe)(int);      /* what SIGPIPE did before us; NULL: SIG_DFL */
	pid_t pid;                 /* 0: not started */
	int pidfd;                 /* lent to the loop, which closes it; -1: not started */
	int exec_error;            /* -errno of the exec that failed; 0: it runs */
	bool ended;
	int exit_code; /* as wait(2) reports */
};

/* Decides who runs it: with root's privileges and SUDO_UID set, the user behind sudo. -errno, and one
 * sentence in `why`, when that can't be told for certain: it never runs as root by mistake. */
int command_prepare(
	struct command *command, char *const *argv, bool redact, char *why, size_t size);

/* Forks and executes; `pidfd` becomes readable when it ends. -errno; of a failed exec also in
 * exec_error. */
int command_start(struct command *command);

/* Takes over how it ended. */
void command_reap(struct command *command);

/* What this program must exit with to pass the command's end on. */
int command_status(const struct command *command);

void command_free(struct command *command);

#endif
