/* SPDX-License-Identifier: BSD-2-Clause */
/* canvas.c: see canvas.h. A wide character takes two cells, the second of length 0. */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"
#include "view/canvas.h"

static struct cell *cell_at(const struct canvas *c, unsigned row, unsigned column)
{
	return &c->cells[(size_t)row * c->columns + column];
}

static void cell_set(struct cell *cell, const char *bytes, size_t length, enum style style)
{
	memcpy(cell->bytes, bytes, length);
	cell->length = (unsigned char)length;
	cell->style = (unsigned char)style;
}

void canvas_reset(struct canvas *c, unsigned rows, unsigned columns)
{
	if (!c->cells || c->rows != rows || c->columns != columns)
		c->cells = xrealloc(c->cells, (size_t)rows * columns * sizeof(*c->cells));
	c->rows = rows;
	c->columns = columns;
	memset(c->cells, 0, (size_t)rows * columns * sizeof(*c->cells));
	for (size_t i = 0; i < (size_t)rows * columns; i++)
		cell_set(&c->cells[i], " ", 1, STYLE_PLAIN);
}

void canvas_free(struct canvas *c)
{
	free(c->cells);
	c->cells = NULL;
}

/* A mark joins the character before it. */
static void cell_add(struct cell *cell, const char *bytes, size_t length)
{
	if (cell->length + length > CELL_BYTES)
		return;
	memcpy(cell->bytes + cell->length, bytes, length);
	cell->length = (unsigned char)(cell->length + length);
}

unsigned canvas_put(struct canvas *c, unsigned row, unsigned column, unsigned width,
	enum style style, const char *clean)
{
	unsigned used = 0;
	size_t bytes;

	if (row >= c->rows || column >= c->columns)
		return 0;
	if (width > c->columns - column)
		width = c->columns - column;
	for (; *clean; clean += bytes) {
		unsigned wide = (unsigned)text_character(clean, &bytes);
		bool foreign = c->ascii && (*clean & 0x80);

		if (used + wide > width)
			break;
		if (!wide) {
			if (used && !foreign)
				cell_add(cell_at(c, row, column + used - 1), clean, bytes);
			continue;
		}
		cell_set(cell_at(c, row, column + used), foreign ? "?" : clean, foreign ? 1 : bytes,
			style);
		if (wide == 2)
			cell_set(cell_at(c, row, column + used + 1), foreign ? "?" : "", foreign,
				style);
		used += wide;
	}
	return used;
}

unsigned canvas_print(
	struct canvas *c, unsigned row, unsigned column, enum style style, const char *format, ...)
{
	va_list args;
	unsigned used;
	char *text;

	va_start(args, format);
	text = xvasprintf(format, args);
	va_end(args);
	used = canvas_put(c, row, column, c->columns, style, text);
	free(text);
	return used;
}

void canvas_select(struct canvas *c, unsigned row)
{
	for (unsigned i = 0; row < c->rows && i < c->columns; i++)
		cell_at(c, row, i)->selected = true;
}

void canvas_paint(struct canvas *c, unsigned row, enum style style)
{
	for (unsigned i = 0; row < c->rows && i < c->columns; i++)
		cell_at(c, row, i)->style = (unsigned char)style;
}

char *canvas_line(const struct canvas *c, unsigned row)
{
	char *line = xcalloc(c->columns + 1, CELL_BYTES), *end = line;

	for (unsigned i = 0; i < c->columns; i++) {
		const struct cell *cell = cell_at(c, row, i);

		memcpy(end, cell->bytes, cell->length);
		end += cell->length;
	}
	while (end > line && end[-1] == ' ')
		end--;
	*end = 0;
	return line;
}
