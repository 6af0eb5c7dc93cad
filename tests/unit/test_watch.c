/* SPDX-License-Identifier: BSD-2-Clause */
/* test_watch.c: how often all that is open is looked at. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "loop.h"

#define MS 1000000ull

static void a_cheap_look_comes_as_often_as_asked(void **state)
{
	(void)state;
	assert_int_equal(look_period(1000 * MS, 0), 1000 * MS);
	assert_int_equal(look_period(1000 * MS, 8 * MS), 1000 * MS);
	assert_int_equal(look_period(100 * MS, MS / 2), 100 * MS);
}

static void a_dear_look_takes_less_than_one_percent(void **state)
{
	(void)state;
	assert_int_equal(look_period(1000 * MS, 10 * MS), 1250 * MS);
	assert_int_equal(look_period(100 * MS, 500 * MS), 62500 * MS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_cheap_look_comes_as_often_as_asked),
		cmocka_unit_test(a_dear_look_takes_less_than_one_percent),
	};

	return cmocka_run_group_tests_name("watch", tests, NULL, NULL);
}
