/* SPDX-License-Identifier: BSD-2-Clause */
/* screen.c: see screen.h. A frame is: a snapshot, the keys pressed since the last one, the rows, the
 * canvas, the terminal; nothing of the snapshot is kept. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "view/screen_state.h"

#define ROWS_SMALLEST    4 /* less can't be drawn; it is drawn as if it were that many */
#define COLUMNS_SMALLEST 20

struct screen *screen_new(const struct screen_config *config)
{
	struct screen *s = xcalloc(1, sizeof(*s));

	s->config = *config;
	s->query = *config->query;
	s->query.no_series = true;
	s->canvas.ascii = config->ascii;
	return s;
}

int screen_show(struct screen *s)
{
	return terminal_open(&s->terminal, s->config.colour);
}

void screen_free(struct screen *s)
{
	if (!s)
		return;
	terminal_close(s->terminal);
	rows_free(s);
	canvas_free(&s->canvas);
	free(s);
}

int screen_fd(void)
{
	return STDIN_FILENO;
}

bool screen_keys(struct screen *s)
{
	int key;

	while (s->terminal && s->key_count < KEYS_MOST && (key = terminal_key()))
		s->keys[s->key_count++] = key;
	return s->key_count > 0;
}

enum wish screen_wish(struct screen *s, __s64 *argument)
{
	struct wish_row first;

	if (!s->wish_count)
		return WISH_NONE;
	first = s->wishes[0];
	memmove(s->wishes, s->wishes + 1, --s->wish_count * sizeof(*s->wishes));
	*argument = first.argument;
	return first.wish;
}

static void facts_take(struct screen *s, const struct model *model)
{
	struct snapshot *snapshot = model_snapshot(model, &s->query);

	s->snapshot = snapshot;
	s->findings = findings_of(snapshot, s->config.rules);
	rows_build(s);
}

static void facts_drop(struct screen *s)
{
	findings_free((struct findings *)s->findings);
	snapshot_free((struct snapshot *)s->snapshot);
	s->findings = NULL;
	s->snapshot = NULL;
}

/* Each key acts on the rows that the one before it left; what a key changed of the query is asked
 * anew. */
static void keys_apply(struct screen *s, const struct model *model)
{
	for (size_t i = 0; i < s->key_count; i++) {
		struct query before = s->query;

		key_press(s, s->keys[i]);
		if (memcmp(&before, &s->query, sizeof(before))) {
			facts_drop(s);
			facts_take(s, model);
		} else {
			rows_build(s);
		}
	}
	s->key_count = 0;
}

static void canvas_fit(struct screen *s)
{
	unsigned rows = s->canvas.rows ? s->canvas.rows : 24;
	unsigned columns = s->canvas.columns ? s->canvas.columns : 80;

	if (s->terminal)
		terminal_size(&rows, &columns);
	canvas_reset(&s->canvas, rows < ROWS_SMALLEST ? ROWS_SMALLEST : rows,
		columns < COLUMNS_SMALLEST ? COLUMNS_SMALLEST : columns);
}

void screen_frame(struct screen *s, const struct model *model, const struct screen_status *status)
{
	s->status = *status;
	facts_take(s, model);
	keys_apply(s, model);
	canvas_fit(s);
	screen_draw(s);
	if (s->save_due) {
		s->save_due = false;
		screen_save(s);
		draw_foot(s);
	}
	if (s->terminal)
		terminal_show(s->terminal, &s->canvas);
	facts_drop(s);
}
