/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fuzz_server.c: any bytes as what a server leaves for us to read: its control file, its
 * configuration, its command line and a backend's title. The first byte says which.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "stream/server_conf.h"
#include "stream/server_limits.h"
#include "stream/server_title.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool holds)
{
	if (!holds)
		abort();
}

static void control(const char *bytes, size_t size)
{
	struct control out;

	if (!control_parse(&out, bytes, size))
		must(out.max_connections > 0);
}

static void configuration(const char *text, size_t size)
{
	struct settings settings = {0};
	struct conf_line line;
	const char *at = text, *before = text;
	int result;

	(void)size;
	while ((result = conf_next(&at, &line)) != 0) {
		must(at > before); /* it comes to an end */
		before = at;
		if (result == 1 && !conf_is_include(&line))
			settings_put(&settings, line.name, line.value);
	}
	settings_free(&settings);
}

static void command_line(const char *argv, size_t size)
{
	struct settings settings = {0};

	settings_argv(&settings, argv, size);
	settings_free(&settings);
}

/* "cluster\0title", the port 5432 or, as a unix socket, 0. */
static void title(const char *text, size_t size)
{
	const char *words = memchr(text, 0, size);
	struct title out;

	words = words ? words + 1 : text;
	for (int i = 0; i < 4; i++)
		if (title_parse(&out, words, i & 1 ? text : NULL, i & 2 ? 5432 : 0)) {
			must(!strncmp(words, "postgres: ", 10));
			must(!*out.user || strstr(words, out.user));
			must(!*out.activity || strstr(words, out.activity));
		} else {
			must(!*out.user && !*out.database && !*out.activity && !out.walsender);
		}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static void (*const kinds[])(const char *, size_t) = {
		control, configuration, command_line, title};
	char *text;

	if (!size)
		return 0;
	text = malloc(size); /* its very size: one byte too far is seen */
	memcpy(text, data + 1, size - 1);
	text[size - 1] = 0;
	kinds[data[0] % 4](text, size - 1);
	free(text);
	return 0;
}
