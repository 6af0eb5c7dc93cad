/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * queue.c: a list of blocks, filled at the end and read from the front. What one wake-up of a storm
 * takes is kept for the next; more, a look at a full host, is freed.
 */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "stream/queue.h"

#define BLOCK_BYTES (64u << 10)
#define SPARE_MOST  4

struct queue_block {
	struct queue_block *next;
	size_t used, taken; /* bytes of `records` */
	char records[];
};

/* Before each event; padded, so that the next is aligned. */
struct record {
	char *arena;
	size_t size;
};

static size_t padded(size_t size)
{
	return (size + sizeof(struct record) - 1) & ~(sizeof(struct record) - 1);
}

static struct queue_block *block_new(struct queue *queue)
{
	struct queue_block *block = queue->spare;

	if (block) {
		queue->spare = block->next;
		queue->spares--;
	} else {
		block = xmalloc(BLOCK_BYTES);
	}
	*block = (struct queue_block){0};
	return block;
}

static void block_done(struct queue *queue, struct queue_block *block)
{
	if (queue->spares == SPARE_MOST) {
		free(block);
		return;
	}
	block->next = queue->spare;
	queue->spare = block;
	queue->spares++;
}

static struct queue_block *room_for(struct queue *queue, size_t size)
{
	struct queue_block *block = queue->last;

	if (block && block->used + size <= BLOCK_BYTES - sizeof(*block))
		return block;
	block = block_new(queue);
	if (queue->last)
		queue->last->next = block;
	else
		queue->first = block;
	queue->last = block;
	return block;
}

void queue_put(struct queue *queue, const void *event, size_t size, char *arena)
{
	struct record record = {.arena = arena, .size = size};
	struct queue_block *block;

	if (record.size > sizeof(union event))
		record.size = sizeof(union event);
	block = room_for(queue, sizeof(record) + padded(record.size));
	memcpy(block->records + block->used, &record, sizeof(record));
	memcpy(block->records + block->used + sizeof(record), event, record.size);
	block->used += sizeof(record) + padded(record.size);
}

bool queue_take(struct queue *queue, union event *event, char **arena)
{
	struct queue_block *block = queue->first;
	struct record record;

	if (block && block->taken == block->used) {
		queue->first = block->next;
		if (!queue->first)
			queue->last = NULL;
		block_done(queue, block);
		block = queue->first;
	}
	if (!block)
		return false;
	memcpy(&record, block->records + block->taken, sizeof(record));
	memcpy(event, block->records + block->taken + sizeof(record), record.size);
	memset((char *)event + record.size, 0, sizeof(*event) - record.size);
	*arena = record.arena;
	block->taken += sizeof(record) + padded(record.size);
	return true;
}

void queue_free(struct queue *queue)
{
	union event event;
	char *arena;

	while (queue_take(queue, &event, &arena))
		free(arena);
	while (queue->spares)
		free(block_new(queue));
}
