/* SPDX-License-Identifier: BSD-2-Clause */
/* openmetrics_page.h: between the files that write the page: what a family is, and what each needs. */
#ifndef VIEW_OPENMETRICS_PAGE_H
#define VIEW_OPENMETRICS_PAGE_H

#include "view/openmetrics.h"

#define OPENMETRICS_PREFIX "pgleaktrace_"

struct page {
	FILE *out;
	const struct snapshot *snapshot;
	const struct findings *findings;
	const struct self *self;
	enum exposition exposition;
};

enum family_type { GAUGE, COUNTER, HISTOGRAM, INFO };

struct family {
	const char *name; /* without the prefix, and without _total or _info */
	enum family_type type;
	const char *unit; /* the name's last word, or NULL */
	const char *help;
	void (*write)(const struct page *, const struct family *);
	const char *field; /* of count_fields, for write_counts */
};

void page_name(const struct page *p, const struct family *f, const char *suffix);
void page_number(const struct page *p, __u64 number);
void page_seconds(const struct page *p, __u64 ns);

/* openmetrics_servers.c: a sample per server whose number is known. */
void write_server_limit(const struct page *p, const struct family *f);
void write_server_reserved(const struct page *p, const struct family *f);
void write_server_used(const struct page *p, const struct family *f);
void write_server_orphaned(const struct page *p, const struct family *f);
void write_server_remote(const struct page *p, const struct family *f);
void write_server_full_in(const struct page *p, const struct family *f);

#endif
