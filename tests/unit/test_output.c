/* SPDX-License-Identifier: BSD-2-Clause */
/* test_output.c: files to write into, in folders where somebody else was first. What another user
 * prepares is prepared by root in his name, so those tests need root and are skipped without it. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/output.h"

#define SOMEBODY 65534

static char folder[64], path[512], why[512];

static int begin(void **state)
{
	(void)state;
	snprintf(folder, sizeof(folder), "/tmp/pgleaktrace-test-XXXXXX");
	return mkdtemp(folder) && !chdir(folder) ? 0 : -1;
}

static int end(void **state)
{
	char command[128];

	(void)state;
	snprintf(command, sizeof(command), "rm -rf %s", folder);
	return chdir("/") || system(command);
}

static const char *in_folder(const char *name)
{
	snprintf(path, sizeof(path), "%s/%s", folder, name);
	return path;
}

static void put(const char *name, const char *text, mode_t mode)
{
	FILE *file = fopen(name, "w");

	assert_non_null(file);
	fputs(text, file);
	fclose(file);
	assert_int_equal(chmod(name, mode), 0);
}

/* Its text and its mode. */
static void holds(const char *name, const char *text, mode_t mode)
{
	char buffer[256] = "";
	FILE *file = fopen(name, "r");
	struct stat st;

	assert_non_null(file);
	assert_int_equal(fread(buffer, 1, sizeof(buffer) - 1, file), strlen(text));
	assert_int_equal(fstat(fileno(file), &st), 0);
	fclose(file);
	assert_string_equal(buffer, text);
	assert_int_equal(st.st_mode & 0777, mode);
}

static int opens(const char *name, int flags)
{
	int fd = output_open(name, flags, why, sizeof(why));

	if (fd < 0)
		return fd;
	assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
	assert_int_equal(write(fd, "new", 3), 3);
	close(fd);
	return 0;
}

static void new_and_old_files(void **state)
{
	(void)state;
	umask(0);
	assert_int_equal(opens("a", O_TRUNC), 0);
	holds("a", "new", 0600);
	put("b", "something old", 0644);
	assert_int_equal(opens(in_folder("b"), O_TRUNC), 0);
	holds("b", "new", 0600);
	assert_int_equal(opens("./b", O_APPEND), 0);
	holds("b", "newnew", 0600);
	assert_int_equal(mkdir("d", 0777), 0);
	assert_int_equal(opens("d//../d/./c", O_TRUNC), 0);
	holds("d/c", "new", 0600);
}

static void what_cannot_be(void **state)
{
	(void)state;
	assert_int_equal(opens("nowhere/a", O_TRUNC), -ENOENT);
	assert_string_equal(why, "No such file or directory");
	assert_int_equal(opens("", O_TRUNC), -ENOENT);
	assert_int_equal(opens("/", O_TRUNC), -ENOENT);
	put("file", "", 0600);
	assert_int_equal(opens("file/a", O_TRUNC), -ENOTDIR);
	assert_int_equal(mkdir("folder", 0700), 0);
	assert_int_equal(opens("folder", O_TRUNC), -EISDIR);
	assert_int_equal(symlink("loop", "loop"), 0);
	assert_int_equal(opens("loop", O_TRUNC), -ELOOP);
}

static void own_links_are_followed(void **state)
{
	(void)state;
	assert_int_equal(mkdir("real", 0700), 0);
	assert_int_equal(symlink("real", "link"), 0);
	assert_int_equal(symlink("../real/b", "real/last"), 0);
	assert_int_equal(opens("link/a", O_TRUNC), 0);
	holds("real/a", "new", 0600);
	assert_int_equal(opens("link/last", O_TRUNC), 0);
	holds("real/b", "new", 0600);
}

static void devices_and_pipes(void **state)
{
	int ends[2];
	char name[64], buffer[8] = "";

	(void)state;
	assert_int_equal(opens("/dev/null", O_TRUNC), 0);
	assert_int_equal(pipe(ends), 0);
	snprintf(name, sizeof(name), "/dev/fd/%d", ends[1]);
	assert_int_equal(opens(name, O_TRUNC), 0);
	assert_int_equal(read(ends[0], buffer, sizeof(buffer)), 3);
	assert_string_equal(buffer, "new");
	close(ends[0]);
	close(ends[1]);
}

static void a_second_name_is_refused(void **state)
{
	(void)state;
	put("victim", "mine", 0600);
	assert_int_equal(link("victim", "hard"), 0);
	assert_int_equal(opens("hard", O_TRUNC), -EMLINK);
	assert_string_equal(why, "hard is there and has a second name (hard link)");
	holds("victim", "mine", 0600);
}

static void need_root(void)
{
	if (geteuid())
		skip();
}

static void links_of_others_are_refused(void **state)
{
	(void)state;
	need_root();
	put("secret", "mine", 0600);
	assert_int_equal(mkdir("private", 0700), 0);
	assert_int_equal(symlink("secret", "trap"), 0);
	assert_int_equal(symlink("private", "detour"), 0);
	assert_int_equal(lchown("trap", SOMEBODY, SOMEBODY), 0);
	assert_int_equal(lchown("detour", SOMEBODY, SOMEBODY), 0);
	assert_int_equal(opens("trap", O_TRUNC), -ELOOP);
	assert_string_equal(why, "trap is a symbolic link of another user (uid 65534)");
	holds("secret", "mine", 0600);
	assert_int_equal(opens(in_folder("detour/file"), O_TRUNC), -ELOOP);
	assert_string_equal(why, "detour is a symbolic link of another user (uid 65534)");
	assert_int_equal(access("private/file", F_OK), -1);
}

static void files_and_pipes_of_others_are_refused(void **state)
{
	(void)state;
	need_root();
	put("planted", "theirs", 0666);
	assert_int_equal(chown("planted", SOMEBODY, SOMEBODY), 0);
	assert_int_equal(opens("planted", O_TRUNC), -EACCES);
	assert_string_equal(why, "planted is there and belongs to another user (uid 65534)");
	holds("planted", "theirs", 0666);
	assert_int_equal(mkfifo("pipe", 0666), 0);
	assert_int_equal(chown("pipe", SOMEBODY, SOMEBODY), 0);
	assert_int_equal(opens("pipe", O_TRUNC), -EACCES); /* and does not wait for a reader */
}

static void a_folder_to_rename_in(void **state)
{
	const char *name;
	int fd = output_folder("a", &name, why, sizeof(why));

	(void)state;
	assert_true(fd >= 0);
	assert_string_equal(name, "a");
	close(fd);
	fd = output_folder(in_folder("x.prom"), &name, why, sizeof(why));
	assert_true(fd >= 0);
	assert_string_equal(name, "x.prom");
	assert_int_equal(mkdirat(fd, "made", 0700), 0);
	close(fd);
	assert_int_equal(access("made", F_OK), 0);
	assert_int_equal(output_folder("no/a", &name, why, sizeof(why)), -ENOENT);
	need_root();
	assert_int_equal(symlink("made", "away"), 0);
	assert_int_equal(lchown("away", SOMEBODY, SOMEBODY), 0);
	assert_int_equal(output_folder("away/x.prom", &name, why, sizeof(why)), -ELOOP);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(new_and_old_files, begin, end),
		cmocka_unit_test_setup_teardown(what_cannot_be, begin, end),
		cmocka_unit_test_setup_teardown(own_links_are_followed, begin, end),
		cmocka_unit_test_setup_teardown(devices_and_pipes, begin, end),
		cmocka_unit_test_setup_teardown(a_second_name_is_refused, begin, end),
		cmocka_unit_test_setup_teardown(links_of_others_are_refused, begin, end),
		cmocka_unit_test_setup_teardown(files_and_pipes_of_others_are_refused, begin, end),
		cmocka_unit_test_setup_teardown(a_folder_to_rename_in, begin, end),
	};

	return cmocka_run_group_tests_name("output", tests, NULL, NULL);
}
