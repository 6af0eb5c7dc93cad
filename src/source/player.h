/* SPDX-License-Identifier: BSD-2-Clause */
/* player.h: a recording at its own speed, or at another, forth and back. What is shown at a moment is
 * what the events up to it say, however one came there. */
#ifndef SOURCE_PLAYER_H
#define SOURCE_PLAYER_H

#include "loop.h"

struct player {
	__u64 begin, length; /* boot clock of the first event; ns to the last */
	__u64 position;      /* ns since the begin */
	double speed;        /* seconds of the recording per second */
	bool paused, at_end;
	__u64 clock;      /* when position was last moved, ns of CLOCK_MONOTONIC */
	union event next; /* read and still to come */
	bool has_next;
};

/* Reads the recording once, for its length. 0 or -errno. */
int player_open(struct player *player, struct loop *loop);
/* Plays what is due by the clock. 0 or -errno; the end of the recording is no end of the player. */
int player_tick(struct player *player, struct loop *loop);
/* Moves by so many ns; back, the model is built anew from the begin. 0 or -errno. */
int player_seek(struct player *player, struct loop *loop, __s64 by);
void player_faster(struct player *player, bool faster);

#endif
