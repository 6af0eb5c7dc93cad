/* SPDX-License-Identifier: BSD-2-Clause */
/* test_record.c: what is written down reads the same again; a disk that is full is told once. */
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

#include <pgleaktrace/stream.h>

#define RECORDING "tests/replay/hostile/recording.ndjson"

static size_t copy(const char *from, const char *to)
{
	struct stream *stream;
	struct recorder *recorder;
	union event event;
	char why[256];
	size_t count = 0;

	assert_int_equal(stream_replay_open(&stream, from, why, sizeof(why)), 0);
	assert_int_equal(recorder_open(&recorder, to, why, sizeof(why)), 0);
	assert_non_null(recorder_file(recorder));
	while (stream_next(stream, &event) == 1) {
		assert_int_equal(recorder_write(recorder, &event), 0);
		count++;
	}
	assert_int_equal(recorder_close(recorder), 0);
	stream_close(stream);
	return count;
}

static char *text_of(const char *path)
{
	FILE *file = fopen(path, "r");
	char *text = calloc(1, 1 << 20);

	assert_non_null(file);
	assert_true(fread(text, 1, (1 << 20) - 1, file) > 0);
	fclose(file);
	return text;
}

static void the_same_again(void **state)
{
	char folder[] = "/tmp/pgleaktrace-test-XXXXXX", one[64], two[64], *a, *b;
	struct stat st;
	size_t count;

	(void)state;
	assert_non_null(mkdtemp(folder));
	snprintf(one, sizeof(one), "%s/one", folder);
	snprintf(two, sizeof(two), "%s/two", folder);
	count = copy(RECORDING, one);
	assert_true(count > 50);
	assert_int_equal(copy(one, two), count);
	a = text_of(one);
	b = text_of(two);
	assert_string_equal(a, b);
	assert_int_equal(stat(one, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	free(a);
	free(b);
	unlink(one);
	unlink(two);
	rmdir(folder);
}

static void a_full_disk(void **state)
{
	union event event = {.stop = {.head = {EVENT_STOP, sizeof(event.stop), 1}}};
	union event nothing = {.head = {.kind = 9999}};
	struct recorder *recorder;
	char why[256];
	int error = 0;

	(void)state;
	assert_int_equal(recorder_open(&recorder, "/dev/full", why, sizeof(why)), 0);
	assert_int_equal(recorder_write(recorder, &nothing), 0); /* has no form: nothing is lost */
	for (int i = 0; i < 1000 && !error; i++)
		error = recorder_write(recorder, &event);
	assert_int_equal(error, -ENOSPC);
	assert_int_equal(recorder_write(recorder, &event), -ENOSPC);
	assert_int_equal(recorder_close(recorder), -ENOSPC);
	assert_int_equal(recorder_close(NULL), 0);
}

static void where_nothing_can_be(void **state)
{
	struct recorder *recorder;
	char why[256] = "";

	(void)state;
	assert_int_equal(recorder_open(&recorder, "/nowhere/file", why, sizeof(why)), -ENOENT);
	assert_string_equal(why, "No such file or directory");
	assert_int_equal(recorder_open_fd(&recorder, -1), -EBADF);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_same_again),
		cmocka_unit_test(a_full_disk),
		cmocka_unit_test(where_nothing_can_be),
	};

	return cmocka_run_group_tests_name("record", tests, NULL, NULL);
}
