/* SPDX-License-Identifier: BSD-2-Clause */
/* screen_state.h: what the files of the live screen share: the frame's facts, and what the keys did. */
#ifndef VIEW_SCREEN_STATE_H
#define VIEW_SCREEN_STATE_H

#include "base/hash.h"
#include "base/ns.h"
#include "view/canvas.h"
#include "view/screen.h"

#define RECENT_NS   (3 * SECOND) /* how long an opening or an end is marked */
#define FILTER_MOST 128
#define WISHES_MOST 16
#define KEYS_MOST   256

enum row_kind {
	ROW_INSTANCE, /* a server on this host; opens into orphans and remote clients */
	ROW_ORPHAN,
	ROW_REMOTE,
	ROW_GROUP,
	ROW_PROCESS,
	ROW_TITLES, /* headings of the connections below */
	ROW_CONNECTION,
	ROW_NOTE, /* how many more there are */
};

/* One line of the table. The pointers are the snapshot's. */
struct row {
	enum row_kind kind;
	const struct instance_row *instance;
	const struct orphan_row *orphan;
	const struct remote_row *remote;
	const struct group_row *group;
	const struct process_row *process;
	const struct connection_row *connection;
	size_t more;     /* ROW_NOTE */
	bool folds;      /* it can be opened … */
	bool open;       /* … and is */
	bool came, went; /* something of it was opened, or ended, a moment ago */
};

/* A row that was opened, by a name that outlives the snapshot. */
struct unfolded {
	char *name;
	UT_hash_handle hh;
};

struct row_list {
	struct row *rows;
	size_t count, room;
};

struct wish_row {
	enum wish wish;
	__s64 argument;
};

/* Keys that curses has no name for. */
enum {
	KEY_WHEEL_UP = 0x10000,
	KEY_WHEEL_DOWN,
	KEY_CLICK = 0x20000, /* + the line */
};

enum pane_size { PANE_BELOW, PANE_LARGE, PANE_HIDDEN, PANE_SIZES };

enum prompt { PROMPT_NONE, PROMPT_FILTER };

struct screen {
	struct screen_config config;
	struct query query;
	struct canvas canvas;
	struct screen_status status;
	struct terminal *terminal; /* NULL: frames are only drawn */
	int keys[KEYS_MOST];       /* pressed since the last frame */
	size_t key_count;

	/* what the keys did */
	bool paused, help, with_ended, all_open, save_due;
	enum pane_size pane;
	size_t help_top;
	enum prompt prompt;
	char filter[FILTER_MOST];
	char message[256];
	struct unfolded *unfolded;
	struct wish_row wishes[WISHES_MOST];
	size_t wish_count;

	/* the cursor: the row's name, so that it stays with the row, and where it was last */
	bool moved; /* by a key, ever */
	char *cursor;
	size_t cursor_at, top, page;
	unsigned table_line; /* the screen's line of the first row shown */

	/* the frame being drawn */
	const struct snapshot *snapshot;
	const struct findings *findings;
	struct row_list list;
	size_t groups_filtered; /* groups that the filter leaves out */
};

/* screen_rows.c: the tree as lines. */
void rows_build(struct screen *screen);
void rows_free(struct screen *screen);
/* NULL if the table is empty. */
const struct row *rows_current(const struct screen *screen);
/* Moves the cursor by that many selectable rows, as far as there are any. */
void rows_move(struct screen *screen, long by);
void rows_go(struct screen *screen, size_t at);
void rows_unfold(struct screen *screen, const struct row *row, bool open);
void rows_fold_all(struct screen *screen);

/* The gravest finding about a group or an instance, and how many there are. */
const struct finding *finding_of(const struct screen *screen, const struct group_row *group,
	const struct instance_row *instance, size_t *count);

/* screen_draw.c: a frame into the canvas. */
void screen_draw(struct screen *screen);
/* screen_gauge.c: the lines of the top; returns the first free row. */
unsigned draw_top(struct screen *screen);
/* screen_columns.c: the table. */
void draw_titles(struct screen *screen, unsigned line);
void draw_row(struct screen *screen, unsigned line, const struct row *row);
/* screen_pane.c: what the row under the cursor means, from `line` to the last but one. */
void draw_pane(struct screen *screen, unsigned line, unsigned end);
/* screen_keys.c: the key table, in the order of the help, and what a key does. */
enum when { ALWAYS, LIVE, REPLAY };
struct key_row {
	int keys[3];
	const char *name, *help;
	const char *hint; /* also in the bottom line; NULL: not there */
	enum when when;
	void (*act)(struct screen *screen, long argument);
	long argument;
};
extern const struct key_row key_rows[];
extern const size_t key_row_count;
bool key_applies(const struct screen *screen, const struct key_row *row);
void key_press(struct screen *screen, int key);
/* screen_help.c: the table shown. */
void draw_help(struct screen *screen);
void draw_foot(struct screen *screen);
/* screen_save.c: the canvas as a file in the current directory; the message says which. */
void screen_save(struct screen *screen);
/* screen_terminal.c: curses, and nothing but curses. */
struct terminal;
int terminal_open(struct terminal **out, bool colour);
void terminal_close(struct terminal *terminal);
void terminal_size(unsigned *rows, unsigned *columns);
/* The next key that waits, a KEY_* or a byte; 0: none. */
int terminal_key(void);
void terminal_show(struct terminal *terminal, const struct canvas *canvas);

/* screen_text.c: "…" or "..", and their kin, for this screen. */
struct glyphs {
	const char *closed, *open, *leaf, *came, *went, *both, *full, *part, *empty, *kept, *down,
		*line, *arrow;
	const char *const *bars; /* 8 heights */
};
const struct glyphs *glyphs_of(const struct screen *screen);

enum style severity_style(enum severity severity);

/* Foreign text, clean and cut to columns; caller frees. */
char *clean_cut(const struct screen *screen, const char *text, size_t columns);

#endif
