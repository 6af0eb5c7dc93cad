/* SPDX-License-Identifier: BSD-2-Clause */
/* queue.h: events that wait to be taken, each in its own size: a look at a full host queues hundreds
 * of thousands, and most are a fraction of the largest. */
#ifndef STREAM_QUEUE_H
#define STREAM_QUEUE_H

#include <stdbool.h>
#include <stddef.h>

#include "pgleaktrace/event.h"

struct queue_block;

/* Zeroed: empty. */
struct queue {
	struct queue_block *first, *last;
	struct queue_block *spare; /* empty */
	unsigned spares;
};

/* Copies `size` bytes of an event, at most a union event's; takes over `arena`, which its strings lie
 * in (NULL: none). */
void queue_put(struct queue *queue, const void *event, size_t size, char *arena);

/* Takes the oldest: what was not put of it is zero. *arena is the caller's to free(). False: empty. */
bool queue_take(struct queue *queue, union event *event, char **arena);

/* Frees what waits, and its arenas. */
void queue_free(struct queue *queue);

#endif
