/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fuzz_options.c: any bytes as our own command line, NUL between its arguments. A wrong one ends the
 * program, so what ends it (argp_error() and argp's own exits) leads back here instead; what was
 * allocated until then is freed here too. A right one must have left nothing out of bounds. Long or
 * repeating regular expressions are refused: they would only find what the C library does with them.
 */
#include <argp.h>
#include <regex.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sanitizer/allocator_interface.h>

#include "options.h"

#define ARGS_MOST   64
#define BLOCKS_MOST 65536
#define REGEX_MOST  12

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
/* The linker's --wrap. */
error_t __wrap_argp_parse(const struct argp *argp, int argc, char **argv, unsigned flags,
	int *arg_index, void *input);
error_t __real_argp_parse(const struct argp *argp, int argc, char **argv, unsigned flags,
	int *arg_index, void *input);
void __wrap_argp_error(const struct argp_state *state, const char *format, ...);

int __wrap_regcomp(regex_t *regex, const char *pattern, int flags);
int __real_regcomp(regex_t *regex, const char *pattern, int flags);

static struct {
	jmp_buf back;
	bool counting;
	void *blocks[BLOCKS_MOST];
	size_t count;
} run;

static void on_malloc(const volatile void *block, size_t size)
{
	(void)size;
	if (run.counting && run.count < BLOCKS_MOST)
		run.blocks[run.count++] = (void *)block;
}

static void on_free(const volatile void *block)
{
	for (size_t i = run.counting ? run.count : 0; i > 0; i--)
		if (run.blocks[i - 1] == block) {
			run.blocks[i - 1] = NULL;
			return;
		}
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	__sanitizer_install_malloc_and_free_hooks(on_malloc, on_free);
	return 0;
}

void __wrap_argp_error(const struct argp_state *state, const char *format, ...)
{
	(void)state;
	(void)format;
	longjmp(run.back, 1);
}

error_t __wrap_argp_parse(
	const struct argp *argp, int argc, char **argv, unsigned flags, int *arg_index, void *input)
{
	if (__real_argp_parse(
		    argp, argc, argv, flags | ARGP_NO_EXIT | ARGP_NO_ERRS, arg_index, input))
		longjmp(run.back, 1);
	return 0;
}

int __wrap_regcomp(regex_t *regex, const char *pattern, int flags)
{
	if (strlen(pattern) > REGEX_MOST || strchr(pattern, '{'))
		return REG_ESPACE;
	return __real_regcomp(regex, pattern, flags);
}

static void must(bool holds)
{
	if (!holds)
		abort();
}

static void check(const struct options *o)
{
	must(o->view && o->live.port_count >= 1 && o->live.port_count <= EVENT_PORTS);
	for (__u32 i = 0; i < o->live.port_count; i++)
		must(o->live.ports[i]);
	must(o->live.ring_size >= 4096 && !(o->live.ring_size & (o->live.ring_size - 1)));
	must(o->live.max_tracked >= 1 && o->interval >= 100000000ull);
	must(o->query.host_bits <= 128 && o->query.group_by < GROUPS);
	must(o->speed >= 0.1 && o->speed <= 1000);
	must(o->error_status >= 0 && o->error_status <= 255);
	must(!o->command || o->command[0]);
	must(!(o->replay && (o->record || o->once || o->duration)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1), *argv[ARGS_MOST + 1] = {"pgleaktrace"};
	struct options options;
	volatile int argc = 1;

	if (size)
		memcpy(text, data, size);
	text[size] = 0;
	for (size_t at = 0; at < size && argc < ARGS_MOST; at += strlen(text + at) + 1)
		if (strncmp(text + at, "--H", 3)) /* argp's own --HANG sleeps */
			argv[argc++] = text + at;
	run.count = 0;
	run.counting = true;
	if (!setjmp(run.back)) {
		options_parse(&options, argc, argv);
		check(&options);
	}
	run.counting = false;
	for (size_t i = 0; i < run.count; i++)
		free(run.blocks[i]);
	free(text);
	return 0;
}
