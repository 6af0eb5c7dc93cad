/* SPDX-License-Identifier: BSD-2-Clause */
/* player.c: see player.h. */
#include <errno.h>
#include <time.h>

#include "base/ns.h"
#include "source/player.h"

#define SPEED_MOST  4096.0
#define SPEED_LEAST 0.0625

static __u64 clock_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (__u64)now.tv_sec * SECOND + (__u64)now.tv_nsec;
}

int player_open(struct player *p, struct loop *l)
{
	struct stream *stream;
	union event event;
	char why[256];
	int error = stream_replay_open(&stream, l->options->replay, why, sizeof(why));
	__u64 end = 0;

	if (error)
		return error;
	while ((error = stream_next(stream, &event)) == 1) {
		if (event.head.kind == EVENT_SESSION && !p->begin)
			p->begin = event.head.time;
		if (event.head.time > end)
			end = event.head.time;
	}
	stream_close(stream);
	p->length = end > p->begin ? end - p->begin : 0;
	p->speed = l->options->speed;
	p->clock = clock_now();
	return error == -ENODATA ? 0 : error;
}

/* Everything up to the position, in the recording's order. */
static int play(struct player *p, struct loop *l)
{
	for (;;) {
		int result = p->has_next ? 1 : stream_next(l->stream, &p->next);

		if (result != 1) {
			p->at_end = result == -ENODATA;
			return p->at_end ? 0 : result;
		}
		p->has_next = p->next.head.time > p->begin + p->position;
		if (p->has_next)
			return 0;
		loop_take_event(l, &p->next);
	}
}

int player_tick(struct player *p, struct loop *l)
{
	__u64 now = clock_now();

	if (!p->paused && !p->at_end)
		p->position += (__u64)((double)(now - p->clock) * p->speed);
	if (p->position > p->length)
		p->position = p->length;
	p->clock = now;
	return play(p, l);
}

static int rewind_all(struct player *p, struct loop *l)
{
	char why[256];
	int error;

	stream_close(l->stream);
	l->stream = NULL;
	error = stream_replay_open(&l->stream, l->options->replay, why, sizeof(why));
	if (error)
		return error;
	model_free(l->model);
	l->model = model_for(&l->options->query);
	diagnosis_free(l->diagnosis);
	l->diagnosis = diagnosis_new();
	p->has_next = p->at_end = false;
	return 0;
}

int player_seek(struct player *p, struct loop *l, __s64 by)
{
	int error = by < 0 ? rewind_all(p, l) : 0;

	if (by < 0)
		p->position -= p->position < (__u64)-by ? p->position : (__u64)-by;
	else
		p->position += (__u64)by;
	if (p->position > p->length)
		p->position = p->length;
	return error ? error : play(p, l);
}

void player_faster(struct player *p, bool faster)
{
	if (faster && p->speed * 2 <= SPEED_MOST)
		p->speed *= 2;
	if (!faster && p->speed / 2 >= SPEED_LEAST)
		p->speed /= 2;
}
