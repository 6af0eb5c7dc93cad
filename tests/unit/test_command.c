/* SPDX-License-Identifier: BSD-2-Clause */
/* test_command.c: a command is started as whoever called sudo, and its end passed on. */
#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "command.h"

#define NOBODY "65534"

static void pretend_sudo(const char *uid, const char *gid)
{
	unsetenv("SUDO_UID");
	unsetenv("SUDO_GID");
	if (uid)
		setenv("SUDO_UID", uid, 1);
	if (gid)
		setenv("SUDO_GID", gid, 1);
}

/* Runs it to its end, and says what this program would exit with. */
static int status_of(char *const *argv)
{
	struct command command;
	struct pollfd end = {.events = POLLIN};
	char why[256];
	int status;

	assert_int_equal(command_prepare(&command, argv, true, why, sizeof(why)), 0);
	if (!command_start(&command)) {
		end.fd = command.pidfd;
		assert_int_equal(poll(&end, 1, -1), 1);
		command_reap(&command);
		assert_true(command.ended);
		close(command.pidfd);
	}
	status = command_status(&command);
	command_free(&command);
	return status;
}

static int status_of_shell(const char *line)
{
	return status_of((char *[]){"sh", "-c", (char *)line, NULL});
}

static void its_end_is_passed_on(void **state)
{
	(void)state;
	pretend_sudo(NULL, NULL);
	assert_int_equal(status_of_shell("true"), 0);
	assert_int_equal(status_of_shell("exit 7"), 7);
	assert_int_equal(status_of_shell("kill -KILL $$"), 128 + SIGKILL);
	assert_int_equal(status_of_shell("kill -PIPE $$"), 128 + SIGPIPE);
	assert_int_equal(status_of((char *[]){"/no/such/program", NULL}), COMMAND_NOT_FOUND);
	assert_int_equal(status_of((char *[]){"/etc/passwd", NULL}), COMMAND_CANNOT_RUN);
}

/* What we block or ignore is ours: it would not hear of a Ctrl-C. */
static void it_has_the_signals_it_would_have_had(void **state)
{
	sigset_t all, before;

	(void)state;
	pretend_sudo(NULL, NULL);
	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, &before);
	assert_int_equal(status_of_shell("grep -q '^SigBlk:.0*$' /proc/self/status"), 0);
	sigprocmask(SIG_SETMASK, &before, NULL);
}

static void its_words_are_kept_without_secrets(void **state)
{
	char *argv[] = {"psql", "postgres://shop:hunter2@db/shop", NULL};
	struct command command;
	char why[256];

	(void)state;
	pretend_sudo(NULL, NULL);
	assert_int_equal(command_prepare(&command, argv, true, why, sizeof(why)), 0);
	assert_int_equal(command.words_length, sizeof("psql") + sizeof("postgres://shop:***@db/shop"));
	assert_string_equal(command.words + sizeof("psql"), "postgres://shop:***@db/shop");
	assert_string_equal(command.argv[1], "postgres://shop:hunter2@db/shop");
	command_free(&command);
	assert_int_equal(command_prepare(&command, argv, false, why, sizeof(why)), 0);
	assert_string_equal(command.words + sizeof("psql"), "postgres://shop:hunter2@db/shop");
	command_free(&command);
}

static void it_runs_as_who_called_sudo(void **state)
{
	(void)state;
	if (geteuid())
		skip();
	pretend_sudo(NOBODY, NOBODY);
	assert_int_equal(status_of_shell("test $(id -u):$(id -g) = 65534:65534 && test \"$USER\" = \"$(id -un)\" && "
					 "test \"$HOME\" = \"$(getent passwd 65534 | cut -d: -f6)\""), 0);
	pretend_sudo("4294900000", NOBODY); /* nobody's number has no name, no home, and still no privilege */
	assert_int_equal(status_of_shell("test $(id -u) = 4294900000 && test $(id -G) = 65534"), 0);
	pretend_sudo("0", "0");
	assert_int_equal(status_of_shell("test $(id -u) = 0"), 0);
}

static void it_never_runs_as_root_by_mistake(void **state)
{
	static const char *const bad[] = {"", "x", "-1", " 1000", "1000 ", "1000x", "4294967295", "99999999999999999999"};
	char *argv[] = {"true", NULL};
	struct command command;
	char why[256];

	(void)state;
	if (geteuid())
		skip();
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		pretend_sudo(bad[i], NOBODY);
		assert_int_equal(command_prepare(&command, argv, true, why, sizeof(why)), -EINVAL);
		assert_non_null(strstr(why, "SUDO_UID"));
		command_free(&command);
	}
	pretend_sudo(NOBODY, NULL);
	assert_int_equal(command_prepare(&command, argv, true, why, sizeof(why)), -EINVAL);
	command_free(&command);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(its_end_is_passed_on),
		cmocka_unit_test(it_has_the_signals_it_would_have_had),
		cmocka_unit_test(its_words_are_kept_without_secrets),
		cmocka_unit_test(it_runs_as_who_called_sudo),
		cmocka_unit_test(it_never_runs_as_root_by_mistake),
	};

	return cmocka_run_group_tests_name("command", tests, NULL, NULL);
}
