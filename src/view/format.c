/* SPDX-License-Identifier: BSD-2-Clause */
/* format.c: see format.h. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>

#include "base/mem.h"
#include "base/ns.h"
#include "base/text.h"
#include "view/format.h"

void format_exit(char *out, size_t size, int exit_code)
{
	if (WIFSIGNALED(exit_code))
		snprintf(out, size, "killed by signal %d", WTERMSIG(exit_code));
	else
		snprintf(out, size, "exit status %d", WEXITSTATUS(exit_code));
}

void format_folded(char *out, size_t size, __u64 folded)
{
	snprintf(out, size, "%llu gone process%s", (unsigned long long)folded,
		folded == 1 ? "" : "es");
}

void format_use(char *out, size_t size, const struct connection_row *row)
{
	char quiet[24];

	text_age(quiet, sizeof(quiet), row->quiet);
	snprintf(out, size, "%s %s", row->busy ? "busy" : "idle", quiet);
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
	time_t seconds = (time_t)(wall / SECOND);

	gmtime_r(&seconds, tm);
	*ms = (unsigned)(wall / MILLISECOND % 1000);
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

void format_older(char *out, size_t size, __u64 older)
{
	unsigned long long seconds = older / SECOND;

	if (older % SECOND)
		text_age(out, size, older);
	else if (seconds < 100 || seconds % 60)
		snprintf(out, size, "%llus", seconds);
	else
		snprintf(out, size, "%llum", seconds / 60);
}

static const struct loss_row {
	size_t offset;
	const char *text;
} loss_rows[] = {
	{offsetof(struct losses, ring_full),
		"details lost, ring full (counts are exact; see --ring-size)"},
	{offsetof(struct losses, ledger_full), "connections untracked, table full (--max-tracked)"},
	{offsetof(struct losses, sockets_full),
		"connections not counted, no kernel memory or table full (--max-tracked)"},
	{offsetof(struct losses, scope_full), "processes of the command not followed, table full"},
	{offsetof(struct losses, drift), "ends found only by reconciling"},
	{offsetof(struct losses, unreadable), "processes gone before they could be read"},
	{offsetof(struct losses, bad_lines), "line(s) of the recording not understood"},
};

char *format_completeness(const struct snapshot *s)
{
	const char *sep = "";
	char *text = NULL;
	size_t size;
	FILE *out = xmemstream(&text, &size);

	fputs(s->complete ? "Complete: nothing lost" : "Incomplete: ", out);
	for (size_t i = 0; i < sizeof(loss_rows) / sizeof(loss_rows[0]); i++) {
		__u64 n;

		memcpy(&n, (const char *)&s->losses + loss_rows[i].offset, sizeof(n));
		if (!n)
			continue;
		fprintf(out, "%s%llu %s", sep, (unsigned long long)n, loss_rows[i].text);
		sep = ", ";
	}
	if (s->stop == STOP_TRUNCATED)
		fprintf(out, "%sthe recording ends in the middle", sep);
	if (s->stop == STOP_BROKEN)
		fprintf(out, "%sthe watch broke off", sep);
	if (s->losses.recursion_misses)
		fprintf(out, "; %llu skipped kernel events made up for",
			(unsigned long long)s->losses.recursion_misses);
	fputc('.', out);
	xmemstream_close(out, &text);
	return text;
}
