/* SPDX-License-Identifier: BSD-2-Clause */
/* format.h: what several views write the same way. */
#ifndef VIEW_FORMAT_H
#define VIEW_FORMAT_H

#include <stddef.h>
#include <pgleaktrace/model.h>

/* "status 3", "killed by signal 9". */
void format_exit(char *out, size_t size, int exit_code);
/* Of a fold: "1234 gone processes". */
void format_folded(char *out, size_t size, __u64 folded);
/* Of an open connection: "idle 16s", "busy 2m01s". */
void format_use(char *out, size_t size, const struct connection_row *row);
/* argv as one clean line; caller frees. */
char *format_argv(const struct event_process *identity);
char *format_words(const char *argv, size_t length);
/* RFC 3339 in UTC, milliseconds. */
void format_time(char *out, size_t size, const struct event_session *session, __u64 boot);
/* Wall clock "HH:MM:SS.mmm", UTC. */
void format_clock(char *out, size_t size, const struct event_session *session, __u64 boot);

/* "60s", "5m", "1.5s": the idle time that counts, as short as a heading wants it. */
void format_older(char *out, size_t size, __u64 older);

/* The completeness line: "Complete: nothing lost.", or what was; caller frees. */
char *format_completeness(const struct snapshot *snapshot);

#endif
