/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * html_lanes.c: a lane per process, its connections as bars from open to end. The end's shape says
 * how it ended, the colour says it again. What would be too much to look at is drawn as a sum.
 */
#include <stdlib.h>

#include "base/text.h"
#include "view/format.h"
#include "view/html.h"
#include "view/timeline.h"

#define GROUPS_DRAWN 60   /* scripts with lanes */
#define LANES_OPEN   20   /* lanes unfolded; the scripts after that are folded */
#define LANES_EACH   20   /* processes of one script; the rest share a lane */
#define TRACKS_MOST  24   /* more at once: drawn as a sum */
#define BARS_MOST    3000 /* on the whole page */
#define PITCH        9    /* px from track to track */
#define SUM_COLUMNS  200u

const char *html_ending(const struct connection_row *row)
{
	return row->held ? "held" : ending_name(row->ending);
}

/* Drawn around the origin, 8 px wide. */
void html_symbols(const struct page *p)
{
	fputs("<svg class=\"defs\" aria-hidden=\"true\"><defs>"
	      "<pattern id=\"idle\" width=\"5\" height=\"5\" patternUnits=\"userSpaceOnUse\" "
	      "patternTransform=\"rotate(45)\"><rect class=\"idle-back\" width=\"5\" "
	      "height=\"5\"/><rect class=\"idle-line\" width=\"1.6\" height=\"5\"/></pattern>"
	      "<path id=\"open\" class=\"open\" d=\"M-4-3.8L2.6 0L-4 3.8Z\"/>"
	      "<path id=\"closed\" class=\"closed\" d=\"M-1-4H1V4H-1Z\"/>"
	      "<path id=\"abandoned\" class=\"abandoned stroke\" d=\"M-3.4-3.4L3.4 3.4M-3.4 "
	      "3.4L3.4-3.4\"/>"
	      "<path id=\"hung_up\" class=\"hung_up\" d=\"M0-4.4L4.4 0L0 4.4L-4.4 0Z\"/>"
	      "<path id=\"held\" class=\"hung_up hollow\" d=\"M0-3.8L3.8 0L0 3.8L-3.8 0Z\"/>"
	      "<path id=\"refused\" class=\"refused\" d=\"M0-4L4.2 3.6H-4.2Z\"/>"
	      "<circle id=\"unknown\" class=\"unknown hollow\" r=\"3.2\"/>"
	      "<path id=\"leak\" class=\"abandoned stroke\" d=\"M-3.4-3.4L3.4 3.4M-3.4 "
	      "3.4L3.4-3.4\"/>"
	      "<path id=\"warning\" class=\"refused\" d=\"M0-4L4.4 3.8H-4.4Z\"/>"
	      "<circle id=\"note\" class=\"closed\" r=\"3\"/>"
	      "</defs></svg>\n",
		p->out);
}

static void put_title(const struct page *p, const struct connection_row *row)
{
	char age[24], use[32];

	text_age(age, sizeof(age), row->age);
	fputs("<title>", p->out);
	if (row->local_port) /* a unix socket has none */
		fprintf(p->out, "port %u: ", row->local_port);
	if (row->ended_at)
		fprintf(p->out, "%s after %s%s", ending_name(row->ending), age,
			row->held ? ", descriptor still open" : "");
	else
		fprintf(p->out, "open for %s%s", row->at_least ? "at least " : "", age);
	format_use(use, sizeof(use), row);
	if (!row->ended_at)
		fprintf(p->out, ", %s", use);
	if (row->user && *row->user)
		html_print(p->out, ", %s@%s", row->user, row->database ? row->database : "");
	fputs("</title>", p->out);
}

static void put_rect(const struct page *p, const char *class, __u64 from, __u64 to, unsigned y)
{
	fprintf(p->out, "<rect%s%s%s x=\"%.2f%%\" y=\"%u\" width=\"%.2f%%\" height=\"5\"/>",
		*class ? " class=\"" : "", class, *class ? "\"" : "", html_percent(p, from), y,
		html_percent(p, to > from ? to - from : 0));
}

static void put_bar(const struct page *p, const struct bar *bar)
{
	const struct connection_row *row = bar->row;
	unsigned y = bar->track * PITCH + 3;
	__u64 active = bar->end;

	if (!row->ended_at && row->idle < bar->end - bar->begin)
		active = bar->end - row->idle;
	else if (!row->ended_at)
		active = bar->begin;
	fprintf(p->out, "<g class=\"%s\">", html_ending(row));
	put_title(p, row);
	if (active > bar->begin)
		put_rect(p, "", bar->begin, active, y);
	if (bar->end > active)
		put_rect(p, "tail", active, bar->end, y);
	if (row->held)
		fprintf(p->out, "<line x1=\"%.2f%%\" x2=\"100%%\" y1=\"%u.5\" y2=\"%u.5\"/>",
			html_percent(p, bar->end), y + 2, y + 2);
	fprintf(p->out, "<use href=\"#%s\" x=\"%.2f%%\" y=\"%u.5\"/></g>", html_ending(row),
		html_percent(p, bar->end), y + 2);
}

static void put_bars(const struct page *p, const struct bars *bars)
{
	fprintf(p->out,
		"<svg class=\"lane\" role=\"img\" height=\"%u\"><title>%zu connections, %u at "
		"once</title>",
		bars->tracks * PITCH + 3, bars->count, bars->tracks);
	html_grid(p);
	for (size_t i = 0; i < bars->count; i++)
		put_bar(p, &bars->bars[i]);
	fputs("</svg>", p->out);
}

/* Several processes, or one with very many connections: how many were open when. */
static void put_sum(const struct page *p, const struct process_row *rows, size_t count)
{
	struct changes changes = {0};
	struct series series;
	size_t connections = 0;

	for (size_t i = 0; i < count; i++)
		for (size_t n = 0; n < rows[i].connection_count; n++, connections++)
			timeline_add(&changes, p->snapshot, &rows[i].connections[n], 0);
	series = timeline_series(p->snapshot, &changes, 1, SUM_COLUMNS);
	fprintf(p->out,
		"<svg class=\"lane\" role=\"img\" height=\"34\"><title>%zu connections, at most "
		"%u at once</title>",
		connections, series.most);
	html_grid(p);
	fprintf(p->out,
		"<svg viewBox=\"0 0 %u %u\" preserveAspectRatio=\"none\"><path class=\"sum\" "
		"d=\"M0 %u",
		SUM_COLUMNS, series.most + 1, series.most + 1);
	for (unsigned x = 0; x < SUM_COLUMNS; x++)
		if (!x || series.counts[x] != series.counts[x - 1])
			fprintf(p->out, "H%uV%u", x, series.most + 1 - series.counts[x]);
	fprintf(p->out,
		"H%uV%uZ\"/></svg><text x=\"4\" y=\"12\" class=\"sum-text\">%zu connections, at "
		"most %u at once</text></svg>",
		SUM_COLUMNS, series.most + 1, connections, series.most);
	free(series.counts);
	free(changes.rows);
}

static void put_where(const struct page *p, const struct event_process *e)
{
	const char *parts[] = {e->user, e->cwd, e->container ? e->container : e->unit, e->library};
	const char *const titles[] = {"user", "in", e->container ? "container" : "unit", "library"};
	bool any = false;

	fputs("<span class=\"fine\">", p->out);
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		if (!parts[i] || !*parts[i])
			continue;
		fprintf(p->out, "%s%s ", any ? ", " : "", titles[i]);
		html_cut(p->out, parts[i], 48);
		any = true;
	}
	fputs("</span>", p->out);
}

static void put_process_label(const struct page *p, const struct process_row *row)
{
	char exit[48], folded[48];

	if (row->folded) {
		format_folded(folded, sizeof(folded), row->folded);
		fprintf(p->out, "<div class=\"who\"><span class=\"gone\">%s, together</span></div>",
			folded);
		return;
	}
	fprintf(p->out, "<div class=\"who\"><span class=\"pid\">pid %u</span> ", row->key.pid);
	if (row->gone) {
		format_exit(exit, sizeof(exit), row->exit_code);
		fprintf(p->out, "<span class=\"gone\">gone, %s</span> ", exit);
	}
	if (row->identity) {
		char *argv = format_argv(row->identity);

		fputs("<code>", p->out);
		html_cut(p->out, *argv ? argv : "(no command line)", 110);
		fputs("</code> ", p->out);
		put_where(p, row->identity);
		free(argv);
	} else {
		fputs("<span class=\"fine\">gone before it could be read</span>", p->out);
	}
	fputs("</div>", p->out);
}

static void put_process(const struct page *p, const struct process_row *row, size_t *drawn)
{
	struct bars bars = timeline_bars(p->snapshot, row);

	fputs("<div class=\"process\">", p->out);
	put_process_label(p, row);
	if (row->folded)
		fputs("<div class=\"none\">their connections are only counted</div>", p->out);
	else if (!bars.count)
		fputs("<div class=\"none\">no connection was established</div>", p->out);
	else if (bars.tracks > TRACKS_MOST || *drawn + bars.count > BARS_MOST)
		put_sum(p, row, 1);
	else {
		put_bars(p, &bars);
		*drawn += bars.count;
	}
	fputs("</div>\n", p->out);
	free(bars.bars);
}

static void put_group(const struct page *p, const struct group_row *g, bool open, size_t *drawn)
{
	size_t shown = g->process_count > LANES_EACH ? LANES_EACH : g->process_count;
	__u64 rest = 0;

	for (size_t i = shown; i < g->process_count; i++)
		rest += g->processes[i].folded ? g->processes[i].folded : 1;

	fprintf(p->out, "<details class=\"group\"%s><summary><h3>", open ? " open" : "");
	html_cut(p->out, g->name, 100);
	fprintf(p->out, "</h3> <span class=\"fine\">%llu process%s, %llu open, %llu opened",
		(unsigned long long)g->process_total, g->process_total == 1 ? "" : "es",
		(unsigned long long)g->counts.open, (unsigned long long)g->counts.opened);
	if (g->wrapper) {
		fputs(", started by ", p->out);
		html_cut(p->out, g->wrapper, 60);
	}
	fputs("</span></summary>\n<div class=\"process axis\"><div class=\"who\"></div>", p->out);
	html_time_labels(p);
	fputs("</div>\n", p->out);
	for (size_t i = 0; i < shown; i++)
		put_process(p, &g->processes[i], drawn);
	if (shown < g->process_count) {
		fprintf(p->out,
			"<div class=\"process\"><div class=\"who\">%llu more processes, "
			"together</div>",
			(unsigned long long)rest);
		put_sum(p, g->processes + shown, g->process_count - shown);
		fputs("</div>\n", p->out);
	}
	fputs("</details>\n", p->out);
}

static void put_key(const struct page *p)
{
	static const struct {
		const char *symbol, *text;
	} keys[] = {{"open", "still open"}, {"closed", "closed"}, {"abandoned", "abandoned"},
		{"hung_up", "hung up by the server"}, {"held", "… and its descriptor never closed"},
		{"refused", "refused"}, {"unknown", "end not seen"}};

	fputs("<ul class=\"legend\">", p->out);
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		fprintf(p->out,
			"<li><svg class=\"mark\" viewBox=\"-6 -6 12 12\" aria-hidden=\"true\"><use "
			"href=\"#%s\"/></svg>%s</li>",
			keys[i].symbol, keys[i].text);
	fputs("<li><svg class=\"key\" aria-hidden=\"true\"><rect class=\"tail\" width=\"100%\" "
	      "height=\"100%\"/></svg>idle since its last byte</li></ul>\n",
		p->out);
}

void html_lanes(const struct page *p)
{
	const struct snapshot *s = p->snapshot;
	size_t drawn = 0, number = 0, lanes = 0;

	if (!html_has_span(p) || !s->group_count)
		return;
	fputs("<section id=\"lanes\"><h2>Processes and their connections</h2>\n", p->out);
	put_key(p);
	for (; number < s->group_count && number < GROUPS_DRAWN; number++) {
		put_group(p, &s->groups[number], lanes < LANES_OPEN, &drawn);
		lanes += s->groups[number].process_count;
	}
	if (number < s->group_count)
		fprintf(p->out, "<p class=\"fine\">%zu more are in the tables only.</p>",
			s->group_count - number);
	fputs("</section>\n", p->out);
}
