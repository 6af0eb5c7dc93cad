/* SPDX-License-Identifier: BSD-2-Clause */
/* screen_gauge.c: the top of the screen: what is watched, how full each server is and how fast it
 * fills, the sum of all, and how far the numbers can be trusted. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/address.h"
#include "base/mem.h"
#include "base/ns.h"
#include "base/text.h"
#include "view/format.h"
#include "view/servers.h"
#include "view/screen_state.h"

#define SERVERS_MOST   4            /* lines of servers; more are counted */
#define HISTORY_NS     (5 * MINUTE) /* what the sparkline looks back at, at most */
#define SERVERS_WIDE   2            /* as many have two lines each on a small screen */
#define HISTORY_WIDTH  60
#define LABEL_WIDTH    22
#define GAUGE_WIDTH    20
#define TWO_LINES_FROM 20  /* rows */
#define ONE_LINE_FROM  120 /* columns in which label, bar, numbers, trend and history find room */

static void draw_clock(struct screen *s, unsigned line, unsigned at)
{
	const struct screen_status *st = &s->status;
	char position[24], length[24], *right;

	if (!s->config.replay) {
		text_age(position, sizeof(position), s->snapshot->now - s->snapshot->started);
		right = xasprintf("%s%s%s%s ", st->recording ? "REC " : "",
			st->recording ? st->recording : "", st->recording ? "  " : "",
			s->paused ? "PAUSED" : position);
	} else {
		text_age(position, sizeof(position), st->position);
		text_age(length, sizeof(length), st->length);
		right = xasprintf("%s %s of %s x%g ",
			st->at_end  ? "END"
			: s->paused ? "PAUSED"
				    : "PLAYING",
			position, length, st->speed);
	}
	if (at + text_columns(right) < s->canvas.columns)
		canvas_put(&s->canvas, line, s->canvas.columns - (unsigned)text_columns(right),
			s->canvas.columns, STYLE_BAR, right);
	free(right);
}

static void draw_title(struct screen *s, unsigned line)
{
	const struct event_session *session = s->snapshot->session;
	char clock[40] = "", *host;
	unsigned at;

	canvas_paint(&s->canvas, line, STYLE_BAR);
	host = clean_cut(s, session && session->host ? session->host : "this host", 24);
	at = canvas_print(&s->canvas, line, 0, STYLE_BAR, " pgleaktrace  %s  port", host);
	for (__u32 i = 0; session && i < session->port_count; i++)
		at += canvas_print(
			&s->canvas, line, at, STYLE_BAR, "%s%u", i ? "," : " ", session->ports[i]);
	if (session)
		format_clock(clock, sizeof(clock), session, s->snapshot->now);
	at += canvas_print(&s->canvas, line, at, STYLE_BAR, "  %.8s UTC", clock);
	draw_clock(s, line, at);
	free(host);
}

/* Cells of the bar for so many slots: none only for none. */
static unsigned bar_cells(__u64 slots, __u64 most)
{
	__u64 cells = most ? (slots * GAUGE_WIDTH + most - 1) / most : 0;

	return cells > GAUGE_WIDTH ? GAUGE_WIDTH : (unsigned)cells;
}

/* Slots as a bar: taken, taken by orphans, free, free for superusers only. */
static void draw_bar(struct screen *s, unsigned line, unsigned at, __u64 used, __u64 orphans,
	__u64 reserved, __u64 most)
{
	const struct glyphs *g = glyphs_of(s);
	unsigned full = bar_cells(used, most), lost = bar_cells(orphans, most);
	unsigned kept = GAUGE_WIDTH - bar_cells(reserved, most);
	enum style taken = full * 10 >= GAUGE_WIDTH * 9 ? STYLE_LEAK : STYLE_STRONG;

	for (unsigned i = 0; i < GAUGE_WIDTH; i++) {
		bool orphan = i < full && i + lost >= full;

		canvas_put(&s->canvas, line, at + i, 1,
			orphan     ? STYLE_LEAK
			: i < full ? taken
				   : STYLE_DIM,
			orphan     ? g->part
			: i < full ? g->full
			: i < kept ? g->empty
				   : g->kept);
	}
}

/* Each column is the most that a slice of the time held. */
static void draw_history(
	struct screen *s, unsigned line, unsigned at, unsigned width, const struct instance_row *i)
{
	const struct glyphs *g = glyphs_of(s);
	__u32 slices[HISTORY_WIDTH] = {0};
	__u32 most = i->max_connections > 0 ? (__u32)i->max_connections : 1;
	__u64 now = s->snapshot->now, begin;

	if (width > HISTORY_WIDTH)
		width = HISTORY_WIDTH;
	if (width < 4 || i->history_count < 2)
		return;
	begin = i->history[0].time;
	if (now - begin > HISTORY_NS)
		begin = now - HISTORY_NS;
	for (size_t n = 0; n < i->history_count; n++) {
		const struct sample *h = &i->history[n];
		size_t slice;

		if (h->time < begin || h->time > now || now == begin)
			continue;
		slice = (size_t)((h->time - begin) * (width - 1) / (now - begin));
		if (h->used > slices[slice])
			slices[slice] = h->used;
		if (h->used > most)
			most = h->used;
	}
	for (unsigned n = 1; n < width; n++) /* shorter than its slices: the last one lasts */
		if (!slices[n])
			slices[n] = slices[n - 1];
	for (unsigned n = 0; n < width; n++)
		canvas_put(
			&s->canvas, line, at + n, 1, STYLE_PLAIN, g->bars[slices[n] * 7ull / most]);
}

static char *instance_label(const struct screen *s, const struct instance_row *i)
{
	const struct server_row *server = snapshot_server(s->snapshot, i);
	char port[16] = "", version[16] = "";
	const char *program = i->program ? i->program : server_kind_name(i->kind);

	if (server)
		snprintf(port, sizeof(port), " :%u", server->key.port);
	if (i->version)
		snprintf(version, sizeof(version), " %u", i->version);
	return xasprintf("%s%s%s", program, version, port);
}

static char *instance_numbers(const struct instance_row *i)
{
	char limit[24] = "?", reserved[40] = "", orphans[40] = "";

	if (i->max_connections >= 0)
		snprintf(limit, sizeof(limit), "%d", i->max_connections);
	if (i->reserved > 0)
		snprintf(reserved, sizeof(reserved), ", %d reserved", i->reserved);
	if (i->orphan_count)
		snprintf(orphans, sizeof(orphans), ", %zu orphan", i->orphan_count);
	return xasprintf(
		"%llu/%s slots%s%s", (unsigned long long)i->used, limit, reserved, orphans);
}

/* How full it was and how fast that changes: behind the numbers, or below the bar. */
static unsigned draw_trend(
	struct screen *s, unsigned line, unsigned at, const struct instance_row *i, bool below)
{
	unsigned bar = LABEL_WIDTH + 1, right = s->canvas.columns;
	char trend[80];

	servers_trend_text(trend, sizeof(trend), i);
	if (below) {
		line++;
		at = bar;
		draw_history(s, line, at, GAUGE_WIDTH, i);
		at += GAUGE_WIDTH;
	}
	at += 1;
	at += canvas_put(&s->canvas, line, at, right, i->full_in ? STYLE_LEAK : STYLE_PLAIN, trend);
	if (!below && right > at + 3)
		draw_history(s, line, at + 2, right - at - 3, i);
	return line + 1;
}

/* Returns the line after its own. */
static unsigned draw_instance_line(
	struct screen *s, unsigned line, const struct instance_row *i, bool two_lines)
{
	char *label = instance_label(s, i), *cut = clean_cut(s, label, LABEL_WIDTH - 1), *numbers;
	unsigned at;

	canvas_put(&s->canvas, line, 1, LABEL_WIDTH, STYLE_STRONG, cut);
	free(label);
	free(cut);
	if (i->kind == SERVER_RELAY) {
		canvas_print(&s->canvas, line, 1 + LABEL_WIDTH, STYLE_PLAIN,
			"relay, pid %u: it opens its own connections to the server",
			i->process.pid);
		return line + 1;
	}
	draw_bar(s, line, 1 + LABEL_WIDTH, i->used, i->orphan_count,
		i->reserved > 0 ? (__u64)i->reserved : 0,
		i->max_connections > 0 ? (__u64)i->max_connections : i->used);
	numbers = instance_numbers(i);
	at = LABEL_WIDTH + GAUGE_WIDTH + 2;
	at += canvas_put(&s->canvas, line, at, s->canvas.columns, STYLE_PLAIN, numbers);
	free(numbers);
	return draw_trend(s, line, at + 1, i, two_lines);
}

/* Elsewhere, or not found: only what its clients here hold. */
static void draw_server_line(struct screen *s, unsigned line, const struct server_row *server)
{
	char name[160], *cut;
	__s32 most = server->max_connections;

	server_text(name, sizeof(name), &server->key, server->path);
	cut = clean_cut(s, name, LABEL_WIDTH - 1);
	canvas_put(&s->canvas, line, 1, LABEL_WIDTH, STYLE_STRONG, cut);
	free(cut);
	if (most > 0)
		draw_bar(s, line, 1 + LABEL_WIDTH, server->counts.open, 0, 0, (__u64)most);
	canvas_print(&s->canvas, line, most > 0 ? LABEL_WIDTH + GAUGE_WIDTH + 2 : LABEL_WIDTH + 1,
		STYLE_PLAIN, most > 0 ? "%llu open from here, of %d" : "%llu open from here",
		(unsigned long long)server->counts.open, most);
}

static unsigned draw_servers(struct screen *s, unsigned line)
{
	const struct snapshot *snap = s->snapshot;
	bool two_lines = s->canvas.columns < ONE_LINE_FROM && s->canvas.rows >= TWO_LINES_FROM &&
			 snap->instance_count <= SERVERS_WIDE;
	size_t more = 0, shown = 0;

	for (size_t i = 0; i < snap->instance_count; i++) {
		if (shown++ < SERVERS_MOST)
			line = draw_instance_line(s, line, &snap->instances[i], two_lines);
		else
			more++;
	}
	for (size_t i = 0; i < snap->server_count; i++) {
		if (snap->servers[i].instance)
			continue;
		if (shown++ < SERVERS_MOST)
			draw_server_line(s, line++, &snap->servers[i]);
		else
			more++;
	}
	if (more)
		canvas_print(
			&s->canvas, line++, 1, STYLE_DIM, "and %zu more servers (-g server)", more);
	return line;
}

/* Of the endings the rare ones are told when there are any; refused first, it is why one looks. */
static void draw_totals(struct screen *s, unsigned line)
{
	const struct counts *c = &s->snapshot->counts;
	const struct {
		const char *name;
		__u64 count;
		bool always;
	} parts[] = {
		{"opened", c->opened, true},
		{"refused", c->refused, false},
		{"closed", c->closed, true},
		{"abandoned", c->abandoned, true},
		{"hung up", c->hung_up, false},
		{"unknown", c->unknown, false},
		{"failed", c->failed, false},
	};
	const unsigned width = s->canvas.columns;
	char older[24], part[48];
	unsigned at;

	format_older(older, sizeof(older), s->query.older);
	at = 1 + canvas_print(&s->canvas, line, 1, STYLE_PLAIN,
			 "%llu open, %llu idle > %s; %llu at the start",
			 (unsigned long long)c->open, (unsigned long long)c->idle, older,
			 (unsigned long long)c->adopted);
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		if (!parts[i].count && !parts[i].always)
			continue;
		snprintf(part, sizeof(part), ", %llu %s", (unsigned long long)parts[i].count,
			parts[i].name);
		if (at + strlen(part) < width) /* whole or not at all */
			at += canvas_put(&s->canvas, line, at, width - at, STYLE_PLAIN, part);
	}
}

unsigned draw_top(struct screen *s)
{
	unsigned line = 0;
	char *completeness = format_completeness(s->snapshot);

	draw_title(s, line++);
	line = draw_servers(s, line);
	draw_totals(s, line++);
	canvas_print(&s->canvas, line++, 1, s->snapshot->complete ? STYLE_DIM : STYLE_WARNING, "%s",
		completeness);
	free(completeness);
	return line;
}
