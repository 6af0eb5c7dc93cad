/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fuzz_argv.c: any bytes as a command line: redacted, named as each interpreter's, cleaned for the
 * terminal and for JSON. Redacting twice must change nothing more, and clean text must hold no
 * control character.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/codec.h"
#include "base/redact.h"
#include "base/text.h"
#include "model/script.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void name(const char *argv, size_t length)
{
	static const char *const exes[] = {"/usr/bin/node", "/usr/bin/python3.11", "/usr/bin/java",
		"/usr/bin/php", "/usr/bin/ruby", "/usr/bin/perl", "/usr/bin/bash", "/bin/busybox",
		"/srv/app/worker", NULL};
	struct script_name script;
	char *wrapper = script_wrapper(argv, length);

	free(wrapper);
	for (size_t i = 0; i < sizeof(exes) / sizeof(exes[0]); i++) {
		const char *comm = exes[i] ? strrchr(exes[i], '/') + 1 : "x";

		script_identify(&script, argv, length, comm, exes[i], i % 2 ? "/srv/app" : NULL);
		if (!script.script)
			abort();
		script_free(&script);
	}
}

static void for_json(const char *argv, size_t length)
{
	char *text = text_json_safe(argv, length), *command = text_command(argv, length);
	json_t *string = json_string(text), *words = codec_argv(argv, length);

	if (!string || !words) /* jansson takes valid UTF-8 only */
		abort();
	json_decref(string);
	json_decref(words);
	free(text);
	free(command);
}

static void clean(const char *argv, size_t length)
{
	char cut[64], *text = text_clean(argv, length);

	for (const char *at = text; *at; at++)
		if ((unsigned char)*at < 0x20 || *at == 0x7f)
			abort();
	text_cut(cut, sizeof(cut), text, 20, false);
	if (text_columns(cut) > 20)
		abort();
	free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	/* A copy of its very size, so that one byte too far is seen. */
	char *argv = malloc(size + !size), *once, *twice;
	size_t n, m;

	if (size)
		memcpy(argv, data, size);
	once = redact_argv(argv, size, &n);
	twice = redact_argv(once, n, &m);
	if (n != m || memcmp(once, twice, n))
		abort();
	name(once, n);
	clean(once, n);
	for_json(once, n);
	free(once);
	free(twice);
	free(argv);
	return 0;
}
