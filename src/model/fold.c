/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fold.c: the long gone, together. A watch of months sees more processes than it can remember. The
 * last of the gone are kept one by one; those before them are added to folds: one for all that have
 * the same script, comm, program, user, container, unit, library and servers. So every row that such
 * a process was part of, by whatever grouping or filter but pid and command line, stays as it was.
 * A fold has what no process has: pid 0 and a number as its `exec`.
 *
 * Names may be new with each run, and so may folds: of too many, those that nobody has joined for the
 * longest are folded once more, into one that is called "~other" for each set of servers. Only the
 * rows by server stay as they were then, and all sums.
 *
 * Not folded is who may still be told of: by open books, a connection or a backend that is kept.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/texts.h"
#include "model/state.h"

#define OTHER "~other"

struct fold {
	struct process *process;
	char *name; /* what they have in common, as bytes */
	UT_hash_handle hh;
};

struct folding {
	struct model *model;
	struct fold *folds; /* by name */
	__u32 last;         /* number given to one */
};

/* The kernel has closed them, and all that they held open is accounted for. */
static bool is_settled(const struct ledger *l)
{
	static const struct totals nothing;

	return !memcmp(&l->totals, &nothing, sizeof(nothing)) && !l->unknown && !l->settled.open &&
	       !l->settled.held;
}

static void need(const struct model *model, const struct process_key *key)
{
	struct process *process = state_process(model, key);

	if (process)
		process->needed = true;
}

static void need_openers(const struct model *model, const struct backend *backends, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (backends[i].joined)
			need(model, &backends[i].opener.process);
}

/* Finds the books of each process, and whose are open. */
static void find_books(const struct model *model)
{
	struct process *p, *next;
	struct ledger *l, *next_ledger;

	HASH_ITER (hh, model->processes, p, next) {
		p->books = NULL;
		p->needed = false;
	}
	HASH_ITER (hh, model->ledgers, l, next_ledger) {
		p = state_process(model, &l->key.process);
		if (!p)
			continue;
		l->next_book = p->books;
		p->books = l;
		if (!is_settled(l))
			p->needed = true;
	}
}

/* And who is needed though its books are closed. */
static void mark(const struct model *model)
{
	struct connection *c, *next_conn;
	struct instance *i, *next_instance;

	find_books(model);
	HASH_ITER (hh, model->connections, c, next_conn)
		need(model, &c->ledger.process);
	for (c = model->ended_first; c; c = c->next_ended)
		need(model, &c->ledger.process);
	HASH_ITER (hh, model->instances, i, next_instance) {
		need_openers(model, i->backends, i->backend_count);
		need_openers(model, i->before, i->before_count);
	}
}

static void put(char **to, const void *from, size_t size)
{
	memcpy(*to, from, size);
	*to += size;
}

static int by_server(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct server_key));
}

static size_t server_count(const struct process *p)
{
	size_t n = 0;

	for (const struct ledger *l = p->books; l; l = l->next_book)
		n += !ledger_is_empty(l);
	return n;
}

/* What all of a fold have in common. Without a name all texts are missing: "?" is another. */
static char *name_of(const struct process *p, size_t *length)
{
	const struct event_process *e = &p->identity;
	const char *const texts[] = {
		p->name.script, e->comm, e->exe, e->container, e->unit, e->library};
	size_t n = server_count(p), room = sizeof(e->uid) + n * sizeof(struct server_key);
	char *name, *to, *servers;

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		room += 1 + text_room(texts[i]);
	name = to = xcalloc(1, room);
	put(&to, &e->uid, sizeof(e->uid));
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		*to++ = texts[i] ? '=' : '-';
		text_put(&to, texts[i]);
	}
	servers = to;
	for (const struct ledger *l = p->books; l; l = l->next_book)
		if (!ledger_is_empty(l))
			put(&to, &l->key.server, sizeof(l->key.server));
	qsort(servers, n, sizeof(struct server_key), by_server);
	*length = room;
	return name;
}

static void fold_add(struct folding *f, struct process *p, char *name, size_t length)
{
	struct fold *fold = xcalloc(1, sizeof(*fold));

	fold->process = p;
	fold->name = name;
	HASH_ADD_KEYPTR(hh, f->folds, fold->name, length, fold);
}

/* The folds of earlier batches, or of the recording's beginning. */
static void folds_find(struct folding *f)
{
	struct process *p, *next;

	HASH_ITER (hh, f->model->processes, p, next) {
		size_t length;
		char *name = p->folded ? name_of(p, &length) : NULL;

		if (!name)
			continue;
		fold_add(f, p, name, length);
		if (p->key.exec > f->last)
			f->last = p->key.exec;
	}
}

static void folds_free(struct folding *f)
{
	struct fold *fold, *next;

	HASH_ITER (hh, f->folds, fold, next) {
		HASH_DEL(f->folds, fold);
		free(fold->name);
		free(fold);
	}
}

/* The first of its kind lends its identity. */
static struct process *fold_begin(struct folding *f, const struct process *first)
{
	struct event_process e = first->identity;

	e.process = (struct process_key){.exec = ++f->last};
	e.folded = first->folded ? first->folded : 1;
	apply_process(f->model, &e);
	return state_process(f->model, &e.process);
}

/* The fold of those that are like `p`; it stands for `p` too from here on. */
static struct process *fold_of(struct folding *f, const struct process *p)
{
	size_t length;
	char *name = name_of(p, &length);
	struct process *process;
	struct fold *fold;

	HASH_FIND(hh, f->folds, name, length, fold);
	if (fold) {
		process = fold->process;
		process->folded += p->folded ? p->folded : 1;
		free(name);
	} else {
		process = fold_begin(f, p);
		fold_add(f, process, name, length);
	}
	process->gone_in = f->model->snapshots;
	return process;
}

/* What its series was given stays given. */
static void ledger_move(struct model *model, const struct ledger *from, const struct process *to)
{
	struct ledger_key key = from->key;
	struct ledger *ledger;

	key.process = to->key;
	ledger = ledger_get(model, &key);
	totals_add(&ledger->settled, &from->settled);
	totals_add(&ledger->counted, &from->counted);
}

/* Its books go to `to`, and it goes; NULL: it never connected, and leaves nothing. */
static void hand_over(struct model *model, struct process *p, const struct process *to)
{
	struct ledger *next;

	for (struct ledger *l = p->books; l; l = next) {
		next = l->next_book;
		if (!ledger_is_empty(l)) {
			assert(to);
			ledger_move(model, l, to);
		}
		HASH_DEL(model->ledgers, l);
		free(l);
	}
	model->gone_count -= !p->folded;
	HASH_DEL(model->processes, p);
	process_free(p);
}

static bool is_other(const struct process *p)
{
	return p->folded && p->identity.comm && !strcmp(p->identity.comm, OTHER);
}

/* What all have in common that have nothing in common but their servers. */
static struct process *other_of(struct folding *f, const struct process *p)
{
	struct process other = {
		.identity = {.comm = OTHER, .user = OTHER, .container = OTHER, .uid = (__u32)-1},
		.identified = true,
		.name.script = (char *)OTHER,
		.folded = p->folded,
		.books = p->books};

	return fold_of(f, &other);
}

static int by_going(const void *a, const void *b)
{
	const struct process *x = *(struct process *const *)a, *y = *(struct process *const *)b;

	if (x->gone_in != y->gone_in)
		return x->gone_in < y->gone_in ? -1 : 1;
	return process_key_order(&x->key, &y->key);
}

static void fold_kinds(struct folding *f, size_t most)
{
	size_t n = 0;
	struct process **folds = xcalloc(HASH_COUNT(f->folds) + 1, sizeof(*folds));
	struct fold *fold, *next;

	HASH_ITER (hh, f->folds, fold, next) {
		if (!is_other(fold->process))
			folds[n++] = fold->process;
	}
	if (n > most + most / 10) {
		find_books(f->model);
		qsort(folds, n, sizeof(*folds), by_going);
		for (size_t i = 0; i < n - most; i++)
			hand_over(f->model, folds[i], other_of(f, folds[i]));
		crowds_sweep(f->model);
	}
	free(folds);
}

void fold_gone(struct model *model, size_t most, size_t kinds)
{
	struct folding f = {.model = model};
	struct process **gone, *p, *next;
	size_t n = 0;

	if (model->keep_all || model->gone_count <= most + most / 10)
		return;
	gone = xcalloc(model->gone_count + 1, sizeof(*gone));
	mark(model);
	/* A whole snapshot must have passed: the books of who went during one come with the next. */
	HASH_ITER (hh, model->processes, p, next) {
		if (p->gone && !p->folded && !p->needed && p->gone_in + 1 < model->snapshots)
			gone[n++] = p;
	}
	qsort(gone, n, sizeof(*gone), by_going);
	if (n > model->gone_count - most)
		n = model->gone_count - most;
	if (n)
		folds_find(&f);
	for (size_t i = 0; i < n; i++)
		hand_over(model, gone[i], server_count(gone[i]) ? fold_of(&f, gone[i]) : NULL);
	fold_kinds(&f, kinds);
	folds_free(&f);
	free(gone);
}
