/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * screen_terminal.c: the terminal, through curses. It is given back on every way out: closing, exit()
 * from anywhere, and a crash, whose handler may only write bytes that were prepared before.
 */
#include <curses.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <termcap.h>
#include <termios.h>
#include <unistd.h>

#include "base/mem.h"
#include "view/screen.h"
#include "view/screen_state.h"

struct terminal {
	SCREEN *screen;
	bool colour;
	int notes;        /* what stderr says while the screen is shown, told afterwards; -1 */
	int stderr_saved; /* where it went before */
};

/* A signal handler gets no argument: what it needs stands here while the screen is shown. */
static struct rescue {
	volatile sig_atomic_t armed;
	char bytes[256]; /* leaves the alternate screen, shows the cursor, mouse and colours off */
	size_t length;
	struct termios modes;
	int stderr_saved;
} rescue;

static const int crashes[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGQUIT, SIGSYS, SIGTRAP};
static const int curses_signals[] = {SIGINT, SIGTERM, SIGTSTP, SIGWINCH};
#define CURSES_SIGNALS (sizeof(curses_signals) / sizeof(curses_signals[0]))
#define CRASHES        (sizeof(crashes) / sizeof(crashes[0]))

/* Only async-signal-safe calls. */
static void rescue_terminal(void)
{
	size_t done = 0;

	if (!rescue.armed)
		return;
	rescue.armed = 0;
	while (done < rescue.length) {
		ssize_t n = write(STDOUT_FILENO, rescue.bytes + done, rescue.length - done);

		if (n <= 0)
			break;
		done += (size_t)n;
	}
	tcsetattr(STDIN_FILENO, TCSANOW, &rescue.modes);
	if (rescue.stderr_saved >= 0)
		dup2(rescue.stderr_saved, STDERR_FILENO);
}

static void on_crash(int signal_number)
{
	int saved = errno;

	rescue_terminal();
	raise(signal_number); /* the handler is gone (SA_RESETHAND): now it kills */
	errno = saved;
}

static void rescue_add(const char *bytes)
{
	size_t n = bytes && bytes != (char *)-1 ? strlen(bytes) : 0;

	if (rescue.length + n > sizeof(rescue.bytes))
		return;
	memcpy(rescue.bytes + rescue.length, bytes ? bytes : "", n);
	rescue.length += n;
}

static void rescue_arm(const struct termios *modes, int stderr_saved)
{
	static bool registered;
	struct sigaction action = {.sa_handler = on_crash, .sa_flags = SA_RESETHAND | SA_NODEFER};

	rescue.length = 0;
	rescue_add("\033[?1000l\033[?1002l\033[?1003l\033[?1006l");
	rescue_add(tigetstr("sgr0"));
	rescue_add(tigetstr("op"));
	rescue_add(tigetstr("rmcup"));
	rescue_add(tigetstr("rmkx"));
	rescue_add(tigetstr("cnorm"));
	rescue.modes = *modes;
	rescue.stderr_saved = stderr_saved;
	for (size_t i = 0; i < CRASHES; i++)
		sigaction(crashes[i], &action, NULL);
	if (!registered)
		atexit(rescue_terminal);
	registered = true;
	rescue.armed = 1;
}

static void rescue_disarm(void)
{
	rescue.armed = 0;
	for (size_t i = 0; i < CRASHES; i++)
		signal(crashes[i], SIG_DFL);
}

/* Notes would tear the screen: they wait in a file. */
static void notes_hold(struct terminal *t)
{
	t->notes = t->stderr_saved = -1;
	if (!isatty(STDERR_FILENO))
		return;
	t->notes = memfd_create("pgleaktrace-notes", MFD_CLOEXEC);
	if (t->notes < 0)
		return;
	t->stderr_saved = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);
	fflush(stderr);
	dup2(t->notes, STDERR_FILENO);
}

static void notes_tell(struct terminal *t)
{
	char buffer[4096];
	off_t at = 0;
	ssize_t n;

	if (t->notes < 0)
		return;
	fflush(stderr);
	dup2(t->stderr_saved, STDERR_FILENO);
	while ((n = pread(t->notes, buffer, sizeof(buffer), at)) > 0) {
		fwrite(buffer, 1, (size_t)n, stderr);
		at += n;
	}
	close(t->notes);
	close(t->stderr_saved);
}

static const struct paint {
	short pair, foreground;
	attr_t attributes;
} paints[STYLES] = {
	[STYLE_PLAIN] = {0, -1, A_NORMAL},
	[STYLE_BAR] = {0, -1, A_REVERSE},
	[STYLE_HEADING] = {0, -1, A_UNDERLINE},
	[STYLE_STRONG] = {0, -1, A_BOLD},
	[STYLE_DIM] = {0, -1, A_DIM},
	/* Blue, yellow and magenta stay apart for eyes that mix up red and green. */
	[STYLE_LEAK] = {1, COLOR_MAGENTA, A_BOLD},
	[STYLE_WARNING] = {2, COLOR_YELLOW, A_NORMAL},
	[STYLE_NEW] = {3, COLOR_CYAN, A_BOLD},
	[STYLE_GONE] = {4, COLOR_BLUE, A_NORMAL},
};

static void colours_start(struct terminal *t)
{
	t->colour = t->colour && has_colors() && start_color() == OK;
	if (!t->colour)
		return;
	use_default_colors();
	for (int i = 0; i < STYLES; i++)
		if (paints[i].pair)
			init_pair(paints[i].pair, paints[i].foreground, -1);
}

bool screen_suits(const char *term)
{
	return tgetent(NULL, term) == 1 && tgetstr("cm", NULL);
}

int terminal_open(struct terminal **out, bool colour)
{
	struct terminal *t = xcalloc(1, sizeof(*t));
	struct termios modes;

	t->colour = colour;
	if (tcgetattr(STDIN_FILENO, &modes)) {
		free(t);
		return -errno;
	}
	/* The way back is known before the way in is taken. */
	t->screen = newterm(NULL, stdout, stdin);
	if (!t->screen) {
		free(t);
		return -ENOTTY;
	}
	notes_hold(t);
	rescue_arm(&modes, t->stderr_saved);
	cbreak();
	noecho();
	nodelay(stdscr, TRUE);
	keypad(stdscr, TRUE);
	set_escdelay(25);
	curs_set(0);
	colours_start(t);
	mousemask(BUTTON1_PRESSED | BUTTON4_PRESSED | BUTTON5_PRESSED, NULL);
	mouseinterval(0);
	*out = t;
	return 0;
}

void terminal_close(struct terminal *t)
{
	if (!t)
		return;
	mousemask(0, NULL);
	endwin();
	rescue_disarm();
	/* curses' own handlers have nothing left to do */
	for (size_t i = 0; i < CURSES_SIGNALS; i++)
		signal(curses_signals[i], SIG_DFL);
	delscreen(t->screen);
	notes_tell(t);
	free(t);
}

void terminal_size(unsigned *rows, unsigned *columns)
{
	*rows = (unsigned)LINES;
	*columns = (unsigned)COLS;
}

static int mouse_key(void)
{
	MEVENT event;

	if (getmouse(&event) != OK)
		return 0;
	if (event.bstate & BUTTON4_PRESSED)
		return KEY_WHEEL_UP;
	if (event.bstate & BUTTON5_PRESSED)
		return KEY_WHEEL_DOWN;
	return event.bstate & BUTTON1_PRESSED ? KEY_CLICK + event.y : 0;
}

int terminal_key(void)
{
	int key;

	do {
		key = getch();
		if (key == KEY_MOUSE)
			key = mouse_key();
	} while (!key);
	return key == ERR ? 0 : key;
}

static attr_t attributes_of(const struct terminal *t, const struct cell *cell)
{
	const struct paint *paint = &paints[cell->style];
	attr_t attributes = paint->attributes;

	if (t->colour && paint->pair)
		attributes |= COLOR_PAIR(paint->pair);
	return cell->selected ? attributes ^ A_REVERSE : attributes;
}

/* Cells of one look, as one string. */
static unsigned show_run(
	struct terminal *t, const struct canvas *canvas, unsigned row, unsigned column, char *text)
{
	const struct cell *cells = &canvas->cells[(size_t)row * canvas->columns];
	unsigned end = column;
	size_t length = 0;

	while (end < canvas->columns && cells[end].style == cells[column].style &&
		cells[end].selected == cells[column].selected) {
		memcpy(text + length, cells[end].bytes, cells[end].length);
		length += cells[end++].length;
	}
	attrset(attributes_of(t, &cells[column]));
	mvaddnstr((int)row, (int)column, text, (int)length);
	return end;
}

/* curses compares with what the terminal shows, and sends only the difference. */
void terminal_show(struct terminal *t, const struct canvas *canvas)
{
	char *text = xcalloc(canvas->columns + 1, CELL_BYTES);

	erase();
	for (unsigned row = 0; row < canvas->rows; row++)
		for (unsigned column = 0; column < canvas->columns;)
			column = show_run(t, canvas, row, column, text);
	attrset(A_NORMAL);
	refresh();
	free(text);
}
