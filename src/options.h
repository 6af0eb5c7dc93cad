/* SPDX-License-Identifier: BSD-2-Clause */
/* options.h: the command line as a const struct. Rows of the table in options.c give names, help
 * and defaults; --help is made from them. */
#ifndef OPTIONS_H
#define OPTIONS_H

#include <argp.h>
#include <sys/socket.h>
#include <pgleaktrace/stream.h>
#include <pgleaktrace/view.h>

#include "gate.h"

/* sysexits.h where it has a name for it. */
enum exit_status {
	EXIT_OK = 0,
	EXIT_FAILED = 1,
	EXIT_GATE = 23, /* --fail-on, unless --error-exitcode */
	EXIT_BAD_USAGE = 64,
	EXIT_KERNEL_LACKS = 69,
	EXIT_NO_PRIVILEGE = 77,
};

struct options {
	struct live_config live;
	struct query query;
	struct rule_settings rules;
	regex_t cmdline; /* query.cmdline points here */
	const struct view *view;
	const char *output_file, *record, *replay;
	struct sockaddr_storage metrics; /* where to serve them; ss_family 0: nowhere */
	__u64 duration;                  /* ns, 0: until a signal */
	__u64 interval;                  /* ns between snapshots */
	char *const *command;            /* what stands behind `--`; NULL: watch the whole host */
	__u64 grace;                     /* ns that the command's descendants have after its end */
	struct gate gate;
	double speed;        /* of --replay on the live screen */
	int error_status;    /* instead of EXIT_GATE; 0: not given */
	const char *explain; /* SCRIPT, RULE or LIBRARY */
	bool word_only;      /* … which needs no look at anything */
	bool kill_plan;
	bool once, check, quiet, verbose, no_color;
	bool form_given; /* -o */
	bool screen;     /* the live screen: nothing else was asked for, and it is a terminal */
};

/* The table itself, what stands around it in --help (argp's: before and behind a vertical tab), and
 * what a row's help says with the names of the views; the man page and completions are made of them. */
extern const struct argp_option options_rows[];
extern const char options_doc[];
char *options_help_filter(int key, const char *text, void *input);

/* Exits for --help, --version and usage errors (64). */
void options_parse(struct options *options, int argc, char **argv);

#endif
