/* SPDX-License-Identifier: BSD-2-Clause */
/* privilege.h: loading needs much, watching little: once all is attached, the rest is given up. */
#ifndef PRIVILEGE_H
#define PRIVILEGE_H

#include "options.h"

/* Gives up, for good, every capability that the rest of the run does not need; docs/PRIVILEGES.md
 * says which stay and why. -errno. */
int privilege_drop(const struct options *options);

#endif
