/* SPDX-License-Identifier: BSD-2-Clause */
/* advice.c: what to change. */
#include <stdio.h>

#include "base/mem.h"
#include "diagnose/diagnose.h"

char *advice_of(const struct finding *f)
{
	const struct budget *b = &f->budget;
	const char *advice = rule_rows[f->rule].advice;

	if (!b->known)
		return xstrdup(advice);
	if (!b->limit)
		return xasprintf("%s: at most %llu process%s at once", advice,
			(unsigned long long)b->slots, b->slots == 1 ? "" : "es");
	return xasprintf("%s: at most %llu connection%s per process", advice,
		(unsigned long long)b->limit, b->limit == 1 ? "" : "s");
}
