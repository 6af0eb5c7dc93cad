/* SPDX-License-Identifier: BSD-2-Clause */
/* test_proc.c: identities read from the real /proc, of children made for it: with names of any
 * shape, in folders that are gone, and gone themselves. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/mem.h"
#include "stream/identity.h"
#include "stream/proc.h"
#include "stream/proc_text.h"

struct child {
	pid_t pid;
	int hold; /* closed: it ends */
	struct process_key key;
};

/* As the kernel would tell: the start time in ns, of which /proc knows the clock ticks. */
static struct process_key key_of(pid_t pid)
{
	char buffer[1024];
	struct proc_stat stat;

	assert_true(proc_read((__u32)pid, "stat", buffer, sizeof(buffer)) > 0);
	assert_true(stat_parse(&stat, buffer));
	return (struct process_key){.pid = (__u32)pid,
		.start = stat.start * (1000000000ull / (__u64)sysconf(_SC_CLK_TCK))};
}

/* Sleeps in `folder` under that name, with these arguments, until it is let go. */
static struct child child_start(const char *folder, char *const *argv)
{
	int hold[2], ready[2];
	struct child child;
	char byte;

	assert_int_equal(pipe2(hold, O_CLOEXEC), 0);
	assert_int_equal(pipe2(ready, O_CLOEXEC), 0);
	child.pid = fork();
	assert_true(child.pid >= 0);
	if (!child.pid) {
		if (chdir(folder))
			_exit(1);
		dup2(hold[0], STDIN_FILENO);
		close(STDERR_FILENO); /* cat would complain of what is no file */
		close(hold[1]);
		execv("/bin/cat", argv); /* closes `ready` */
		_exit(1);
	}
	close(hold[0]);
	close(ready[1]);
	assert_int_equal(read(ready[0], &byte, 1), 0);
	close(ready[0]);
	child.hold = hold[1];
	child.key = key_of(child.pid);
	return child;
}

static void child_end(struct child *child)
{
	close(child->hold);
	waitpid(child->pid, NULL, 0);
}

/* Alone, as the first of its brood. */
static int from_proc(struct identity *id, const struct process_key *key, bool redact)
{
	struct brood brood = {0};
	int error = identity_from_proc(id, key, NULL, &brood, redact, true);

	brood_forget(&brood);
	return error;
}

static void from_capture(struct identity *id, const struct process_capture *capture)
{
	struct brood brood = {0};

	identity_from_capture(id, capture, &brood, true, true);
	brood_forget(&brood);
}

static void a_living_process(void **state)
{
	char *argv[] = {"cat", "-", "PGPASSWORD=secret", NULL};
	struct child child = child_start("/tmp", argv);
	struct identity id;

	(void)state;
	assert_int_equal(from_proc(&id, &child.key, true), 0);
	assert_string_equal(id.event.comm, "cat");
	assert_string_equal(id.event.cwd, "/tmp");
	assert_non_null(strstr(id.event.exe, "/cat"));
	assert_memory_equal(
		id.event.argv, "cat\0-\0PGPASSWORD=***", sizeof("cat\0-\0PGPASSWORD=***"));
	assert_int_equal(id.event.parent, getpid());
	assert_int_equal(id.event.uid, getuid());
	assert_true(id.event.netns && id.event.pidns && id.event.pid_in_ns);
	assert_true(id.event.ancestor_count >= 1);
	assert_int_equal(id.event.ancestors[0].pid, getpid());
	free(id.arena);
	assert_int_equal(from_proc(&id, &child.key, false), 0);
	assert_memory_equal(
		id.event.argv, "cat\0-\0PGPASSWORD=secret", sizeof("cat\0-\0PGPASSWORD=secret"));
	free(id.arena);
	child_end(&child);
}

static void another_of_the_same_pid(void **state)
{
	char *argv[] = {"cat", NULL};
	struct child child = child_start("/", argv);
	struct process_key other = child.key;
	struct identity id;
	struct proc_stat stat;

	(void)state;
	assert_int_equal(proc_stat_of(&child.key, &stat), 0);
	assert_int_equal(stat.parent, getpid());
	other.start += 1000000000ull;
	assert_int_equal(proc_stat_of(&other, &stat), -ESRCH);
	assert_int_equal(from_proc(&id, &other, true), -ESRCH);
	kill(child.pid, SIGKILL);
	waitid(P_PID, (id_t)child.pid, &(siginfo_t){0}, WEXITED | WNOWAIT);
	/* A zombie has no command line. */
	assert_int_equal(proc_stat_of(&child.key, &stat), -ESRCH);
	child_end(&child);
	assert_int_equal(from_proc(&id, &child.key, true), -ESRCH);
}

static void hostile_names_and_no_folder(void **state)
{
	char folder[] = "/tmp/pgleaktrace-test-XXXXXX", want[128];
	char *argv[] = {"cat", "-", "\x1b[2J\n\xff\xe2\x80\xae", NULL};
	struct child child;
	struct identity id;

	(void)state;
	assert_non_null(mkdtemp(folder));
	child = child_start(folder, argv);
	assert_int_equal(rmdir(folder), 0);
	assert_int_equal(from_proc(&id, &child.key, true), 0);
	snprintf(want, sizeof(want), "%s (deleted)", folder);
	assert_string_equal(id.event.cwd, want);
	assert_string_equal(id.event.argv + 6, argv[2]);
	free(id.arena);
	child_end(&child);
}

/* The name a process gives itself: what stands behind it in stat is found all the same. */
static void brackets_and_blanks(void **state)
{
	char before[17];
	struct process_key key;
	struct proc_stat stat;

	(void)state;
	prctl(PR_GET_NAME, before);
	prctl(PR_SET_NAME, ") Z 1 (x y");
	key = key_of(getpid());
	assert_int_equal(proc_stat_of(&key, &stat), 0);
	assert_int_equal(stat.parent, getppid());
	assert_string_equal(stat.comm, ") Z 1 (x y");
	prctl(PR_SET_NAME, before);
}

static void long_command_lines_are_cut_and_said(void **state)
{
	char *big = xcalloc(1, 100001), *argv[] = {"cat", "-", big, NULL};
	struct child child;
	struct identity id;

	(void)state;
	memset(big, 'a', 100000);
	child = child_start("/", argv);
	assert_int_equal(from_proc(&id, &child.key, true), 0);
	assert_int_equal(id.event.argv_truncated, 1);
	assert_true(id.event.argv_length <= EVENT_ARGV);
	free(id.arena);
	free(big);
	child_end(&child);
}

static void assert_same_ancestors(const struct identity *one, const struct identity *other)
{
	assert_int_equal(one->event.ancestor_count, other->event.ancestor_count);
	for (__u32 i = 0; i < one->event.ancestor_count; i++) {
		const struct ancestor *a = &one->event.ancestors[i],
				      *b = &other->event.ancestors[i];

		assert_int_equal(a->pid, b->pid);
		assert_string_equal(a->comm, b->comm);
		assert_int_equal(a->argv_length, b->argv_length);
		assert_memory_equal(a->argv, b->argv, a->argv_length);
	}
}

/* The second of a brood is told what was read for the first; another parent's is not. */
static void a_brood_is_read_once(void **state)
{
	char *argv[] = {"cat", "-", NULL};
	struct child first = child_start("/", argv), second = child_start("/tmp", argv);
	struct process_key own = key_of(getpid());
	struct identity alone, id;
	struct brood brood = {0};

	(void)state;
	assert_int_equal(from_proc(&alone, &second.key, true), 0);
	assert_true(alone.event.ancestor_count >= 1);
	assert_int_equal(identity_from_proc(&id, &first.key, NULL, &brood, true, true), 0);
	assert_int_equal(brood.parent, getpid());
	free(id.arena);
	assert_int_equal(identity_from_proc(&id, &second.key, NULL, &brood, true, true), 0);
	assert_same_ancestors(&id, &alone);
	assert_string_equal(id.event.user, alone.event.user);
	assert_string_equal(id.event.cwd, "/tmp");
	free(id.arena);
	assert_int_equal(identity_from_proc(&id, &own, NULL, &brood, true, true), 0);
	assert_int_equal(brood.parent, getppid());
	assert_int_not_equal(id.event.ancestors[0].pid, getpid());
	free(id.arena);
	free(alone.arena);
	brood_forget(&brood);
	assert_null(brood.strings);
	child_end(&first);
	child_end(&second);
}

/* What the kernel captured stands, although the process is gone. */
static void a_capture_of_a_process_that_is_gone(void **state)
{
	static const char argv[] = "node\0seed.js", cwd[] = "app\0srv", exe[] = "node\0bin\0usr";
	size_t size = sizeof(struct process_capture) + 256;
	struct process_capture *c = xcalloc(1, size);
	struct identity id;
	char *at = c->tail;

	(void)state;
	c->head.kind = EVENT_PROCESS;
	c->process = (struct process_key){.pid = 1u << 30, .start = 1};
	c->uid = 0;
	c->parent = (__u32)getpid();
	memcpy(c->comm, "0123456789abcdef", EVENT_COMM); /* no NUL */
	at = mempcpy(at, argv, c->argv_length = sizeof(argv));
	c->argv_full = 100;
	at = mempcpy(at, cwd, c->cwd_length = sizeof(cwd));
	mempcpy(at, exe, c->exe_length = sizeof(exe));
	c->cwd_whole = c->exe_whole = 1;
	from_capture(&id, c);
	assert_string_equal(id.event.comm, "0123456789abcdef");
	assert_memory_equal(id.event.argv, argv, sizeof(argv));
	assert_int_equal(id.event.argv_truncated, 1);
	assert_string_equal(id.event.cwd, "/srv/app");
	assert_string_equal(id.event.exe, "/usr/bin/node");
	assert_string_equal(id.event.user, "root");
	assert_int_equal(id.event.ancestors[0].pid, getpid());
	free(id.arena);
	c->argv_length = c->argv_full = 0;
	c->cwd_whole = c->exe_whole = 0;
	from_capture(&id, c);
	assert_string_equal(id.event.argv, ""); /* nothing known, and said so */
	assert_null(id.event.cwd);
	free(id.arena);
	free(c);
}

static void where_cgroups_are(void **state)
{
	char path[4096], below[4200], none[1];

	(void)state;
	if (cgroup2_root(path, sizeof(path))) {
		assert_int_equal(path[0], '/');
		snprintf(below, sizeof(below), "%s/pgleaktrace-test-%d", path, getpid());
		if (!mkdir(below, 0700)) { /* what a cgroup namespace would have for its root */
			assert_false(cgroup2_is_whole(below));
			rmdir(below);
		}
	}
	assert_false(cgroup2_is_whole("/nowhere"));
	assert_false(cgroup2_root(none, sizeof(none)));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_living_process),
		cmocka_unit_test(another_of_the_same_pid),
		cmocka_unit_test(hostile_names_and_no_folder),
		cmocka_unit_test(brackets_and_blanks),
		cmocka_unit_test(long_command_lines_are_cut_and_said),
		cmocka_unit_test(a_brood_is_read_once),
		cmocka_unit_test(a_capture_of_a_process_that_is_gone),
		cmocka_unit_test(where_cgroups_are),
	};

	return cmocka_run_group_tests_name("proc", tests, NULL, NULL);
}
