/* SPDX-License-Identifier: BSD-2-Clause */
/* format.c: see format.h. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>

#include "base/mem.h"
#include "base/text.h"
#include "view/format.h"

void format_exit(char *out, size_t size, int exit_code)
{
	if (WIFSIGNALED(exit_code))
		snprintf(out, size, "killed by signal %d", WTERMSIG(exit_code));
	else
		snprintf(out, size, "exit status %d", WEXITSTATUS(exit_code));
}

char *format_argv(const struct event_process *identity)
{
	return format_words(identity->argv, identity->argv_length);
}

char *format_words(const char *argv, size_t length)
{
	char *line = xmemdup(argv, length), *clean;

	while (length && !line[length - 1])
		length--;
	for (size_t i = 0; i < length; i++)
		if (!line[i])
			line[i] = ' ';
	clean = text_clean(line, length);
	free(line);
	return clean;
}

static void wall_of(const struct event_session *session, __u64 boot, struct tm *tm, unsigned *ms)
{
	__u64 wall = session ? session->wall + (boot - session->head.time) : boot;
	time_t seconds = (time_t)(wall / 1000000000ull);

	gmtime_r(&seconds, tm);
	*ms = (unsigned)(wall / 1000000ull % 1000);
}

void format_time(char *out, size_t size, const struct event_session *session, __u64 boot)
{
	struct tm tm;
	unsigned ms;
	char day[32];

	wall_of(session, boot, &tm, &ms);
	strftime(day, sizeof(day), "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(out, size, "%s.%03uZ", day, ms);
}

void format_clock(char *out, size_t size, const struct event_session *session, __u64 boot)
{
	struct tm tm;
	unsigned ms;

	wall_of(session, boot, &tm, &ms);
	snprintf(out, size, "%02d:%02d:%02d.%03u", tm.tm_hour, tm.tm_min, tm.tm_sec, ms);
}
