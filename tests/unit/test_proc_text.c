/* SPDX-License-Identifier: BSD-2-Clause */
/* test_proc_text.c: the files of /proc/PID as they are, and as a process would like them to be. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "stream/proc_text.h"

#define ID "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static const char *text_of(struct span span)
{
	static char text[256];

	assert_true(span.length < sizeof(text));
	if (!span.at)
		return "";
	memcpy(text, span.at, span.length);
	text[span.length] = 0;
	return text;
}

static void names(const char *cgroup, const char *container, const char *unit)
{
	struct span c, u;

	cgroup_names(cgroup, &c, &u);
	assert_string_equal(text_of(c), container);
	assert_string_equal(text_of(u), unit);
}

static void containers_and_units(void **state)
{
	(void)state;
	names("0::/system.slice/app.service\n", "", "app.service");
	names("0::/system.slice/docker-" ID ".scope\n", ID, "");
	names("0::/kubepods.slice/pod1/cri-containerd-" ID ".scope/x\n", ID, "");
	names("0::/user.slice/user@1000.service/app.slice/job.service", "", "job.service");
	names("12:cpu:/docker/" ID "\n0::/system.slice/docker.service\n", ID, "docker.service");
	names("0::/\n", "", "");
	names("", "", "");
}

/* A folder's name is its maker's: almost an id, almost a service, no slash at all. */
static void no_containers_and_no_units(void **state)
{
	(void)state;
	names("0::/0123456789abcdef0123456789abcde\n", "", ""); /* 31 digits */
	names("0::/.service/x.service.d\n", "", "");
	names("no path\n\n::\n", "", "");
	names("0::/a.service//b\n", "", "a.service");
	names("0::/" ID "/" ID ID "\n", ID ID, "");
}

static const char tail[] =
	"18139 18139 7552 0 -1 4194304 100 0 0 0 0 0 0 0 20 0 1 0 41288 3133440 393 "
	"18446744073709551615 94528087306240 94528087326121 140731175248464 0 0 0 0 "
	"0 0 0 0 0 17 1 0 0 0 0 0 94528087342128 94528087343744 94529005424640 "
	"1000 140731175250383 140731175250383 3000 0\n";

static void a_name_of_any_shape(void **state)
{
	static const char *const comms[] = {"node", "a b", "a) R (b", ") S 1 (", "", "\n(x\n"};

	(void)state;
	for (size_t i = 0; i < sizeof(comms) / sizeof(comms[0]); i++) {
		char text[1024];
		struct proc_stat stat;

		snprintf(text, sizeof(text), "4711 (%s) S %s", comms[i], tail);
		assert_true(stat_parse(&stat, text));
		assert_int_equal(stat.state, 'S');
		assert_int_equal(stat.parent, 18139);
		assert_int_equal(stat.start, 41288);
		assert_int_equal(stat.arg_start, 1000);
		assert_int_equal(stat.env_end, 3000);
	}
}

static void half_a_stat(void **state)
{
	struct proc_stat stat;

	(void)state;
	assert_false(stat_parse(&stat, ""));
	assert_false(stat_parse(&stat, "4711 (node"));
	assert_false(stat_parse(&stat, "4711 (node)"));
	assert_false(stat_parse(&stat, "4711 (node) S 1 2 3"));
	assert_true(stat_parse(&stat, "1 (x) S 7 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 55 0"));
	assert_int_equal(stat.start, 55);
	assert_int_equal(stat.env_end, 0);
}

static void who_and_which_pid(void **state)
{
	__u32 uid = 7, own = 7;

	(void)state;
	status_parse(
		"Name:\tx\nUid:\t1000\t0\t0\t0\nNSpid:\t4711\t12\t3\nVmPeak:\t1 kB\n", &uid, &own);
	assert_int_equal(uid, 1000);
	assert_int_equal(own, 3);
	status_parse(
		"Name:\tUid:\\nNSpid:\n", &uid, &own); /* the kernel escapes a name's line end */
	assert_int_equal(uid, 1000);
	assert_int_equal(own, 3);
	status_parse("\nNSpid:\t5\n", NULL, &own);
	assert_int_equal(own, 5);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(containers_and_units),
		cmocka_unit_test(no_containers_and_no_units),
		cmocka_unit_test(a_name_of_any_shape),
		cmocka_unit_test(half_a_stat),
		cmocka_unit_test(who_and_which_pid),
	};

	return cmocka_run_group_tests_name("proc_text", tests, NULL, NULL);
}
