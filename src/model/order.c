/* SPDX-License-Identifier: BSD-2-Clause */
/* order.c: the order in which rows are shown: the worst first, unless a column was asked for. */
#include <stdlib.h>
#include <string.h>

#include "model/state.h"

static int by_number(__u64 a, __u64 b)
{
	return a > b ? -1 : a < b;
}

static int by_age(const void *a, const void *b)
{
	const struct connection_row *x = a, *y = b;
	int ended = (x->ended_at != 0) - (y->ended_at != 0);

	if (ended)
		return ended;
	if (x->opened_at != y->opened_at)
		return x->opened_at < y->opened_at ? -1 : 1;
	return x->cookie < y->cookie ? -1 : x->cookie > y->cookie;
}

static int worst_first(const struct counts *a, const struct counts *b)
{
	int order = by_number(a->idle + a->abandoned, b->idle + b->abandoned);

	if (!order)
		order = by_number(a->open + a->fd_leak, b->open + b->fd_leak);
	return order ? order : by_number(a->opened, b->opened);
}

static int by_worst_group(const void *a, const void *b)
{
	const struct group_row *x = a, *y = b;
	int order = worst_first(&x->counts, &y->counts);

	return order ? order : strcmp(x->name, y->name);
}

static int by_field(const void *a, const void *b, void *field)
{
	const struct group_row *x = a, *y = b;
	const struct count_field *f = field;
	int order = by_number(f->get(&x->counts), f->get(&y->counts));

	return order ? order : by_worst_group(a, b);
}

static int by_worst_process(const void *a, const void *b)
{
	const struct process_row *x = a, *y = b;
	int order = (x->folded != 0) - (y->folded != 0);

	if (!order)
		order = worst_first(&x->counts, &y->counts);
	return order ? order : process_key_order(&x->key, &y->key);
}

void connections_sort(struct connection_row *rows, size_t count)
{
	if (count)
		qsort(rows, count, sizeof(*rows), by_age);
}

void processes_sort(struct process_row *rows, size_t count)
{
	if (count)
		qsort(rows, count, sizeof(*rows), by_worst_process);
}

void groups_sort(struct group_row *rows, size_t count, const struct count_field *field)
{
	if (field)
		qsort_r(rows, count, sizeof(*rows), by_field, (void *)field);
	else
		qsort(rows, count, sizeof(*rows), by_worst_group);
}
