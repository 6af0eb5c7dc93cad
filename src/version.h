/* SPDX-License-Identifier: BSD-2-Clause */
/* version.h: -V: which program this is, what it can, and the very BPF object within. */
#ifndef VERSION_H
#define VERSION_H

#include <argp.h>
#include <stdio.h>

/* For argp_program_version_hook. */
void version_print(FILE *out, struct argp_state *state);

#endif
