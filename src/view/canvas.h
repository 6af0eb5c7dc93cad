/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * canvas.h: a screenful in memory: cells of text and style. Frames are drawn here, whatever the
 * terminal; screen_terminal.c shows the cells, and `S` saves them as text.
 */
#ifndef VIEW_CANVAS_H
#define VIEW_CANVAS_H

#include <stdbool.h>
#include <stddef.h>

/* What a piece of text is; the terminal decides how that looks. Never the only sign of it. */
enum style {
	STYLE_PLAIN,
	STYLE_BAR,     /* title and foot of the screen */
	STYLE_HEADING, /* column titles */
	STYLE_STRONG,
	STYLE_DIM,
	STYLE_LEAK,
	STYLE_WARNING,
	STYLE_NEW,  /* just opened */
	STYLE_GONE, /* just gone */
	STYLES
};

#define CELL_BYTES 15 /* of one character with its marks; more marks are left out */

struct cell {
	char bytes[CELL_BYTES];
	unsigned char length;
	unsigned char style;
	bool selected;
};

struct canvas {
	unsigned rows, columns;
	bool ascii; /* characters beyond ASCII become "?" */
	struct cell *cells;
};

/* Empties it; all cells are blanks. */
void canvas_reset(struct canvas *canvas, unsigned rows, unsigned columns);
void canvas_free(struct canvas *canvas);

/* Writes clean text from (row, column), at most `width` columns; returns how many it took. What lies
 * outside the canvas is left out. */
unsigned canvas_put(struct canvas *canvas, unsigned row, unsigned column, unsigned width,
	enum style style, const char *clean);
/* The same to the right edge, as printf() would write it. */
unsigned canvas_print(struct canvas *canvas, unsigned row, unsigned column, enum style style,
	const char *format, ...) __attribute__((format(printf, 5, 6)));
/* The cursor's line. */
void canvas_select(struct canvas *canvas, unsigned row);
/* All of a line has that style, text or not. */
void canvas_paint(struct canvas *canvas, unsigned row, enum style style);

/* A line as text, without the blanks at its end; caller frees. */
char *canvas_line(const struct canvas *canvas, unsigned row);

#endif
