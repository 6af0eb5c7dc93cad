/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_memory.c: memory runs out, at each allocation in turn: ours, jansson's, the C library's. A
 * recording goes through the model, the rules and all views in a process of its own, whose Nth
 * allocation fails. It ends with the sentence and status 1, or with the very output it would have had.
 *
 * Some hundreds are tried, evenly spread; all of them: MEMORY_STEP=1 build/unit/test_memory.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include <pgleaktrace/finding.h>
#include <pgleaktrace/stream.h>
#include <pgleaktrace/view.h>
#include "base/mem.h"

#define TRIES     200
#define RECORDING "tests/replay/hostile/recording.ndjson"

#ifdef __SANITIZE_ADDRESS__ /* it has these functions for itself */
static unsigned long allocated, refused;
#else
static unsigned long allocated, refused; /* the Nth fails, counted from 1; 0: none */

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *old, size_t size);

static bool is_refused(void)
{
	if (++allocated != refused)
		return false;
	errno = ENOMEM;
	return true;
}

void *malloc(size_t size)
{
	return is_refused() ? NULL : __libc_malloc(size);
}

void *calloc(size_t count, size_t size)
{
	return is_refused() ? NULL : __libc_calloc(count, size);
}

void *realloc(void *old, size_t size)
{
	return is_refused() ? NULL : __libc_realloc(old, size);
}
#endif

/* The program without its loop: 0, or 1 with a sentence. */
static int replay(FILE *out)
{
	const struct query query = {.older = 1000000000ull};
	const struct rule_settings settings = {0};
	struct view_context context = {.out = out, .columns = 80, .detail = true};
	struct stream *stream;
	struct model *model;
	struct snapshot *snapshot;
	struct findings *findings;
	union event event;
	char why[256];

	if (stream_replay_open(&stream, RECORDING, why, sizeof(why))) {
		fprintf(stderr, "pgleaktrace: %s\n", why);
		return 1;
	}
	model = model_new();
	while (stream_next(stream, &event) == 1)
		model_apply(model, &event);
	snapshot = model_snapshot(model, &query);
	findings = findings_of(snapshot, &settings);
	for (size_t i = 0; views[i]; i++)
		views[i]->report(&context, snapshot, findings);
	findings_free(findings);
	snapshot_free(snapshot);
	model_free(model);
	stream_close(stream);
	return fflush(out) ? 1 : 0;
}

struct outcome {
	int status;
	char said[4096], *output;
	size_t length;
};

static int memory_file(void)
{
	int fd = memfd_create("test", MFD_CLOEXEC);

	assert_true(fd >= 0);
	return fd;
}

static char *read_whole(int fd, size_t *length)
{
	off_t size = lseek(fd, 0, SEEK_END);
	char *bytes = xcalloc(1, (size_t)size + 1);

	assert_int_equal(pread(fd, bytes, (size_t)size, 0), size);
	*length = (size_t)size;
	close(fd);
	return bytes;
}

/* `count`, where that is asked for: how many allocations it took. */
static void run(struct outcome *out, unsigned long nth, unsigned long *count)
{
	int output = memory_file(), notes = memory_file(), counted = memory_file();
	pid_t child = fork();
	size_t length;
	char *said;

	assert_true(child >= 0);
	if (!child) {
		FILE *file = fdopen(output, "w");
		int status;

		dup2(notes, STDERR_FILENO);
		json_set_alloc_funcs(xmalloc, free);
		allocated = 0;
		refused = nth;
		status = replay(file);
		refused = 0;
		_exit(write(counted, &allocated, sizeof(allocated)) < 0 ? 99 : status);
	}
	assert_int_equal(waitpid(child, &out->status, 0), child);
	if (count)
		assert_int_equal(pread(counted, count, sizeof(*count), 0), sizeof(*count));
	close(counted);
	out->output = read_whole(output, &out->length);
	said = read_whole(notes, &length);
	snprintf(out->said, sizeof(out->said), "%s", said);
	free(said);
}

static void each_allocation_in_turn(void **state)
{
	struct outcome whole, one;
	unsigned long count = 0, step, failures = 0;
	const char *wish = getenv("MEMORY_STEP");

	(void)state;
#ifdef __SANITIZE_ADDRESS__
	skip();
#endif
	run(&whole, 0, &count);
	assert_int_equal(whole.status, 0);
	assert_true(count > 1000 && whole.length > 1000);
	step = wish ? strtoul(wish, NULL, 10) : count / TRIES;
	for (unsigned long nth = 1; nth <= count; nth += step) {
		run(&one, nth, NULL);
		if (one.status) {
			assert_true(WIFEXITED(one.status));
			assert_int_equal(WEXITSTATUS(one.status), 1);
			if (strcmp(one.said, "pgleaktrace: out of memory\n") &&
				!strstr(one.said, "Cannot allocate memory\n")) {
				print_error("allocation %lu: \"%s\"\n", nth, one.said);
				fail();
			}
			failures++;
		} else if (one.length != whole.length ||
			   memcmp(one.output, whole.output, whole.length)) {
			{
				print_error(
					"allocation %lu fails and the output is another\n", nth);
				fail();
			}
		}
		free(one.output);
	}
	assert_true(failures > 0);
	free(whole.output);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(each_allocation_in_turn)};

	return cmocka_run_group_tests_name("memory", tests, NULL, NULL);
}
