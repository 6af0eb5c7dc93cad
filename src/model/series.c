/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * series.c: what metrics count. Each ledger gives the series of its labels what it has grown by, so
 * that a series' totals outlive its processes and never go down, whatever becomes of the ledger. The
 * labels are made clean and short here, not by the view: two scripts that look the same when printed
 * must be one series.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/address.h"
#include "base/mem.h"
#include "base/ns.h"
#include "base/text.h"
#include "model/state.h"

#define SWEEP_NS    MINUTE
/* Past SERIES_MOST there is one shared row per server, up to this many; then one for all. */
#define SHARED_MOST 100

const __u64 lifetime_bounds[LIFETIMES - 1] = {
	10 * MILLISECOND, 100 * MILLISECOND, SECOND, 10 * SECOND, MINUTE, 10 * MINUTE, HOUR, DAY};

struct labels {
	char text[4][SERIES_LABEL_COLUMNS * 4 + 4]; /* script, container, server, library */
};

static void label_set(char *out, size_t size, const char *foreign)
{
	char *clean = text_clean(foreign ? foreign : "", foreign ? strlen(foreign) : 0);

	text_cut(out, size, clean, SERIES_LABEL_COLUMNS, false);
	free(clean);
}

static void labels_of(struct labels *out, const struct model *model, const struct ledger_key *key)
{
	const struct process *p = state_process(model, &key->process);
	const struct event_process *e = p && p->identified ? &p->identity : NULL;
	char server[4200];

	server_text(server, sizeof(server), &key->server, state_path(model, &key->server));
	label_set(out->text[0], sizeof(out->text[0]), state_script(model, &key->process));
	label_set(out->text[1], sizeof(out->text[1]), e ? e->container : NULL);
	label_set(out->text[2], sizeof(out->text[2]), server);
	label_set(out->text[3], sizeof(out->text[3]), e ? e->library : NULL);
}

/* The texts one after the other, each with its NUL: the key. Returns its length. */
static size_t labels_join(char *to, const struct labels *labels)
{
	size_t at = 0;

	for (int i = 0; i < 4; i++) {
		size_t n = strlen(labels->text[i]) + 1;

		memcpy(to + at, labels->text[i], n);
		at += n;
	}
	return at;
}

static struct series *series_get(struct model *model, const struct labels *labels, unsigned most)
{
	char key[sizeof(*labels)];
	size_t length = labels_join(key, labels);
	struct series *series;

	HASH_FIND(hh, model->series, key, length, series);
	if (series || HASH_COUNT(model->series) >= most)
		return series;
	series = xcalloc(1, sizeof(*series));
	series->labels = xcalloc(1, length);
	memcpy(series->labels, key, length);
	series->row.script = series->labels;
	series->row.container = series->row.script + strlen(series->row.script) + 1;
	series->row.server = series->row.container + strlen(series->row.container) + 1;
	series->row.library = series->row.server + strlen(series->row.server) + 1;
	series->seen = model->now;
	HASH_ADD_KEYPTR(hh, model->series, series->labels, length, series);
	return series;
}

static struct series *series_choose(struct model *model, const struct ledger_key *key)
{
	struct labels labels;
	struct series *series;

	labels_of(&labels, model, key);
	series = series_get(model, &labels, SERIES_MOST);
	if (series)
		return series;
	label_set(labels.text[0], sizeof(labels.text[0]), "~other");
	labels.text[1][0] = labels.text[3][0] = 0;
	series = series_get(model, &labels, SERIES_MOST + SHARED_MOST);
	if (series)
		return series;
	label_set(labels.text[2], sizeof(labels.text[2]), "~other");
	return series_get(model, &labels, -1u);
}

/* The series of a ledger's present labels: a name may become known after the first connection. */
static struct series *series_of(struct model *model, struct ledger *ledger)
{
	const struct process *p = state_process(model, &ledger->key.process);
	__u64 named = p && p->identified ? p->identity.head.time : 0;
	bool placed =
		ledger->key.server.family != AF_UNIX || state_path(model, &ledger->key.server);

	if (!ledger->series || !placed || ledger->labelled != named) {
		ledger->series = series_choose(model, &ledger->key);
		ledger->labelled = named;
	}
	return ledger->series;
}

/* What `now` has more than `counted`; from here on that is counted. Less is no news: a total that
 * was told can't be taken back. */
static __u64 grown(__u64 *counted, __u64 now)
{
	__u64 more = now > *counted ? now - *counted : 0;

	*counted += more;
	return more;
}

void series_count(struct model *model, struct ledger *ledger)
{
	const struct totals *a = &ledger->totals, *b = &ledger->settled;
	struct totals *counted = &ledger->counted;
	struct counts *to = &series_of(model, ledger)->row.counts;

	to->adopted += grown(&counted->adopted, a->adopted + b->adopted);
	to->opened += grown(&counted->opened, a->opened + b->opened);
	to->closed += grown(&counted->closed, a->closed + b->closed);
	to->abandoned += grown(&counted->abandoned, a->abandoned + b->abandoned);
	to->hung_up += grown(&counted->hung_up, a->hung_up + b->hung_up);
	to->refused += grown(&counted->refused, a->refused + b->refused);
	to->failed += grown(&counted->failed, a->failed + b->failed);
	to->unknown += grown(&counted->unknown, a->unknown + b->unknown + ledger->unknown);
}

void series_lifetime(struct model *model, const struct connection *conn, __u64 ended_at)
{
	__u64 age = ended_at > conn->opened_at ? ended_at - conn->opened_at : 0;
	struct series *series;
	int i = 0;

	/* An adopted connection is older than anybody knows. */
	if (conn->attribution != ATTRIBUTION_CONNECT)
		return;
	series = series_of(model, ledger_get(model, &conn->ledger));
	while (i < LIFETIMES - 1 && age > lifetime_bounds[i])
		i++;
	series->row.lifetimes[i]++;
	series->row.lifetime_sum += age;
}

static bool is_alive(const struct model *model, const struct ledger *ledger)
{
	const struct process *p = state_process(model, &ledger->key.process);

	return is_untracked(&ledger->key.process) || (p && !p->gone) || ledger->totals.open > 0 ||
	       ledger->totals.held > 0;
}

static bool is_long_gone(const struct model *model, const struct series *series)
{
	return series->seen + SERIES_KEPT < model->now;
}

void series_sweep(struct model *model)
{
	struct ledger *ledger, *next_ledger;
	struct series *series, *next;

	if (model->now < model->series_swept + SWEEP_NS)
		return;
	model->series_swept = model->now;
	HASH_ITER (hh, model->ledgers, ledger, next_ledger) {
		if (ledger->series && is_alive(model, ledger))
			ledger->series->seen = model->now;
	}
	HASH_ITER (hh, model->ledgers, ledger, next_ledger) {
		if (ledger->series && is_long_gone(model, ledger->series))
			ledger->series = NULL;
	}
	HASH_ITER (hh, model->series, series, next) {
		if (!is_long_gone(model, series))
			continue;
		HASH_DEL(model->series, series);
		free(series->labels);
		free(series);
	}
}

void series_free(struct model *model)
{
	struct series *series, *next;

	HASH_ITER (hh, model->series, series, next) {
		HASH_DEL(model->series, series);
		free(series->labels);
		free(series);
	}
}

/* A row while it is being filled, found by its series. */
struct filling {
	const struct series *series;
	struct series_row row;
};

static int by_series(const void *a, const void *b)
{
	const struct filling *x = a, *y = b;

	return x->series < y->series ? -1 : x->series > y->series;
}

static int by_labels(const void *a, const void *b)
{
	const struct series_row *x = &((const struct filling *)a)->row;
	const struct series_row *y = &((const struct filling *)b)->row;
	int order = strcmp(x->script, y->script);

	if (!order)
		order = strcmp(x->container, y->container);
	if (!order)
		order = strcmp(x->server, y->server);
	return order ? order : strcmp(x->library, y->library);
}

static struct series_row *row_of(struct filling *rows, size_t count, const struct ledger *ledger)
{
	struct filling key = {.series = ledger ? ledger->series : NULL}, *found;

	found = key.series ? bsearch(&key, rows, count, sizeof(*rows), by_series) : NULL;
	return found ? &found->row : NULL;
}

static void fill_open(struct filling *rows, size_t count, const struct ledger *ledger)
{
	struct series_row *row = row_of(rows, count, ledger);
	__u64 open = ledger_open(ledger);
	__s64 held = ledger->totals.held + ledger->settled.held;

	if (!row)
		return;
	row->counts.open += open;
	row->counts.fd_leak += held > 0 ? (__u64)held : 0;
	row->processes += open > 0;
}

static void fill_age(struct series_row *row, const struct connection *conn,
	const struct model *model, __u64 older)
{
	__u64 opened = connection_born(conn);
	__u64 age = model->now > opened ? model->now - opened : 0;

	if (conn->ended_at)
		return;
	if (connection_quiet(conn, model) > older && !connection_is_busy(conn, model))
		row->counts.idle++;
	if (age > row->counts.oldest)
		row->counts.oldest = age;
}

void series_gather(struct snapshot *to, const struct model *model, __u64 older)
{
	size_t count = HASH_COUNT(model->series), n = 0;
	struct filling *rows = xcalloc(count + 1, sizeof(*rows));
	struct series *series, *next;
	struct ledger *ledger, *next_ledger;
	struct connection *conn, *next_conn;

	HASH_ITER (hh, model->series, series, next)
		rows[n++] = (struct filling){series, series->row};
	qsort(rows, n, sizeof(*rows), by_series);
	HASH_ITER (hh, model->ledgers, ledger, next_ledger)
		fill_open(rows, n, ledger);
	HASH_ITER (hh, model->connections, conn, next_conn) {
		struct series_row *row = row_of(rows, n, state_ledger(model, &conn->ledger));

		if (row)
			fill_age(row, conn, model, older);
	}
	qsort(rows, n, sizeof(*rows), by_labels);
	to->series = xcalloc(n + 1, sizeof(*to->series));
	to->series_count = n;
	for (size_t i = 0; i < n; i++)
		to->series[i] = rows[i].row;
	free(rows);
}
