/* SPDX-License-Identifier: BSD-2-Clause */
/* test_queue.c: events come out as they went in, in their order, each with its own strings. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "stream/queue.h"

#define MANY 5000 /* of several blocks */

static void put_holder(struct queue *queue, __u64 number)
{
	struct event_holder event = {
		.head = {EVENT_HOLDER, sizeof(event), number},
		.cookie = ~number,
	};

	queue_put(queue, &event, sizeof(event), NULL);
}

static void expect_holder(struct queue *queue, __u64 number)
{
	static const union event nothing;
	union event event;
	char *arena;

	memset(&event, 0xff, sizeof(event));
	assert_true(queue_take(queue, &event, &arena));
	assert_int_equal(event.head.time, number);
	assert_int_equal(event.holder.cookie, ~number);
	assert_null(arena);
	/* What it has not got is not what another had. */
	assert_memory_equal((char *)&event + sizeof(event.holder),
		(const char *)&nothing + sizeof(event.holder), sizeof(event) - sizeof(event.holder));
}

static void test_first_in_first_out(void **state)
{
	struct queue queue = {0};
	union event event;
	char *arena;

	(void)state;
	assert_false(queue_take(&queue, &event, &arena));
	for (__u64 i = 0; i < MANY; i++)
		put_holder(&queue, i);
	for (__u64 i = 0; i < MANY / 2; i++)
		expect_holder(&queue, i);
	for (__u64 i = MANY; i < 2 * MANY; i++)
		put_holder(&queue, i);
	for (__u64 i = MANY / 2; i < 2 * MANY; i++)
		expect_holder(&queue, i);
	assert_false(queue_take(&queue, &event, &arena));
	put_holder(&queue, 7);
	expect_holder(&queue, 7);
	queue_free(&queue);
}

static void test_sizes_and_strings(void **state)
{
	struct queue queue = {0};
	union event whole, event;
	char larger[sizeof(whole) + 100], *text = strdup("argv"), *arena;

	(void)state;
	memset(&whole, 0x5a, sizeof(whole));
	memset(larger, 0x5a, sizeof(larger));
	queue_put(&queue, &whole, sizeof(whole), text);
	queue_put(&queue, larger, sizeof(larger), NULL);
	queue_put(&queue, &whole, sizeof(struct event_head), strdup("left behind"));
	assert_true(queue_take(&queue, &event, &arena));
	assert_memory_equal(&event, &whole, sizeof(whole));
	assert_ptr_equal(arena, text);
	free(arena);
	assert_true(queue_take(&queue, &event, &arena));
	assert_memory_equal(&event, &whole, sizeof(whole));
	queue_free(&queue);
	assert_false(queue_take(&queue, &event, &arena));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_first_in_first_out),
		cmocka_unit_test(test_sizes_and_strings),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
