/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * live_snapshot.c: one look at everything that is open, then the books. The rows are gathered
 * first, the ring emptied meanwhile and after the last, then the rows follow: so that a row never
 * speaks of a connection whose opening is still in the ring.
 */
#include <bpf/bpf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "stream/live_state.h"

struct rows {
	char *bytes;
	size_t used, size;
};

static int pass_run(struct live *live, enum pass pass, struct rows *rows)
{
	int fd = bpf_iter_create(bpf_link__fd(live->passes[pass]));
	ssize_t n;

	if (fd < 0)
		return -errno;
	do {
		if (rows->used + 65536 > rows->size) {
			rows->size = rows->size ? rows->size * 2 : 1 << 17;
			rows->bytes = xrealloc(rows->bytes, rows->size);
		}
		n = read(fd, rows->bytes + rows->used, rows->size - rows->used);
		if (n > 0)
			rows->used += (size_t)n;
		live_poll(&live->stream); /* a long look must not let it run full */
	} while (n > 0 || (n < 0 && (errno == EINTR || errno == EAGAIN)));
	n = n < 0 ? -errno : 0;
	close(fd);
	return (int)n;
}

/* A client that has called bind() before connect() looks like a server's end that has accepted from a
 * watched port, and the server that hung up a unix socket may be listening anew: then it must be known who
 * listens. */
static int pass_files(struct live *live, struct rows *rows)
{
	int error;

	live->skel->bss->snapshot_pass++;
	error = pass_run(live, PASS_FILES, rows);
	live_unix_resolve(live);
	if (error || !live->skel->bss->listeners_wanted)
		return error;
	rows->used = 0;
	error = pass_run(live, PASS_LISTENERS, rows);
	if (error)
		return error;
	live->skel->bss->listeners_wanted = 0;
	live->skel->bss->listeners_known = 1;
	live->skel->bss->snapshot_pass++;
	error = pass_run(live, PASS_FILES, rows);
	live->skel->bss->listeners_known = 0;
	return error;
}

/* Rows of servers wait: who is a postmaster shows only when all are known. */
static void push_rows(struct live *live, const struct rows *rows)
{
	const struct server_capture **captures = NULL;
	size_t count = 0, room = 0;

	for (size_t at = 0; at + sizeof(struct event_head) <= rows->used;) {
		const struct event_head *head = (const void *)(rows->bytes + at);

		at += head->size;
		if (head->kind == EVENT_SERVER || head->kind == EVENT_BACKEND) {
			if (count == room) {
				room = room ? room * 2 : 64;
				captures = xrealloc(captures, room * sizeof(*captures));
			}
			captures[count++] = (const void *)head;
			continue;
		}
		if (head->kind == EVENT_HOLDER)
			live_introduce(live, &((const struct event_holder *)head)->process);
		else
			live_introduce_ledger(live, &((const struct event_socket *)head)->ledger);
		live_push(live, head, head->size);
	}
	live_push_servers(live, captures, count);
	free(captures);
}

void live_push_bracket(struct live *live, __u32 begins)
{
	struct event_snapshot event = {
		.head = {EVENT_SNAPSHOT, sizeof(event), live_now()},
		.begins = begins,
		.number = live->snapshots,
	};

	live_push(live, &event, sizeof(event));
}

static __u64 recursion_misses(struct live *live)
{
	struct bpf_program *hooks[] = {live->skel->progs.hook_sock_state,
		live->skel->progs.hook_sock_destroy, live->skel->progs.hook_exec,
		live->skel->progs.hook_exit, live->skel->progs.hook_fork,
		live->skel->progs.hook_exit_unix, live->skel->progs.hook_fork_unix};
	__u64 misses = 0;

	for (size_t i = 0; i < sizeof(hooks) / sizeof(hooks[0]); i++) {
		struct bpf_prog_info info = {0};
		__u32 size = sizeof(info);

		if (!bpf_obj_get_info_by_fd(bpf_program__fd(hooks[i]), &info, &size))
			misses += info.recursion_misses;
	}
	return misses;
}

/* Indices are enum loss of bpf/pgleaktrace.bpf.h, in this order. */
static void push_losses(struct live *live)
{
	struct event_loss event = {.head = {EVENT_LOSS, sizeof(event), live_now()}};

	event.losses.ring_full = live->skel->bss->lost[0];
	event.losses.ledger_full = live->skel->bss->lost[1];
	event.losses.sockets_full = live->skel->bss->lost[2];
	event.losses.scope_full = live->skel->bss->lost[3];
	event.losses.recursion_misses = recursion_misses(live);
	event.losses.unreadable = live->unreadable;
	live_push(live, &event, sizeof(event));
}

static bool is_at_rest(const struct totals *t)
{
	return !t->open && !t->held && t->attempted == t->opened + t->failed;
}

static bool is_gone(struct live *live, const struct process_key *key)
{
	struct {
		__u8 introduced, gone;
	} state;

	return !bpf_map_lookup_elem(bpf_map__fd(live->skel->maps.processes), key, &state) &&
	       state.gone;
}

/* Dead, and nothing of it can change any more: its totals are read again, as it left them. */
static bool ledger_settled(struct live *live, const struct ledger_key *key, struct totals *t)
{
	return is_at_rest(t) && is_gone(live, &key->process) &&
	       !bpf_map_lookup_elem(bpf_map__fd(live->skel->maps.ledgers), key, t) && is_at_rest(t);
}

void live_push_totals(
	struct live *live, const struct ledger_key *key, const struct totals *totals, bool gone)
{
	struct event_totals event = {
		.head = {EVENT_TOTALS, sizeof(event), live_now()},
		.ledger = *key,
		.totals = *totals,
		.gone = gone,
	};

	live_unix_place(live, &key->server);
	live_push(live, &event, sizeof(event));
}

static void count_ledger(struct live *live, const struct process_key *key)
{
	struct known *known;

	HASH_FIND(hh, live->known, key, sizeof(*key), known);
	if (known)
		known->ledgers++;
}

/*
 * Processes that are gone and have no ledger left are forgotten, here and in the kernel: what the
 * model needs of them it has. One snapshot later, not at once: their last events may have come
 * after the ring was emptied, and would find nobody and ask a dead process's /proc.
 */
static void forget_gone(struct live *live)
{
	int fd = bpf_map__fd(live->skel->maps.processes);
	struct known *known, *next;

	HASH_ITER (hh, live->known, known, next) {
		if (!known->gone_since || known->gone_since == live->snapshots || known->ledgers)
			continue;
		bpf_map_delete_elem(fd, &known->key);
		HASH_DEL(live->known, known);
		free(known);
	}
}

static void mark_gone(struct live *live, const struct process_key *key)
{
	struct known *known;

	HASH_FIND(hh, live->known, key, sizeof(*key), known);
	if (known)
		known->gone_since = live->snapshots;
}

#define LEDGERS_AT_ONCE 512

struct ledgers {
	struct ledger_key *keys;
	struct totals *totals;
	size_t count;
};

/* All of them, before any is deleted: that would lose the place. -errno if the map can't be read to its
 * end: half the books are no books. */
static int ledgers_read(int fd, struct ledgers *out)
{
	__u32 place, *from = NULL, n;
	int error = 0;

	for (size_t room = LEDGERS_AT_ONCE; !error; from = &place) {
		if (out->count + LEDGERS_AT_ONCE > room)
			room *= 2;
		out->keys = xrealloc(out->keys, room * sizeof(*out->keys));
		out->totals = xrealloc(out->totals, room * sizeof(*out->totals));
		n = LEDGERS_AT_ONCE;
		error = bpf_map_lookup_batch(fd, from, &place, out->keys + out->count,
			out->totals + out->count, &n, NULL);
		if (!error || error == -ENOENT)
			out->count += n;
	}
	return error == -ENOENT ? 0 : error;
}

static void ledgers_free(struct ledgers *ledgers)
{
	free(ledgers->keys);
	free(ledgers->totals);
}

static void push_ledger(struct live *live, const struct ledger_key *key, struct totals *totals)
{
	bool settled = ledger_settled(live, key, totals);

	live_push_totals(live, key, totals, settled);
	if (!settled) {
		count_ledger(live, &key->process);
		return;
	}
	bpf_map_delete_elem(bpf_map__fd(live->skel->maps.ledgers), key);
	mark_gone(live, &key->process);
}

static int push_ledgers(struct live *live)
{
	struct ledger_key none = {0};
	struct ledgers ledgers = {0};
	struct totals totals;
	struct known *known, *next;
	__u32 zero = 0;
	int error;

	HASH_ITER (hh, live->known, known, next)
		known->ledgers = 0;
	error = ledgers_read(bpf_map__fd(live->skel->maps.ledgers), &ledgers);
	live->ledgers = ledgers.count;
	for (size_t i = 0; i < ledgers.count && !error; i++)
		push_ledger(live, &ledgers.keys[i], &ledgers.totals[i]);
	ledgers_free(&ledgers);
	if (error)
		return error;
	forget_gone(live);
	if (bpf_map_lookup_elem(bpf_map__fd(live->skel->maps.untracked), &zero, &totals))
		return -errno;
	if (totals.attempted || totals.adopted)
		live_push_totals(live, &none, &totals, false);
	return 0;
}

int live_snapshot(struct stream *stream)
{
	struct live *live = (struct live *)stream;
	bool adopt = live->skel->bss->adopting || live->skel->bss->lost[2] > live->sockets_full;
	struct rows rows = {0};
	int error;

	live->skel->bss->snapshot_number = ++live->snapshots;
	live_push_bracket(live, 1);
	if (adopt) {
		live->sockets_full = live->skel->bss->lost[2];
		live->skel->bss->adopting = 1;
	}
	error = pass_files(live, &rows);
	live->skel->bss->adopting = 0;
	if (!error)
		error = pass_run(live, PASS_SOCKETS, &rows);
	for (int i = PASSES_ALWAYS; i < PASSES && !error; i++)
		error = live->passes[i] ? pass_run(live, (enum pass)i, &rows) : 0;
	live_poll(stream);
	/* A look that failed has no end: nothing may be concluded from what it did not see. */
	if (!error) {
		push_rows(live, &rows);
		error = push_ledgers(live);
	}
	brood_forget(&live->brood);
	if (!error) {
		push_losses(live);
		live_push_bracket(live, 0);
	}
	free(rows.bytes);
	return error;
}
