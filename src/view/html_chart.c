/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * html_chart.c: connections over time as a stacked area by script, a chart per server, with the
 * limit and what the server itself counts as lines. Areas stretch with the page; text does not.
 */
#include <stdlib.h>
#include <string.h>

#include "base/address.h"
#include "view/html.h"
#include "view/timeline.h"

#define LAYERS  7 /* scripts with a colour of their own; the rest are one more layer */
#define COLUMNS 400u
#define CHARTS  4
#define MOMENTS 12 /* rows of the same as a table */

/* One chart: the connections to one server of this host, or to all others (instance NULL). */
struct chart {
	const struct instance_row *instance;
	struct series series;
	size_t named[LAYERS]; /* groups with a colour, most at once first */
	unsigned layers;      /* with the rest, if there is one */
	unsigned top;         /* of the scale */
	__s32 limit;          /* -1: not known */
	char name[200];
};

static const struct server_row *server_of(const struct snapshot *s, const struct server_key *key)
{
	for (size_t i = 0; i < s->server_count; i++)
		if (!memcmp(&s->servers[i].key, key, sizeof(*key)))
			return &s->servers[i];
	return NULL;
}

static const struct instance_row *instance_of(
	const struct snapshot *s, const struct connection_row *row)
{
	const struct server_row *server = server_of(s, &row->server);

	return server ? server->instance : NULL;
}

/* The groups that had most open at once get the colours. */
static void choose_layers(struct chart *chart, const struct snapshot *s)
{
	for (chart->layers = 0; chart->layers < LAYERS; chart->layers++) {
		size_t best = s->group_count;

		for (size_t g = 0; g < s->group_count; g++) {
			bool taken = !s->groups[g].counts.peak;

			for (unsigned i = 0; i < chart->layers; i++)
				taken = taken || chart->named[i] == g;
			if (!taken &&
				(best == s->group_count ||
					s->groups[g].counts.peak > s->groups[best].counts.peak))
				best = g;
		}
		if (best == s->group_count)
			return;
		chart->named[chart->layers] = best;
	}
}

static unsigned layer_of(const struct chart *chart, size_t group)
{
	unsigned layer = 0;

	while (layer < chart->layers && chart->named[layer] != group)
		layer++;
	return layer;
}

static void fill_series(struct chart *chart, const struct snapshot *s)
{
	struct changes changes = {0};
	const struct connection_row *last = NULL;
	const struct instance_row *instance = NULL;

	for (size_t g = 0; g < s->group_count; g++)
		for (size_t i = 0; i < s->groups[g].process_count; i++)
			for (size_t n = 0; n < s->groups[g].processes[i].connection_count; n++) {
				const struct connection_row *row =
					&s->groups[g].processes[i].connections[n];

				if (!last ||
					memcmp(&last->server, &row->server, sizeof(row->server)))
					instance = instance_of(s, row);
				last = row;
				if (instance == chart->instance)
					timeline_add(&changes, s, row, layer_of(chart, g));
			}
	chart->series = timeline_series(s, &changes, chart->layers + 1, COLUMNS);
	free(changes.rows);
}

static void name_chart(struct chart *chart, const struct snapshot *s)
{
	const struct server_row *only = NULL;
	size_t found = 0;

	chart->limit = chart->instance ? chart->instance->max_connections : -1;
	for (size_t i = 0; i < s->server_count; i++)
		if (s->servers[i].instance == chart->instance) {
			only = &s->servers[i];
			found++;
		}
	if (found == 1 && chart->limit <= 0)
		chart->limit = only->max_connections > 0 ? only->max_connections : -1;
	if (chart->instance)
		snprintf(chart->name, sizeof(chart->name), "%s, pid %u",
			chart->instance->program && *chart->instance->program
				? chart->instance->program
				: "server",
			chart->instance->process.pid);
	else if (found == 1)
		server_text(chart->name, sizeof(chart->name), &only->key, only->path);
	else
		snprintf(chart->name, sizeof(chart->name), "%zu servers", found);
}

static void scale_chart(struct chart *chart)
{
	unsigned most = chart->series.most ? chart->series.most : 1;
	const struct instance_row *row = chart->instance;

	for (size_t i = 0; row && i < row->history_count; i++)
		if (row->history[i].used > most)
			most = row->history[i].used;
	/* A limit far above would press all else to the ground: then it is told, not drawn. */
	if (chart->limit > 0 && (unsigned)chart->limit > most &&
		(unsigned)chart->limit <= most * 20)
		most = (unsigned)chart->limit;
	chart->top = most + most / 16 + 1;
}

static double height_of(const struct chart *chart, double count)
{
	return 200.0 - 200.0 * count / chart->top;
}

/* Steps: the number holds for the whole column. */
static void put_layer(const struct page *p, const struct chart *chart, unsigned layer)
{
	const struct series *series = &chart->series;
	unsigned base[COLUMNS], top[COLUMNS];

	for (unsigned x = 0; x < COLUMNS; x++) {
		base[x] = 0;
		for (unsigned i = 0; i < layer; i++)
			base[x] += series->counts[x * series->layers + i];
		top[x] = base[x] + series->counts[x * series->layers + layer];
	}
	fprintf(p->out, "<path class=\"layer l%u\" d=\"M0 %.1f",
		layer == chart->layers ? LAYERS : layer, height_of(chart, base[0]));
	for (unsigned x = 0; x < COLUMNS; x++)
		if (!x || top[x] != top[x - 1])
			fprintf(p->out, "H%uV%.1f", x, height_of(chart, top[x]));
	fprintf(p->out, "H%u", COLUMNS);
	for (unsigned x = COLUMNS; x-- > 0;)
		if (x == COLUMNS - 1 || base[x] != base[x + 1])
			fprintf(p->out, "H%uV%.1f", x + 1, height_of(chart, base[x]));
	fputs("H0Z\"/>", p->out);
}

static void put_history(const struct page *p, const struct chart *chart)
{
	const struct instance_row *row = chart->instance;
	const struct snapshot *s = p->snapshot;
	double last = -1;

	if (!row || !row->history_count)
		return;
	fputs("<path class=\"used\" d=\"", p->out);
	for (size_t i = 0; i < row->history_count; i++) {
		const struct sample *sample = &row->history[i];
		__u64 at = sample->time > s->started ? sample->time - s->started : 0;
		double x = html_percent(p, at) * COLUMNS / 100;

		if (i && x < last + 0.5 && sample->used == row->history[i - 1].used)
			continue;
		fprintf(p->out, i ? "H%.1fV%.1f" : "M%.1f %.1f", x, height_of(chart, sample->used));
		last = x;
	}
	fprintf(p->out, "H%u\"/>", COLUMNS);
}

static bool limit_in_sight(const struct chart *chart)
{
	return chart->limit > 0 && (unsigned)chart->limit <= chart->top;
}

static void put_plot(const struct page *p, const struct chart *chart)
{
	fprintf(p->out,
		"<svg class=\"plot\" role=\"img\" viewBox=\"0 0 %u 200\" "
		"preserveAspectRatio=\"none\"><title>Open connections over time, by ",
		COLUMNS);
	fprintf(p->out, "%s</title><desc>At most %u at once.", group_by_name(p->snapshot->group_by),
		chart->series.most);
	if (chart->limit > 0)
		fprintf(p->out, " The limit is %d.", chart->limit);
	fputs(" The numbers are in the table below.</desc>", p->out);
	for (unsigned layer = 0; layer <= chart->layers; layer++)
		put_layer(p, chart, layer);
	put_history(p, chart);
	if (limit_in_sight(chart))
		fprintf(p->out, "<path class=\"limit\" d=\"M0 %.1fH%u\"/>",
			height_of(chart, chart->limit), COLUMNS);
	fputs("</svg>", p->out);
}

static unsigned count_step(unsigned top)
{
	static const unsigned factors[] = {1, 2, 5};

	for (unsigned unit = 1;; unit *= 10)
		for (unsigned i = 0; i < 3; i++)
			if (top / (unit * factors[i]) <= 5)
				return unit * factors[i];
}

static void put_scale(const struct page *p, const struct chart *chart)
{
	unsigned step = count_step(chart->top);

	fputs("<svg class=\"scale\" aria-hidden=\"true\">", p->out);
	for (unsigned n = 0; n < chart->top; n += step)
		fprintf(p->out, "<text x=\"100%%\" y=\"%.2f%%\" dy=\".32em\">%u</text>",
			height_of(chart, n) / 2, n);
	fputs("</svg><svg class=\"lines\" aria-hidden=\"true\">", p->out);
	for (unsigned n = step; n < chart->top; n += step)
		fprintf(p->out,
			"<line class=\"grid\" x1=\"0\" x2=\"100%%\" y1=\"%.2f%%\" y2=\"%.2f%%\"/>",
			height_of(chart, n) / 2, height_of(chart, n) / 2);
	html_grid(p);
	if (limit_in_sight(chart))
		fprintf(p->out,
			"<text class=\"limit-text\" x=\"6\" y=\"%.2f%%\" dy=\"-4\">max_connections "
			"%d</text>",
			height_of(chart, chart->limit) / 2, chart->limit);
	fputs("</svg>", p->out);
}

static void layer_name(const struct page *p, const struct chart *chart, unsigned layer)
{
	if (layer < chart->layers)
		html_cut(p->out, p->snapshot->groups[chart->named[layer]].name, 48);
	else
		fputs("all others", p->out);
}

static bool layer_used(const struct chart *chart, unsigned layer)
{
	for (unsigned x = 0; x < COLUMNS; x++)
		if (chart->series.counts[x * chart->series.layers + layer])
			return true;
	return false;
}

/* Top to bottom as in the picture, so that the order tells what the colour does not. */
static void put_legend(const struct page *p, const struct chart *chart)
{
	const struct series *series = &chart->series;

	fputs("<ul class=\"legend\">", p->out);
	if (chart->limit > 0 && !limit_in_sight(chart))
		fprintf(p->out, "<li>max_connections %d is far above this picture</li>",
			chart->limit);
	if (chart->instance && chart->instance->history_count)
		fputs("<li><svg class=\"key\" aria-hidden=\"true\"><line class=\"used\" x1=\"0\" "
		      "x2=\"100%\" y1=\"50%\" y2=\"50%\"/></svg>slots taken, as the server's own "
		      "processes show</li>",
			p->out);
	for (unsigned layer = chart->layers + 1; layer-- > 0;) {
		unsigned now = series->counts[(COLUMNS - 1) * series->layers + layer], peak = 0;

		if (!layer_used(chart, layer))
			continue;
		for (unsigned x = 0; x < COLUMNS; x++)
			if (series->counts[x * series->layers + layer] > peak)
				peak = series->counts[x * series->layers + layer];
		fprintf(p->out,
			"<li class=\"k%u\"><svg class=\"key\" aria-hidden=\"true\"><rect "
			"class=\"l%u\" "
			"width=\"100%%\" height=\"100%%\"/></svg>",
			layer == chart->layers ? LAYERS : layer,
			layer == chart->layers ? LAYERS : layer);
		layer_name(p, chart, layer);
		fprintf(p->out, " <span class=\"fine\">%u at the end, %u at most</span></li>", now,
			peak);
	}
	fputs("</ul>", p->out);
}

static void put_moments(const struct page *p, const struct chart *chart)
{
	const struct series *series = &chart->series;
	__u64 span = p->snapshot->now - p->snapshot->started;

	fputs("<details><summary>The same as a table</summary><div class=\"scroll\" tabindex=\"0\" "
	      "role=\"region\" aria-label=\"Open connections over time\"><table><caption>Open "
	      "connections, at the moment with most in each part of the "
	      "time</caption><thead><tr><th "
	      "scope=\"col\">until</th>",
		p->out);
	for (unsigned layer = chart->layers + 1; layer-- > 0;)
		if (layer_used(chart, layer)) {
			fputs("<th scope=\"col\" class=\"n\">", p->out);
			layer_name(p, chart, layer);
			fputs("</th>", p->out);
		}
	fputs("<th scope=\"col\" class=\"n\">all</th></tr></thead><tbody>", p->out);
	for (unsigned moment = 0; moment < MOMENTS; moment++) {
		unsigned from = moment * COLUMNS / MOMENTS, to = (moment + 1) * COLUMNS / MOMENTS;
		unsigned best = from, most = 0;

		for (unsigned x = from; x < to; x++) {
			unsigned sum = 0;

			for (unsigned i = 0; i < series->layers; i++)
				sum += series->counts[x * series->layers + i];
			if (sum > most) {
				most = sum;
				best = x;
			}
		}
		fputs("<tr><th scope=\"row\">+", p->out);
		html_age(p->out, span / MOMENTS * (moment + 1), false);
		fputs("</th>", p->out);
		for (unsigned layer = chart->layers + 1; layer-- > 0;)
			if (layer_used(chart, layer))
				fprintf(p->out, "<td class=\"n\">%u</td>",
					series->counts[best * series->layers + layer]);
		fprintf(p->out, "<td class=\"n\">%u</td></tr>", most);
	}
	fputs("</tbody></table></div></details>", p->out);
}

static void put_chart(const struct page *p, struct chart *chart)
{
	fputs("<figure class=\"chart\"><figcaption>", p->out);
	html_text(p->out, chart->name);
	fputs("</figcaption><div class=\"frame\">", p->out);
	put_scale(p, chart);
	put_plot(p, chart);
	html_time_labels(p);
	fputs("</div>", p->out);
	put_legend(p, chart);
	put_moments(p, chart);
	fputs("</figure>\n", p->out);
}

static void draw(const struct page *p, const struct instance_row *instance)
{
	struct chart chart = {.instance = instance};

	choose_layers(&chart, p->snapshot);
	fill_series(&chart, p->snapshot);
	name_chart(&chart, p->snapshot);
	scale_chart(&chart);
	if (chart.series.most || (instance && instance->history_count))
		put_chart(p, &chart);
	free(chart.series.counts);
}

void html_chart(const struct page *p)
{
	const struct snapshot *s = p->snapshot;

	if (!html_has_span(p) || !(s->group_count || s->instance_count))
		return;
	fputs("<section id=\"time\"><h2>Open connections over time</h2>\n", p->out);
	for (size_t i = 0; i < s->instance_count && i < CHARTS; i++)
		draw(p, &s->instances[i]);
	draw(p, NULL);
	if (s->forgotten)
		fprintf(p->out,
			"<p class=\"fine\">%llu connections that ended early are not drawn: "
			"their details were dropped to save memory. The counts have them.</p>",
			(unsigned long long)s->forgotten);
	fputs("</section>\n", p->out);
}
