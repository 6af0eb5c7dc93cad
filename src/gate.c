/* SPDX-License-Identifier: BSD-2-Clause */
/* gate.c: --fail-on: its words, and whether what stands at the end is among them. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "gate.h"

static bool parse_severity(struct gate *gate, const char *word)
{
	for (int s = 0; s < SEVERITIES; s++)
		if (!strcmp(word, severity_name((enum severity)s))) {
			for (; s < SEVERITIES; s++)
				gate->severities[s] = true;
			return true;
		}
	return false;
}

static bool parse_word(struct gate *gate, const char *word)
{
	if (!strcmp(word, "refused"))
		return gate->refused = true;
	if (!strcmp(word, "failed"))
		return gate->failed = true;
	for (int r = 0; r < RULES; r++)
		if (!strcmp(word, rule_rows[r].id))
			return gate->rules[r] = true;
	return parse_severity(gate, word);
}

int gate_parse(struct gate *gate, const char *words, char *bad, size_t size)
{
	const char *at = words;

	gate->set = true;
	for (;;) {
		size_t n = strcspn(at, ",");

		snprintf(bad, size, "%.*s", (int)n, at);
		if (!parse_word(gate, bad))
			return -EINVAL;
		if (!at[n])
			return 0;
		at += n + 1;
	}
}

static const struct finding *first_held(const struct gate *gate, const struct findings *findings)
{
	for (size_t i = 0; i < findings->count; i++) {
		const struct finding *f = &findings->rows[i];

		if (gate->rules[f->rule] || gate->severities[f->severity])
			return f;
	}
	return NULL;
}

bool gate_trips(const struct gate *gate, const struct snapshot *snapshot,
	const struct findings *findings, char *why, size_t size)
{
	const struct finding *f = first_held(gate, findings);
	const struct counts *c = &snapshot->counts;

	if (f) {
		const char *name = f->group ? f->group->name : f->instance->program;
		char *clean = text_clean(name ? name : "", name ? strlen(name) : 0);

		snprintf(why, size, "--fail-on: %s (%s), %s", rule_rows[f->rule].id,
			severity_name(f->severity), clean);
		free(clean);
		return true;
	}
	if (gate->refused && c->refused) {
		snprintf(why, size, "--fail-on: refused connections: %llu",
			(unsigned long long)c->refused);
		return true;
	}
	if (gate->failed && c->failed) {
		snprintf(why, size, "--fail-on: failed attempts to connect: %llu",
			(unsigned long long)c->failed);
		return true;
	}
	return false;
}
