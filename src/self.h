/* SPDX-License-Identifier: BSD-2-Clause */
/* self.h: what the program itself costs, and the time, read where they are asked for: no part of the
 * model. */
#ifndef SELF_H
#define SELF_H

#include <pgleaktrace/stream.h>

#include "view/openmetrics.h"

void self_read(struct self *out, const struct stream *stream);

#endif
