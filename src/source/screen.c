/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * screen.c: the terminal as a source: keys in, frames out, and what the keys wish of the rest of the
 * program: a pause, a recording, another moment of a recording that is played.
 */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/ns.h"
#include "source/player.h"
#include "view/screen.h"

#define FRAME_NS (100 * MILLISECOND) /* at most ten frames a second */

struct desk {
	struct screen *screen;
	struct player player;
	struct model *frozen; /* live: what is shown while paused */
	bool recording;       /* R started one, and it was not stopped */
	__u64 shown_events;   /* as many had been taken at the last frame */
	bool due, fresh;      /* a frame is due; none was drawn since the last tick */
};

static bool is_replay(const struct loop *l)
{
	return l->options->replay != NULL;
}

static void frame(struct desk *d, struct loop *l)
{
	struct screen_status status = {
		.position = d->player.position,
		.length = d->player.length,
		.speed = d->player.speed,
		.at_end = d->player.at_end,
		.recording = l->recorder ? l->recording : NULL,
	};

	if (d->recording && !l->recorder) {
		d->recording = false;
		screen_say(
			d->screen, "%s is cut short: %s", l->recording, strerror(-l->record_error));
	}
	screen_frame(d->screen, d->frozen ? d->frozen : l->model, &status);
	d->shown_events = l->taken;
	d->due = false;
	d->fresh = true;
}

static void pause_watch(struct desk *d, struct loop *l, bool pause)
{
	if (is_replay(l)) {
		d->player.paused = pause;
		return;
	}
	model_free(d->frozen);
	d->frozen = pause ? model_copy(l->model) : NULL;
}

struct retelling {
	struct recorder *recorder;
	int error;
};

static void write_down(void *data, const union event *event)
{
	struct retelling *r = data;

	if (!r->error)
		r->error = recorder_write(r->recorder, event);
}

/* It begins with what is already known, so that it stands on its own. */
static int record_start(struct desk *d, struct loop *l)
{
	static const struct query all;
	struct retelling r = {0};
	struct snapshot *now = model_snapshot(l->model, &all);
	char file[128];
	int fd = screen_file_create(file, sizeof(file), now, "ndjson");

	snapshot_free(now);
	if (fd < 0)
		return fd;
	r.error = recorder_open_fd(&r.recorder, fd);
	if (r.error)
		return r.error;
	model_retell(l->model, write_down, &r);
	if (r.error) {
		recorder_close(r.recorder);
		return r.error;
	}
	free(l->recording);
	l->recording = xstrdup(file);
	l->recorder = r.recorder;
	d->recording = true;
	return 0;
}

/* With a last word, so that it does not seem to be torn. */
static int record_stop(struct desk *d, struct loop *l)
{
	static const struct query all;
	struct snapshot *now = model_snapshot(l->model, &all);
	union event stop = {
		.stop = {.head = {.kind = EVENT_STOP, .time = now->now}, .reason = STOP_SIGNAL}};
	int error = recorder_write(l->recorder, &stop), closed = recorder_close(l->recorder);

	snapshot_free(now);
	error = error ? error : closed;
	l->recorder = NULL;
	d->recording = false;
	return error;
}

static void record_toggle(struct desk *d, struct loop *l)
{
	int error;

	if (l->options->record) {
		screen_say(
			d->screen, "recording since the start (--record); it ends with the watch");
	} else if (d->recording) {
		error = record_stop(d, l);
		screen_say(d->screen, error ? "%s is not whole: %s" : "recorded: %s", l->recording,
			strerror(-error));
	} else {
		error = record_start(d, l);
		if (error)
			screen_say(d->screen, "no recording: %s", strerror(-error));
		else
			screen_say(d->screen, "recording to %s; R stops it", l->recording);
	}
}

/* 0 goes on, a stop reason ends the watch, -errno breaks it. */
static int grant(struct desk *d, struct loop *l, enum wish wish, __s64 argument)
{
	switch (wish) {
	case WISH_QUIT: return STOP_SIGNAL;
	case WISH_PAUSE: pause_watch(d, l, argument); break;
	case WISH_RECORD: record_toggle(d, l); break;
	case WISH_SEEK: return player_seek(&d->player, l, argument);
	case WISH_FASTER: player_faster(&d->player, argument > 0); break;
	case WISH_NONE: break;
	}
	return 0;
}

static int frame_and_wishes(struct desk *d, struct loop *l)
{
	__s64 argument;
	enum wish wish;
	int result = 0;

	frame(d, l);
	while (!result && (wish = screen_wish(d->screen, &argument)) != WISH_NONE) {
		result = grant(d, l, wish, argument);
		d->due = true; /* what it did is worth a look */
	}
	return result;
}

/* Nobody is there any more, and no signal need have told (nohup). */
static bool is_gone(int fd)
{
	struct pollfd terminal = {.fd = fd, .events = POLLIN};

	return poll(&terminal, 1, 0) > 0 && terminal.revents & (POLLHUP | POLLERR | POLLNVAL);
}

/* A key is answered at once, unless there was a frame a moment ago. */
static int keys_ready(struct loop *l, int fd, void *data)
{
	struct desk *d = data;

	if (is_gone(fd))
		return STOP_SIGNAL;
	d->due |= screen_keys(d->screen);
	return d->due && !d->fresh ? frame_and_wishes(d, l) : 0;
}

static int tick_ready(struct loop *l, int fd, void *data)
{
	struct desk *d = data;
	int error = 0;

	timer_clear(fd);
	if (is_replay(l))
		error = player_tick(&d->player, l);
	if (error)
		return error;
	d->fresh = false;
	d->due |= screen_keys(d->screen) || is_replay(l) || l->taken != d->shown_events;
	return d->due ? frame_and_wishes(d, l) : 0;
}

static void desk_done(struct loop *l, int fd, void *data)
{
	struct desk *d = data;

	(void)l;
	(void)fd;
	screen_free(d->screen);
	model_free(d->frozen);
	free(d);
}

static struct desk *desk_open(struct loop *l)
{
	const char *no_color = getenv("NO_COLOR");
	const struct screen_config config = {
		.query = &l->options->query,
		.rules = &l->options->rules,
		.ascii = l->context->ascii,
		.colour = !l->options->no_color && !(no_color && *no_color),
		.replay = is_replay(l),
	};
	struct desk *d = xcalloc(1, sizeof(*d));

	d->screen = screen_new(&config);
	return d;
}

int screen_lend(struct loop *l)
{
	struct desk *d;
	int result;

	if (!l->options->screen)
		return 0;
	d = desk_open(l);
	result = is_replay(l) ? player_open(&d->player, l) : 0;
	if (!result)
		result = screen_show(d->screen);
	if (!result)
		result = loop_lend(l, fd_copy(screen_fd()), keys_ready, d);
	if (result >= 0)
		result = loop_lend(l, timer_open(FRAME_NS, true), tick_ready, d);
	if (result < 0)
		desk_done(l, -1, d);
	else
		l->sources[result].done = desk_done;
	return result;
}
