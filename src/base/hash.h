/* SPDX-License-Identifier: BSD-2-Clause */
/* hash.h: uthash, whose tables grow by memory that never fails. */
#ifndef BASE_HASH_H
#define BASE_HASH_H

#include "base/mem.h"

#define uthash_malloc(size) xmalloc(size)
#include <uthash.h>

#endif
