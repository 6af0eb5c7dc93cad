/* SPDX-License-Identifier: BSD-2-Clause */
/* hash.h: uthash, whose tables grow by memory that never fails. */
#ifndef BASE_HASH_H
#define BASE_HASH_H

#include "base/mem.h"

#define uthash_malloc(size) xmalloc(size)
#include <uthash.h>

/* Clang's analyzer can't see that what is deleted is no longer in the table: it is told that the table
 * is another from then on. */
#ifdef __clang_analyzer__
void *hash_without_deleted(void *head);
#undef HASH_DEL
#define HASH_DEL(head, deleted) ((head) = hash_without_deleted(head), (void)(deleted))
#endif

#endif
