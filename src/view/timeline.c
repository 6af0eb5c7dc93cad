/* SPDX-License-Identifier: BSD-2-Clause */
/* timeline.c: see timeline.h. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/ns.h"
#include "view/timeline.h"

static __u64 since_start(const struct snapshot *s, __u64 time)
{
	if (time > s->now)
		time = s->now;
	return time > s->started ? time - s->started : 0;
}

static int bar_order(const void *a, const void *b)
{
	const struct bar *x = a, *y = b;

	if (x->begin != y->begin)
		return x->begin < y->begin ? -1 : 1;
	if (x->row->cookie != y->row->cookie)
		return x->row->cookie < y->row->cookie ? -1 : 1;
	return 0;
}

/* First track whose last bar has ended; a new one if none has. */
static unsigned track_find(__u64 *ends, unsigned *tracks, const struct bar *bar)
{
	unsigned track = 0;

	while (track < *tracks && ends[track] > bar->begin)
		track++;
	if (track == *tracks)
		(*tracks)++;
	/* Bars of no length still take their moment. */
	ends[track] = bar->end > bar->begin ? bar->end : bar->begin + 1;
	return track;
}

struct bars timeline_bars(const struct snapshot *s, const struct process_row *p)
{
	struct bars out = {.count = p->connection_count};
	__u64 *ends = xcalloc(p->connection_count + 1, sizeof(*ends));

	out.bars = xcalloc(p->connection_count + 1, sizeof(*out.bars));
	for (size_t i = 0; i < out.count; i++) {
		const struct connection_row *row = &p->connections[i];

		out.bars[i].row = row;
		out.bars[i].begin = since_start(s, row->opened_at);
		out.bars[i].end = since_start(s, row->ended_at ? row->ended_at : s->now);
		if (out.bars[i].end < out.bars[i].begin)
			out.bars[i].end = out.bars[i].begin;
	}
	qsort(out.bars, out.count, sizeof(*out.bars), bar_order);
	for (size_t i = 0; i < out.count; i++)
		out.bars[i].track = track_find(ends, &out.tracks, &out.bars[i]);
	free(ends);
	return out;
}

static void change_add(struct changes *c, __u64 time, unsigned layer, int by)
{
	if (c->count == c->room) {
		c->room = c->room ? c->room * 2 : 256;
		c->rows = xrealloc(c->rows, c->room * sizeof(*c->rows));
	}
	c->rows[c->count++] = (struct change){time, layer, by};
}

void timeline_add(struct changes *c, const struct snapshot *s, const struct connection_row *row,
	unsigned layer)
{
	__u64 begin = since_start(s, row->opened_at), end = since_start(s, row->ended_at);

	if (row->ending == ENDING_REFUSED)
		return;
	change_add(c, begin, layer, 1);
	if (row->ended_at)
		change_add(c, end > begin ? end : begin + 1, layer, -1);
}

static int change_order(const void *a, const void *b)
{
	const struct change *x = a, *y = b;

	if (x->time != y->time)
		return x->time < y->time ? -1 : 1;
	if (x->by != y->by)
		return x->by < y->by ? -1 : 1;
	return x->layer < y->layer ? -1 : x->layer > y->layer;
}

void timeline_sort(struct changes *c)
{
	if (c->count) /* rows is NULL then, which qsort() may not be given */
		qsort(c->rows, c->count, sizeof(*c->rows), change_order);
}

/* Keeps the moment in its column if more are open than at any before. */
static void series_keep(
	struct series *out, unsigned column, const unsigned *now, unsigned total, unsigned *best)
{
	if (total < best[column] || (best[column] && total == best[column]))
		return;
	best[column] = total;
	memcpy(&out->counts[column * out->layers], now, out->layers * sizeof(*now));
	if (total > out->most)
		out->most = total;
}

struct series timeline_series(
	const struct snapshot *s, struct changes *c, unsigned layers, unsigned columns)
{
	struct series out = {.columns = columns, .layers = layers};
	unsigned *now = xcalloc(layers, sizeof(*now)), *best = xcalloc(columns, sizeof(*best));
	__u64 span = s->now > s->started ? s->now - s->started : 1;
	unsigned total = 0;
	size_t at = 0;

	out.counts = xcalloc((size_t)columns * layers, sizeof(*out.counts));
	timeline_sort(c);
	for (unsigned column = 0; column < columns; column++) {
		__u64 until = (__u64)((double)span * (column + 1) / columns);

		/* What is left from before is there at the column's begin. */
		if (column)
			series_keep(&out, column, now, total, best);
		for (; at < c->count && (c->rows[at].time < until || column == columns - 1); at++) {
			now[c->rows[at].layer] += (unsigned)c->rows[at].by;
			total += (unsigned)c->rows[at].by;
			series_keep(&out, column, now, total, best);
		}
	}
	free(now);
	free(best);
	return out;
}

__u64 timeline_step(__u64 span, unsigned most)
{
	static const unsigned factors[] = {1, 2, 5};
	static const unsigned seconds[] = {60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 21600,
		43200, 86400, 172800, 604800};

	for (__u64 unit = SECOND / 1000; unit <= 10 * SECOND; unit *= 10)
		for (unsigned i = 0; i < 3; i++)
			if (unit * factors[i] <= 30 * SECOND && span / (unit * factors[i]) <= most)
				return unit * factors[i];
	if (span / (30 * SECOND) <= most)
		return 30 * SECOND;
	for (size_t i = 0; i < sizeof(seconds) / sizeof(seconds[0]); i++)
		if (span / (seconds[i] * SECOND) <= most)
			return seconds[i] * SECOND;
	return span / most + 1;
}
