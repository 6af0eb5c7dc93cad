/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * timeline.h: a snapshot's connections laid out in time, for the views that draw: which track each
 * takes so that no two of a track overlap, and how many of each script were open when.
 */
#ifndef VIEW_TIMELINE_H
#define VIEW_TIMELINE_H

#include <pgleaktrace/model.h>

/* One connection between its open and its end, cut to the time that was watched. */
struct bar {
	const struct connection_row *row;
	__u64 begin, end; /* ns since the start */
	unsigned track;   /* from 0; begin order within a track */
};

struct bars {
	struct bar *bars; /* by begin */
	size_t count;
	unsigned tracks;
};

/* The caller frees bars.bars. */
struct bars timeline_bars(const struct snapshot *snapshot, const struct process_row *process);

/* A change of the number of open connections. */
struct change {
	__u64 time; /* ns since the start */
	unsigned layer;
	int by; /* 1 opened, -1 ended */
};

struct changes {
	struct change *rows;
	size_t count, room;
};

/* Adds both changes of a connection, none for one that was refused: it never took a slot. */
void timeline_add(
	struct changes *, const struct snapshot *, const struct connection_row *, unsigned layer);
/* By time; at the same time ends come first, so that no peak is seen that never was. */
void timeline_sort(struct changes *);

/*
 * Open connections per layer in `columns` equal parts of the time. A column shows one real moment:
 * the one with the most open in all, so no peak is lost and no sum is of different moments.
 */
struct series {
	unsigned columns, layers;
	unsigned *counts; /* [column * layers + layer]; the caller frees */
	unsigned most;    /* highest sum of a column */
};
struct series timeline_series(
	const struct snapshot *, struct changes *, unsigned layers, unsigned columns);

/* A round step, ns, that divides `span` into at most `most` parts. */
__u64 timeline_step(__u64 span, unsigned most);

#endif
