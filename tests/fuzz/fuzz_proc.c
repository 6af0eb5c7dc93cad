/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fuzz_proc.c: any bytes as a file of /proc/PID: what is found must lie in the text and be what it
 * is called.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "stream/proc_text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool holds)
{
	if (!holds)
		abort();
}

static void check_span(struct span span, const char *text, size_t size)
{
	if (span.at)
		must(span.length && span.at >= text && span.at + span.length <= text + size &&
			!memchr(span.at, '\n', span.length) && !memchr(span.at, '/', span.length));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1);
	struct span container, unit;
	struct proc_stat stat;
	__u32 uid = 0, own = 0;

	if (size)
		memcpy(text, data, size);
	text[size] = 0;
	cgroup_names(text, &container, &unit);
	check_span(container, text, size);
	check_span(unit, text, size);
	must(!container.at || container.length >= 32);
	must(!unit.at || !memcmp(unit.at + unit.length - 8, ".service", 8));
	if (stat_parse(&stat, text))
		must(stat.state);
	status_parse(text, &uid, &own);
	free(text);
	return 0;
}
