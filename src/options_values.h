/* SPDX-License-Identifier: BSD-2-Clause */
/* options_values.h: reads the word behind an option; a wrong one ends the program with a sentence and
 * status 64. `name` is the option as the person typed it. */
#ifndef OPTIONS_VALUES_H
#define OPTIONS_VALUES_H

#include <argp.h>

#include "options.h"

void parse_ports(struct argp_state *state, struct options *o, const char *text);
void parse_unix(struct argp_state *state, struct options *o, const char *text);
void parse_duration(struct argp_state *state, struct options *o, const char *text);
__u64 parse_time(struct argp_state *state, const char *name, const char *text);
__u32 parse_number(struct argp_state *state, const char *name, const char *text, __u32 most);
void parse_pid(struct argp_state *state, struct options *o, const char *text);
void parse_host(struct argp_state *state, struct options *o, const char *text);
void parse_metrics(struct argp_state *state, struct options *o, const char *text);
void parse_ring(struct argp_state *state, struct options *o, const char *text);
void parse_cmdline(struct argp_state *state, struct options *o, const char *text);
void parse_view(struct argp_state *state, struct options *o, const char *text);
void parse_speed(struct argp_state *state, struct options *o, const char *text);
void parse_group(struct argp_state *state, struct options *o, const char *text);
void parse_rule(struct argp_state *state, struct options *o, const char *text);
void parse_sort(struct argp_state *state, struct options *o, const char *text);
void parse_fail_on(struct argp_state *state, struct options *o, const char *text);
/* A word where only options may stand: what was meant by it? */
void refuse_word(struct argp_state *state, const char *word);
/* Each of the files is another one: what is played is not written to. */
void check_files(struct argp_state *state, const struct options *o);
/* Is the live screen meant, and can it be? If only meant, says why not. */
bool wants_screen(const struct options *o);
/* A form that a program opens goes to no terminal. */
void check_view(struct argp_state *state, const struct options *o);

#endif
