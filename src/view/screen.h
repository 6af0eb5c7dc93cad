/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * screen.h: the live screen: the same snapshot as every view, drawn again and again, and keys that
 * change what is asked of it. It neither watches nor plays: whoever runs it lends the model, and
 * takes the wishes that are not the screen's own to fulfil.
 *
 *   screen_new() → screen_show() → { screen_keys() → screen_wish() …, screen_frame() } → screen_free()
 */
#ifndef VIEW_SCREEN_H
#define VIEW_SCREEN_H

#include <pgleaktrace/finding.h>
#include <pgleaktrace/model.h>

struct screen;

struct screen_config {
	const struct query *query; /* to begin with; the screen changes a copy */
	const struct rule_settings *rules;
	bool ascii, colour;
	bool replay; /* a recording is played: its keys work, recording does not */
};

/* What the user asks of whoever runs the screen. */
enum wish {
	WISH_NONE,
	WISH_QUIT,
	WISH_PAUSE,  /* argument 1: hold, 0: go on */
	WISH_RECORD, /* start or stop a recording */
	WISH_SEEK,   /* argument: ns forward or back */
	WISH_FASTER, /* argument 1: faster, -1: slower */
};

/* Where a recording stands, and what is being recorded; for the title line. */
struct screen_status {
	__u64 position, length; /* ns since the recording's begin */
	double speed;
	bool at_end;
	const char *recording; /* file being written; NULL: none */
};

/* Can a screen be drawn on a terminal of that name? Not if this host does not know it. */
bool screen_suits(const char *term);
struct screen *screen_new(const struct screen_config *config);
/* Takes the terminal over, until screen_free(); a crash in between restores it too. 0 or -errno. */
int screen_show(struct screen *screen);
void screen_free(struct screen *screen); /* accepts NULL */

/* The descriptor that is readable when a key waits. */
int screen_fd(void);
/* Takes all keys that wait; true if a frame is due. */
bool screen_keys(struct screen *screen);
/* The next wish, until WISH_NONE. */
enum wish screen_wish(struct screen *screen, __s64 *argument);
/* Draws what the model says now. */
void screen_frame(
	struct screen *screen, const struct model *model, const struct screen_status *status);
/* Creates a file in the current directory that was not there, mode 0600, named by the snapshot's time:
 * "pgleaktrace-2026-11-24T05-44-17.txt". A descriptor to write to, or -errno. */
int screen_file_create(char *out, size_t size, const struct snapshot *snapshot, const char *kind);
/* A message in the bottom line; clean text, it stays until the next key. */
void screen_say(struct screen *screen, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

#endif
