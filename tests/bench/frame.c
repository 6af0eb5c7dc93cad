/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * frame: what one frame of the live screen costs: frame RECORDING [COLUMNS ROWS]. The recording is taken in once; then
 * frames are drawn to a terminal that a child reads, a key before each, with all rows closed and with all open. Prints
 * the median and the longest of each. The bound: 5 ms with 1,000 scripts and 10,000 connections.
 */
#include <err.h>
#include <locale.h>
#include <pty.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <pgleaktrace/stream.h>
#include "view/screen.h"

#define FRAMES 100

static double clock_ms(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

static struct model *take_in(const char *path)
{
	struct model *model = model_new();
	struct stream *stream;
	union event event;
	char why[256];

	if (stream_replay_open(&stream, path, why, sizeof(why)))
		errx(1, "%s", why);
	while (stream_next(stream, &event) == 1)
		model_apply(model, &event);
	stream_close(stream);
	return model;
}

static int by_size(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

/* On a busy machine the clock on the wall also counts the others: what it costs is processor time. */
static void measure(
	FILE *out, const char *what, struct screen *screen, const struct model *model, int keys)
{
	static const struct screen_status status = {.speed = 1};
	double cost[FRAMES], wall[FRAMES];

	for (int i = 0; i < FRAMES; i++) {
		if (write(keys, "j", 1) != 1)
			err(1, "the terminal");
		while (!screen_keys(screen))
			usleep(100);
		cost[i] = clock_ms(CLOCK_PROCESS_CPUTIME_ID);
		wall[i] = clock_ms(CLOCK_MONOTONIC);
		screen_frame(screen, model, &status);
		wall[i] = clock_ms(CLOCK_MONOTONIC) - wall[i];
		cost[i] = clock_ms(CLOCK_PROCESS_CPUTIME_ID) - cost[i];
	}
	qsort(cost, FRAMES, sizeof(*cost), by_size);
	qsort(wall, FRAMES, sizeof(*wall), by_size);
	fprintf(out,
		"%-16s %d frames: %.2f ms of processor time each (longest %.2f), %.2f ms in all\n",
		what, FRAMES, cost[FRAMES / 2], cost[FRAMES - 1], wall[FRAMES / 2]);
}

int main(int argc, char **argv)
{
	static const struct query query = {.older = 60000000000ull};
	static const struct rule_settings rules;
	const struct screen_config config = {.query = &query, .rules = &rules, .colour = true};
	static const struct screen_status status = {.speed = 1};
	struct winsize size = {.ws_col = 200, .ws_row = 50};
	FILE *out = fdopen(dup(STDOUT_FILENO), "w");
	struct screen *screen = screen_new(&config);
	struct snapshot *snapshot;
	struct model *model;
	int mine, theirs;
	pid_t reader;

	if (argc != 2 && argc != 4)
		errx(64, "usage: frame RECORDING [COLUMNS ROWS]");
	if (argc == 4) {
		size.ws_col = (unsigned short)atoi(argv[2]);
		size.ws_row = (unsigned short)atoi(argv[3]);
	}
	setlocale(LC_CTYPE, "C.UTF-8");
	setenv("TERM", "xterm-256color", 1);
	model = take_in(argv[1]);
	snapshot = model_snapshot(model, &query);
	fprintf(out, "%zu scripts, %llu connections of which %llu are open, %ux%u\n",
		snapshot->group_count,
		(unsigned long long)(snapshot->counts.opened + snapshot->counts.adopted),
		(unsigned long long)snapshot->counts.open, size.ws_col, size.ws_row);
	fflush(out);
	snapshot_free(snapshot);
	if (openpty(&mine, &theirs, NULL, NULL, &size))
		err(1, "openpty");
	reader = fork();
	if (!reader) {
		char drawn[65536];

		while (read(mine, drawn, sizeof(drawn)) > 0)
			;
		_exit(0);
	}
	dup2(theirs, STDIN_FILENO);
	dup2(theirs, STDOUT_FILENO);
	if (screen_show(screen))
		errx(1, "no screen");
	screen_frame(screen, model, &status);
	measure(out, "all rows closed", screen, model, mine);
	if (write(mine, "*", 1) != 1)
		err(1, "the terminal");
	measure(out, "all rows open", screen, model, mine);
	screen_free(screen);
	model_free(model);
	kill(reader, SIGKILL);
	waitpid(reader, NULL, 0);
	return fclose(out) ? 1 : 0;
}
