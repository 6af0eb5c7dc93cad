/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fuzz_library.c: any bytes as a process's maps and as the script it runs, in a folder that looks
 * like /proc/PID: "maps\0script\0package.json". A script's hints must be lines that are there.
 */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "stream/library.h"

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char folder[] = "/tmp/pgleaktrace-fuzz-XXXXXX";

static int place; /* the folder */

static void put(const char *name, const uint8_t *data, size_t size)
{
	int fd = openat(place, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	if (fd < 0 || write(fd, data, size) != (ssize_t)size)
		abort();
	close(fd);
}

static void clean_up(void)
{
	static const char *const files[] = {
		"maps", "seed.js", "package.json", "root", "node_modules/pg/package.json"};
	static const char *const folders[] = {"node_modules/pg", "node_modules"};

	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++)
		unlinkat(place, files[i], 0);
	for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++)
		unlinkat(place, folders[i], AT_REMOVEDIR);
	rmdir(folder);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	if (!mkdtemp(folder) || (place = open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC)) < 0 ||
		symlinkat(folder, place, "root") || mkdirat(place, "node_modules", 0700) ||
		mkdirat(place, "node_modules/pg", 0700))
		abort();
	put("node_modules/pg/package.json", (const uint8_t *)"{\"version\":\"8.1\"}", 17);
	atexit(clean_up);
	return 0;
}

static size_t part(const uint8_t *data, size_t size)
{
	const uint8_t *end = memchr(data, 0, size);

	return end ? (size_t)(end - data) : size;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char argv[] = "node\0/seed.js", *const files[] = {
							     "maps", "seed.js", "package.json"};
	struct library_query query = {.proc = folder,
		.exe = "/usr/bin/node",
		.cwd = "/",
		.argv = argv,
		.argv_length = sizeof(argv),
		.source = true};
	struct library_facts facts;

	for (int i = 0; i < 3; i++) {
		size_t length = part(data, size);

		put(files[i], data, length);
		length += length < size;
		data += length;
		size -= length;
	}
	library_look(&facts, &query);
	if (facts.row && !facts.sign)
		abort(); /* named without a proof */
	if (facts.source && strncmp(facts.source, "/seed.js:", 9))
		abort();
	library_facts_free(&facts);
	return 0;
}
