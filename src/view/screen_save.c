/* SPDX-License-Identifier: BSD-2-Clause */
/* screen_save.c: the screen as a text file, named by the time it shows, readable by its owner only:
 * command lines are other people's. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "view/format.h"
#include "view/screen_state.h"

#define NAMES_MOST 100

int screen_file_create(char *out, size_t size, const struct snapshot *snapshot, const char *kind)
{
	char time[40];
	int fd;

	format_time(time, sizeof(time), snapshot->session, snapshot->now);
	time[strcspn(time, ".")] = 0;
	for (char *at = time; *at; at++)
		if (*at == ':')
			*at = '-';
	for (int i = 1; i < NAMES_MOST; i++) {
		if (i == 1)
			snprintf(out, size, "pgleaktrace-%s.%s", time, kind);
		else
			snprintf(out, size, "pgleaktrace-%s-%d.%s", time, i, kind);
		fd = open(out, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
		if (fd >= 0 || errno != EEXIST)
			return fd >= 0 ? fd : -errno;
	}
	return -EEXIST;
}

void screen_save(struct screen *s)
{
	char name[128];
	int fd = screen_file_create(name, sizeof(name), s->snapshot, "txt");
	FILE *out = fd >= 0 ? fdopen(fd, "w") : NULL;
	bool failed;

	for (unsigned row = 0; out && row < s->canvas.rows; row++) {
		char *line = canvas_line(&s->canvas, row);

		fprintf(out, "%s\n", line);
		free(line);
	}
	failed = !out || ferror(out);
	if (out && fclose(out))
		failed = true;
	if (failed)
		screen_say(s, "not saved: %s", strerror(fd < 0 ? -fd : errno));
	else
		screen_say(s, "saved as %s", name);
}
