/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * openmetrics.c: the page that Prometheus reads: OpenMetrics 1.0, or the classic text format. The
 * table of families below is what docs/METRICS.md lists; labels are never a pid, a port of a client
 * or a command line.
 */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/ns.h"
#include "base/text.h"
#include "view/lines.h"
#include "view/openmetrics_page.h"

void page_name(const struct page *p, const struct family *f, const char *suffix)
{
	fprintf(p->out, OPENMETRICS_PREFIX "%s%s", f->name, suffix);
}

void page_number(const struct page *p, __u64 number)
{
	fprintf(p->out, " %llu\n", (unsigned long long)number);
}

void page_seconds(const struct page *p, __u64 ns)
{
	fprintf(p->out, " %.3f\n", (double)ns / 1e9);
}

static const char *total_of(const struct family *f)
{
	return f->type == COUNTER ? "_total" : "";
}

static void write_series(const struct page *p, const struct family *f, const char *suffix,
	const struct series_row *row)
{
	page_name(p, f, suffix);
	exposition_label(p->out, "script", row->script, true);
	exposition_label(p->out, "container", row->container, false);
	exposition_label(p->out, "server", row->server, false);
	exposition_label(p->out, "library", row->library, false);
}

static void write_counts(const struct page *p, const struct family *f)
{
	const struct count_field *field = count_field_find(f->field);

	for (size_t i = 0; field && i < p->snapshot->series_count; i++) {
		const struct series_row *row = &p->snapshot->series[i];
		__u64 value = field->get(&row->counts);

		write_series(p, f, total_of(f), row);
		fputc('}', p->out);
		if (field->is_age)
			page_seconds(p, value);
		else
			page_number(p, value);
	}
}

static void write_processes(const struct page *p, const struct family *f)
{
	for (size_t i = 0; i < p->snapshot->series_count; i++) {
		write_series(p, f, "", &p->snapshot->series[i]);
		fputc('}', p->out);
		page_number(p, p->snapshot->series[i].processes);
	}
}

static void write_lifetime(
	const struct page *p, const struct family *f, const struct series_row *row, __u64 all)
{
	__u64 count = 0;

	for (int i = 0; i < LIFETIMES; i++) {
		count += row->lifetimes[i];
		write_series(p, f, "_bucket", row);
		if (i < LIFETIMES - 1) /* "1.0", not "1": the same text in both formats */
			fprintf(p->out, ",le=\"%.*f\"}",
				lifetime_bounds[i] < 100 * MILLISECOND ? 2 : 1,
				(double)lifetime_bounds[i] / 1e9);
		else
			fputs(",le=\"+Inf\"}", p->out);
		page_number(p, count);
	}
	write_series(p, f, "_sum", row);
	fputc('}', p->out);
	page_seconds(p, row->lifetime_sum);
	write_series(p, f, "_count", row);
	fputc('}', p->out);
	page_number(p, all);
}

/* Nothing ended, nothing written: buckets are the dearest samples. */
static void write_lifetimes(const struct page *p, const struct family *f)
{
	for (size_t i = 0; i < p->snapshot->series_count; i++) {
		const struct series_row *row = &p->snapshot->series[i];
		__u64 all = 0;

		for (int b = 0; b < LIFETIMES; b++)
			all += row->lifetimes[b];
		if (all)
			write_lifetime(p, f, row, all);
	}
}

/* Has the group's name a series, or did it come after the last free one? */
static const char *script_label(const struct page *p, const char *name, char *out, size_t size)
{
	char *clean = text_clean(name, strlen(name));

	text_cut(out, size, clean, SERIES_LABEL_COLUMNS, false);
	free(clean);
	for (size_t i = 0; i < p->snapshot->series_count; i++)
		if (!strcmp(p->snapshot->series[i].script, out))
			return out;
	return "~other";
}

struct found {
	char script[SERIES_LABEL_COLUMNS * 4 + 4];
	enum rule rule;
	enum severity severity; /* a hoard is graver where it takes a quarter of the slots */
};

static int by_found(const void *a, const void *b)
{
	const struct found *x = a, *y = b;
	int order = strcmp(x->script, y->script);

	if (!order)
		order = (int)x->rule - (int)y->rule;
	return order ? order : (int)x->severity - (int)y->severity;
}

/* Findings of the scripts that share a label are one sample: how many. */
static void write_findings(const struct page *p, const struct family *f)
{
	size_t count = p->findings->count, n = 0;
	struct found *found = xcalloc(count + 1, sizeof(*found));

	for (size_t i = 0; i < count; i++) {
		const struct finding *one = &p->findings->rows[i];
		char label[sizeof(found->script)];

		snprintf(found[n].script, sizeof(found->script), "%s",
			one->group ? script_label(p, one->group->name, label, sizeof(label)) : "");
		found[n].severity = one->severity;
		found[n++].rule = one->rule;
	}
	qsort(found, n, sizeof(*found), by_found);
	for (size_t i = 0, same; i < n; i += same) {
		same = 1;
		while (i + same < n && !by_found(&found[i], &found[i + same]))
			same++;
		page_name(p, f, "");
		exposition_label(p->out, "rule", rule_rows[found[i].rule].id, true);
		exposition_label(p->out, "severity", severity_name(found[i].severity), false);
		exposition_label(p->out, "script", found[i].script, false);
		fputc('}', p->out);
		page_number(p, same);
	}
	free(found);
}

static void write_older(const struct page *p, const struct family *f)
{
	page_name(p, f, "");
	page_seconds(p, p->snapshot->older);
}

static void write_losses(const struct page *p, const struct family *f)
{
	const struct losses *l = &p->snapshot->losses;
	const struct {
		const char *kind;
		__u64 count;
	} rows[] = {
		{"ring_full", l->ring_full},
		{"ledger_full", l->ledger_full},
		{"sockets_full", l->sockets_full},
		{"recursion_misses", l->recursion_misses},
		{"drift", l->drift},
		{"unreadable", l->unreadable},
		{"scope_full", l->scope_full},
		{"bad_lines", l->bad_lines},
	};

	_Static_assert(sizeof(rows) / sizeof(rows[0]) == sizeof(*l) / sizeof(__u64), "each loss");
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		page_name(p, f, "");
		exposition_label(p->out, "kind", rows[i].kind, true);
		fputc('}', p->out);
		page_number(p, rows[i].count);
	}
}

static void write_complete(const struct page *p, const struct family *f)
{
	page_name(p, f, "");
	page_number(p, p->snapshot->complete);
}

static void write_series_count(const struct page *p, const struct family *f)
{
	page_name(p, f, "");
	page_number(p, p->snapshot->series_count);
}

static void write_seen(const struct page *p, const struct family *f)
{
	const struct event_session *s = p->snapshot->session;
	__u64 booted = s ? s->wall - s->head.time : 0;

	if (!s)
		return;
	if (p->self && p->self->booted) /* the clock may have been set since the start */
		booted = p->self->booted;
	page_name(p, f, "");
	page_seconds(p, booted + p->snapshot->now);
}

static void write_build(const struct page *p, const struct family *f)
{
	const struct event_session *s = p->snapshot->session;

	page_name(p, f, "_info");
	exposition_label(p->out, "version", PGLEAKTRACE_VERSION, true);
	exposition_label(p->out, "kernel", s ? s->kernel : "", false);
	fputc('}', p->out);
	page_number(p, 1);
}

static void write_fills(const struct page *p, const struct family *f, bool most)
{
	for (size_t i = 0; p->self && i < p->self->fill_count; i++) {
		const struct fill *fill = &p->self->fills[i];

		page_name(p, f, "");
		exposition_label(p->out, "map", fill->name, true);
		fputc('}', p->out);
		page_number(p, most ? fill->most : fill->used);
	}
}

static void write_used(const struct page *p, const struct family *f)
{
	write_fills(p, f, false);
}

static void write_most(const struct page *p, const struct family *f)
{
	write_fills(p, f, true);
}

static void write_cpu(const struct page *p, const struct family *f)
{
	if (!p->self)
		return;
	page_name(p, f, "_total");
	page_seconds(p, p->self->cpu);
}

static void write_resident(const struct page *p, const struct family *f)
{
	if (!p->self)
		return;
	page_name(p, f, "");
	page_number(p, p->self->resident);
}

static const struct family families[] = {
	{"connections_open", GAUGE, NULL, "Connections open now.", write_counts, "open"},
	{"connections_idle", GAUGE, NULL,
		"Open connections unused for longer than the idle threshold, no query running.",
		write_counts, "idle"},
	{"connections_fd_leak", GAUGE, NULL,
		"Connections that the server ended and whose descriptor a client still holds.",
		write_counts, "fd_leak"},
	{"connections_oldest_seconds", GAUGE, "seconds",
		"Age of the oldest open connection; one found open at the start: of its backend, "
		"or since then.",
		write_counts, "oldest"},
	{"connections_adopted", COUNTER, NULL, "Connections found open at the start.", write_counts,
		"adopted"},
	{"connections_opened", COUNTER, NULL, "Connections established.", write_counts, "opened"},
	{"connections_closed", COUNTER, NULL,
		"Connections that their holder closed while it was running.", write_counts,
		"closed"},
	{"connections_abandoned", COUNTER, NULL,
		"Connections that the kernel closed because the last holder exited.", write_counts,
		"abandoned"},
	{"connections_hung_up", COUNTER, NULL, "Connections that the server or the network ended.",
		write_counts, "hung_up"},
	{"connections_refused", COUNTER, NULL,
		"Connections that PostgreSQL answered with a FATAL error before a session.",
		write_counts, "refused"},
	{"connections_unknown", COUNTER, NULL, "Connections whose end was not seen.", write_counts,
		"unknown"},
	{"connections_failed", COUNTER, NULL, "Attempts that never reached a server.", write_counts,
		"failed"},
	{"processes", GAUGE, NULL, "Processes with an open connection.", write_processes, NULL},
	{"connection_lifetime_seconds", HISTOGRAM, "seconds",
		"How long connections lived whose opening and end were both seen.", write_lifetimes,
		NULL},
	{"findings", GAUGE, NULL, "What the tool concludes, by rule.", write_findings, NULL},
	{"server_max_connections", GAUGE, NULL, "The server's max_connections, where known.",
		write_server_limit, NULL},
	{"server_reserved_connections", GAUGE, NULL,
		"Slots that only superusers and reserved roles may take.", write_server_reserved,
		NULL},
	{"server_slots_used", GAUGE, NULL, "Slots taken, of a PostgreSQL on this host.",
		write_server_used, NULL},
	{"server_slots_orphaned", GAUGE, NULL, "Slots taken by backends whose client is gone.",
		write_server_orphaned, NULL},
	{"server_slots_remote", GAUGE, NULL, "Slots taken by clients on other hosts.",
		write_server_remote, NULL},
	{"server_full_in_seconds", GAUGE, "seconds",
		"Time until no slot is left at the last minute's rate; absent if not in sight.",
		write_server_full_in, NULL},
	{"idle_threshold_seconds", GAUGE, "seconds", "Idle for longer counts as idle (--older).",
		write_older, NULL},
	{"losses", GAUGE, NULL,
		"What could not be seen, by kind; all but recursion_misses mean incomplete.",
		write_losses, NULL},
	{"complete", GAUGE, NULL, "1 if nothing was lost since the start.", write_complete, NULL},
	{"series", GAUGE, NULL, "Label sets that are counted; past 1000 they share \"~other\".",
		write_series_count, NULL},
	{"last_look_timestamp_seconds", GAUGE, "seconds",
		"When these numbers were true, in seconds since 1970.", write_seen, NULL},
	{"map_entries", GAUGE, NULL, "Entries in the kernel's maps.", write_used, NULL},
	{"map_max_entries", GAUGE, NULL, "Most entries the kernel's maps can hold.", write_most,
		NULL},
	{"cpu_seconds", COUNTER, "seconds", "CPU time of the tracer's own process.", write_cpu,
		NULL},
	{"resident_memory_bytes", GAUGE, "bytes", "Memory of the tracer's own process.",
		write_resident, NULL},
	{"build", INFO, NULL, "The tracer's version and the kernel it watches.", write_build, NULL},
};

static void write_family(const struct page *p, const struct family *f)
{
	static const char *const types[] = {"gauge", "counter", "histogram", "info"};
	bool classic = p->exposition == EXPOSITION_CLASSIC;
	const char *suffix = !classic             ? ""
			     : f->type == COUNTER ? "_total"
			     : f->type == INFO    ? "_info"
						  : "";
	const char *type = classic && f->type == INFO ? "gauge" : types[f->type];

	fprintf(p->out, "# HELP " OPENMETRICS_PREFIX "%s%s %s\n", f->name, suffix, f->help);
	fprintf(p->out, "# TYPE " OPENMETRICS_PREFIX "%s%s %s\n", f->name, suffix, type);
	if (f->unit && !classic)
		fprintf(p->out, "# UNIT " OPENMETRICS_PREFIX "%s %s\n", f->name, f->unit);
	f->write(p, f);
}

void openmetrics_write(FILE *out, const struct snapshot *snapshot, const struct findings *findings,
	const struct self *self, enum exposition exposition)
{
	struct page page = {out, snapshot, findings, self, exposition};

	for (size_t i = 0; i < sizeof(families) / sizeof(families[0]); i++)
		write_family(&page, &families[i]);
	if (exposition == EXPOSITION_OPENMETRICS)
		fputs("# EOF\n", out);
}

static void openmetrics_report(
	const struct view_context *c, const struct snapshot *s, const struct findings *findings)
{
	openmetrics_write(c->out, s, findings, NULL, EXPOSITION_OPENMETRICS);
}

const struct view openmetrics_view = {
	.name = "openmetrics",
	.help = "the metrics page, once",
	.report = openmetrics_report,
};
