/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fuzz_argv.c: any bytes as a command line: redacted, named, cleaned for the terminal. Redacting
 * twice must change nothing more, and clean text must hold no control character.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/redact.h"
#include "base/text.h"
#include "model/script.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void name(const char *argv, size_t length)
{
	struct script_name script;
	char *wrapper = script_wrapper(argv, length);

	script_identify(&script, argv, length, "node", "/usr/bin/node", "/srv/app");
	if (!script.script)
		abort();
	script_free(&script);
	free(wrapper);
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
	free(once);
	free(twice);
	free(argv);
	return 0;
}
