/* SPDX-License-Identifier: BSD-2-Clause */
/* servers.c: see servers.h. */
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/address.h"
#include "base/ns.h"
#include "base/text.h"
#include "view/format.h"
#include "view/prose.h"
#include "view/servers.h"

#define SPARK_COLUMNS 24
#define ORPHANS_MOST  5
#define REMOTES_MOST  3

static void append(char *out, size_t size, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
static void append(char *out, size_t size, const char *format, ...)
{
	size_t used = strlen(out);
	va_list args;

	va_start(args, format);
	vsnprintf(out + used, size - used, format, args);
	va_end(args);
}

void servers_trend_text(char *out, size_t size, const struct instance_row *i)
{
	__s64 ordinary = (__s64)i->max_connections - i->reserved, used = (__s64)i->used;
	char rate[32] = "", age[24];

	if (!isnan(i->per_minute) && fabs(i->per_minute) >= 0.5)
		snprintf(rate, sizeof(rate), "%+.0f/min", i->per_minute);
	snprintf(out, size, "%s", rate);
	if (i->max_connections < 0)
		return;
	if (used >= i->max_connections) {
		append(out, size, "%sfull", *rate ? ", " : "");
	} else if (i->reserved > 0 && used >= ordinary) {
		append(out, size, "%sfull but for superusers", *rate ? ", " : "");
	} else if (i->full_in && i->full_in < DAY) {
		text_age(age, sizeof(age), i->full_in);
		append(out, size, "%sfull in ~%s", *rate ? ", " : "", age);
	}
}

/* "97 of 100 slots (3 reserved), +14/min, full in ~13s" */
static void slots_text(char *out, size_t size, const struct instance_row *i)
{
	char trend[80];

	if (i->max_connections < 0)
		snprintf(out, size, "%llu slot%s used", (unsigned long long)i->used,
			i->used == 1 ? "" : "s");
	else
		snprintf(out, size, "%llu of %d slots", (unsigned long long)i->used,
			i->max_connections);
	if (i->max_connections >= 0 && i->reserved >= 0)
		append(out, size, " (%d reserved)", i->reserved);
	servers_trend_text(trend, sizeof(trend), i);
	append(out, size, "%s%s", *trend ? ", " : "", trend);
}

/* The highest of each stretch of samples: a peak must not vanish between two columns. */
static __u32 stretch_most(const struct instance_row *i, size_t from, size_t to)
{
	__u32 most = 0;

	for (; from < to; from++)
		if (i->history[from].used > most)
			most = i->history[from].used;
	return most;
}

/* Used slots over time as block characters; "" if there is no history. */
static void sparkline(char *out, size_t size, const struct instance_row *i, size_t columns)
{
	static const char *const blocks[] = {"▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
	size_t n = i->history_count < columns ? i->history_count : columns;
	__u32 top = i->max_connections > 0 ? (__u32)i->max_connections
					   : stretch_most(i, 0, i->history_count);

	out[0] = 0;
	for (size_t c = 0; n > 1 && c < n; c++) {
		__u64 used =
			stretch_most(i, c * i->history_count / n, (c + 1) * i->history_count / n);
		__u64 level = top ? used * 8 / top : 0;

		append(out, size, "%s", blocks[level > 7 ? 7 : level]);
	}
}

static void print_text(const struct view_context *c, const char *text)
{
	char *clean = text_clean(text, strlen(text));

	fputs(clean, c->out);
	free(clean);
}

/* The addresses by which local clients reach a server, or its own if there are none. */
static void print_names(
	const struct view_context *c, const struct snapshot *s, const struct instance_row *instance)
{
	const char *sep = "";
	char name[200];

	for (size_t i = 0; i < s->server_count; i++) {
		if (s->servers[i].instance != instance)
			continue;
		server_text(name, sizeof(name), &s->servers[i].key, s->servers[i].path);
		fputs(sep, c->out);
		print_text(c, name);
		sep = ", ";
	}
}

static void print_orphan(
	const struct view_context *c, const struct snapshot *s, const struct orphan_row *o)
{
	char text[64], *words = NULL;
	size_t size;
	FILE *out = xmemstream(&words, &size);

	fprintf(out, "orphan slot: backend %u", o->backend_pid);
	if (*o->activity || *o->user)
		fprintf(out, " (%s%s%s)", o->activity,
			*o->activity && *o->user ? ", user "
			: *o->user               ? "user "
						 : "",
			o->user);
	fputs(" works on though its client is gone", out);
	if (o->script)
		fprintf(out, ": %s, pid %u", o->script, o->client.pid);
	if (o->since) {
		text_age(text, sizeof(text), s->now - o->since);
		fprintf(out, ", %s %s ago", ending_name(o->ending), text);
	}
	if (o->since && o->manner == MANNER_EXIT) {
		format_exit(text, sizeof(text), o->exit_code);
		fprintf(out, " (%s)", text);
	}
	xmemstream_close(out, &words);
	prose_words(c, 4, words);
	free(words);
}

/* "from other hosts: 57 of 97 slots (58%) by 10.0.0.7, 12 (12%) by 10.0.0.9, 3 by 2 others" */
static void print_remotes(const struct view_context *c, const struct instance_row *i)
{
	char *words = NULL;
	size_t size;
	__u64 others = 0;
	FILE *out;

	if (!i->remote_count)
		return;
	out = xmemstream(&words, &size);
	fputs("from other hosts: ", out);
	for (size_t r = 0; r < i->remote_count; r++) {
		char address[64];

		if (r >= REMOTES_MOST) {
			others += i->remotes[r].slots;
			continue;
		}
		ip_text(address, sizeof(address), i->remotes[r].address);
		fprintf(out, "%s%llu", r ? ", " : "", (unsigned long long)i->remotes[r].slots);
		if (!r)
			fprintf(out, " of %llu slot%s", (unsigned long long)i->used,
				i->used == 1 ? "" : "s");
		fprintf(out, " (%llu%%) by %s",
			(unsigned long long)(i->remotes[r].slots * 100 / i->used), address);
	}
	if (others)
		fprintf(out, ", %llu by %zu other%s", (unsigned long long)others,
			i->remote_count - REMOTES_MOST,
			i->remote_count - REMOTES_MOST == 1 ? "" : "s");
	xmemstream_close(out, &words);
	prose_words(c, 4, words);
	free(words);
}

static void print_instance(
	const struct view_context *c, const struct snapshot *s, const struct instance_row *i)
{
	char slots[160], spark[SPARK_COLUMNS * 4];

	print_names(c, s, i);
	fputs(" (PostgreSQL", c->out);
	if (i->version)
		fprintf(c->out, " %u", i->version);
	slots_text(slots, sizeof(slots), i);
	fprintf(c->out, "): %s", slots);
	sparkline(spark, sizeof(spark), i, SPARK_COLUMNS);
	if (!c->ascii && *spark)
		fprintf(c->out, "  %s", spark);
	fputc('\n', c->out);
	for (size_t o = 0; o < i->orphan_count && o < ORPHANS_MOST; o++)
		print_orphan(c, s, &i->orphans[o]);
	if (i->orphan_count > ORPHANS_MOST)
		fprintf(c->out, "    %sand %zu more orphan slot%s\n", c->ascii ? "" : "… ",
			i->orphan_count - ORPHANS_MOST,
			i->orphan_count - ORPHANS_MOST == 1 ? "" : "s");
	print_remotes(c, i);
}

void servers_print(const struct view_context *c, const struct snapshot *s)
{
	for (size_t i = 0; i < s->instance_count; i++)
		if (s->instances[i].kind == SERVER_POSTGRESQL &&
			snapshot_server(s, &s->instances[i]))
			print_instance(c, s, &s->instances[i]);
	for (size_t i = 0; i < s->server_count; i++) {
		const struct server_row *row = &s->servers[i];
		char name[200];

		if (row->max_connections < 0 ||
			(row->instance && row->instance->kind == SERVER_POSTGRESQL))
			continue;
		server_text(name, sizeof(name), &row->key, row->path);
		print_text(c, name);
		fprintf(c->out, ": %llu of %d slots taken from this host\n",
			(unsigned long long)row->counts.open, row->max_connections);
	}
}
