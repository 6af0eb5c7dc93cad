/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * live_look.c: --once. One look through bpf/look.bpf.c, which remembers nothing: what was found open is
 * told as a watch tells what it adopts, and the books are made of the same rows, so that they agree.
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "look.skel.h"
#include "stream/live_state.h"

/* Most that one read() of an iterator fills. */
#define READ_SIZE 65536

struct rows {
	char *bytes;
	size_t used, size;
};

/* Somebody listens there: listener_key(). */
struct listener {
	__u64 key;
	UT_hash_handle hh;
};

/* A client's socket that was told of. */
struct client {
	__u64 cookie;
	UT_hash_handle hh;
};

struct book {
	struct ledger_key key;
	struct totals totals;
	UT_hash_handle hh;
};

struct look {
	struct live *live;
	struct listener *listeners;
	struct client *clients;
	__u64 client; /* whose row was the last that was a client's: a descriptor's rows follow it */
	const struct process_capture *process; /* the last told: what follows is its */
	struct book *books;
	const struct server_capture **captures; /* who is a postmaster shows in the end */
	size_t count, room;
};

static int rows_read(const struct look_bpf *skel, struct rows *rows)
{
	int link = bpf_link_create(skel->progs.look.prog_fd, 0, BPF_TRACE_ITER, NULL);
	int fd = link < 0 ? link : bpf_iter_create(link);
	ssize_t n = fd;

	while (fd >= 0) {
		if (rows->used + READ_SIZE > rows->size) {
			rows->size = rows->size ? rows->size * 2 : 2 * READ_SIZE;
			rows->bytes = xrealloc(rows->bytes, rows->size);
		}
		n = read(fd, rows->bytes + rows->used, rows->size - rows->used);
		if (n > 0)
			rows->used += (size_t)n;
		else if (n == 0 || (errno != EINTR && errno != EAGAIN))
			break;
	}
	n = n < 0 ? -errno : 0;
	if (fd >= 0)
		close(fd);
	if (link >= 0)
		close(link);
	return (int)n;
}

/* The row at *at, which goes on to the next; NULL: there is none. */
static const struct event_head *row_next(const struct rows *rows, size_t *at)
{
	const struct event_head *head = (const void *)(rows->bytes + *at);

	if (*at + sizeof(*head) > rows->used)
		return NULL;
	*at += head->size;
	return head;
}

/* May it as well be a server's end? */
static bool is_unclear(const struct event_head *head)
{
	return head->kind == EVENT_SOCKET &&
	       ((const struct event_socket *)head)->attribution == ATTRIBUTION_UNKNOWN;
}

static __u64 listener_key(__u32 netns, __u16 port)
{
	return (__u64)netns << 16 | port;
}

static void listener_add(struct look *look, const struct server_capture *capture)
{
	__u64 key = listener_key(capture->local.netns, capture->local.port);
	struct listener *listener;

	HASH_FIND(hh, look->listeners, &key, sizeof(key), listener);
	if (listener)
		return;
	listener = xcalloc(1, sizeof(*listener));
	listener->key = key;
	HASH_ADD(hh, look->listeners, key, sizeof(listener->key), listener);
}

/* An accepted socket shares its port with the listener it came from. */
static int listeners_read(struct look *look, struct look_bpf *skel)
{
	struct rows rows = {0};
	const struct event_head *head;
	size_t at = 0;
	int error;

	skel->bss->listeners_wanted = 1;
	error = rows_read(skel, &rows);
	while (!error && (head = row_next(&rows, &at)))
		listener_add(look, (const void *)head);
	free(rows.bytes);
	return error;
}

static bool is_server_end(const struct look *look, const struct event_socket *socket)
{
	__u64 key = listener_key(socket->ledger.server.netns, socket->local_port);
	struct listener *listener;

	if (!is_unclear(&socket->head))
		return false;
	HASH_FIND(hh, look->listeners, &key, sizeof(key), listener);
	return listener != NULL;
}

/* False: it was before. */
static bool client_add(struct look *look, __u64 cookie)
{
	struct client *client;

	HASH_FIND(hh, look->clients, &cookie, sizeof(cookie), client);
	if (client)
		return false;
	client = xcalloc(1, sizeof(*client));
	client->cookie = cookie;
	HASH_ADD(hh, look->clients, cookie, sizeof(client->cookie), client);
	return true;
}

static struct totals *totals_of(struct look *look, const struct ledger_key *key)
{
	struct book *book;

	HASH_FIND(hh, look->books, key, sizeof(*key), book);
	if (!book) {
		book = xcalloc(1, sizeof(*book));
		book->key = *key;
		HASH_ADD(hh, look->books, key, sizeof(book->key), book);
	}
	return &book->totals;
}

static void push_open(struct live *live, const struct event_socket *socket)
{
	struct event_open event = {
		.head = {EVENT_OPEN, sizeof(event), socket->opened_at},
		.cookie = socket->cookie,
		.ledger = socket->ledger,
		.local_port = socket->local_port,
		.attribution = ATTRIBUTION_SNAPSHOT,
	};

	memcpy(event.local, socket->local, sizeof(event.local));
	live_push(live, &event, sizeof(event));
}

static void push_hung_up(struct live *live, const struct event_socket *socket)
{
	struct event_end event = {
		.head = {EVENT_END, sizeof(event), socket->head.time},
		.cookie = socket->cookie,
		.ledger = socket->ledger,
		.opened_at = socket->opened_at,
		.sent = socket->sent,
		.received = socket->received ? socket->received - 1 : 0, /* the FIN counts as one */
		.ending = ENDING_HUNG_UP,
		.manner = MANNER_FIN,
		.held = 1,
	};

	live_push(live, &event, sizeof(event));
}

static void introduce(struct look *look, const struct process_key *key)
{
	bool told = look->process && !memcmp(&look->process->process, key, sizeof(*key));

	live_introduce_with(look->live, key, told ? look->process : NULL);
}

/* Into the books of the first holder that was found. */
static void adopt(struct look *look, const struct event_socket *socket)
{
	struct totals *totals = totals_of(look, &socket->ledger);

	introduce(look, &socket->ledger.process);
	live_unix_place(look->live, &socket->ledger.server);
	if (socket->state == TCP_SYN_SENT) {
		totals->attempted++;
		return;
	}
	push_open(look->live, socket);
	totals->adopted++;
	if (socket->open) {
		totals->peak = ++totals->open;
		return;
	}
	push_hung_up(look->live, socket);
	totals->hung_up++;
	totals->held++;
}

/* The server has closed its end, and only the name is left. */
static bool is_name(const struct server_key *key)
{
	static const __u8 nothing[8];

	return key->family == AF_UNIX && !key->netns &&
	       !memcmp(key->address + 8, nothing, sizeof(nothing));
}

static void push_socket(struct look *look, const struct event_socket *socket)
{
	struct event_socket event = *socket;
	struct proc_stat stat;

	if (is_server_end(look, socket))
		return;
	look->client = socket->cookie;
	if (!client_add(look, socket->cookie))
		return;
	event.open = socket->state == TCP_ESTABLISHED;
	event.opened_at = socket->state == TCP_SYN_SENT ? 0 : socket->head.time;
	if (is_name(&event.ledger.server) && !proc_stat_of(&event.ledger.process, &stat))
		live_unix_find(look->live, &event.ledger.server, event.ledger.process.pid);
	event.attribution = ATTRIBUTION_SNAPSHOT;
	adopt(look, &event);
	live_push(look->live, &event, sizeof(event));
}

static void push_holder(struct look *look, const struct event_holder *holder)
{
	if (holder->cookie != look->client)
		return;
	introduce(look, &holder->process);
	live_push(look->live, holder, sizeof(*holder));
}

static void keep_server(struct look *look, const struct server_capture *capture)
{
	if (capture->cookie == look->client)
		return; /* of a client whose own port has the number of a server's */
	if (look->count == look->room) {
		look->room = look->room ? look->room * 2 : 64;
		look->captures = xrealloc(look->captures, look->room * sizeof(*look->captures));
	}
	look->captures[look->count++] = capture;
}

static void push_rows(struct look *look, const struct rows *rows)
{
	const struct event_head *head;
	size_t at = 0;

	while ((head = row_next(rows, &at))) {
		if (head->kind == EVENT_SOCKET)
			push_socket(look, (const void *)head);
		else if (head->kind == EVENT_HOLDER)
			push_holder(look, (const void *)head);
		else if (head->kind == EVENT_PROCESS)
			look->process = (const void *)head;
		else
			keep_server(look, (const void *)head);
	}
	live_push_servers(look->live, look->captures, look->count);
	for (const struct book *book = look->books; book; book = book->hh.next)
		live_push_totals(look->live, &book->key, &book->totals, false);
}

static void push_losses(struct live *live)
{
	struct event_loss event = {.head = {EVENT_LOSS, sizeof(event), live_now()},
		.losses.unreadable = live->unreadable};

	live_push(live, &event, sizeof(event));
}

static int look_take(struct look *look, struct look_bpf *skel)
{
	struct rows rows = {0};
	const struct event_head *head;
	size_t at = 0;
	int error;

	look->live->snapshots++;
	live_push_bracket(look->live, 1);
	error = rows_read(skel, &rows);
	while (!error && (head = row_next(&rows, &at)))
		if (is_unclear(head)) {
			error = listeners_read(look, skel);
			break;
		}
	if (!error) {
		push_rows(look, &rows);
		push_losses(look->live);
		live_push_bracket(look->live, 0);
	}
	brood_forget(&look->live->brood);
	free(rows.bytes);
	return error;
}

static void look_free(struct look *look)
{
	struct listener *listener, *next_listener;
	struct client *client, *next_client;
	struct book *book, *next_book;

	HASH_ITER (hh, look->listeners, listener, next_listener) {
		HASH_DEL(look->listeners, listener);
		free(listener);
	}
	HASH_ITER (hh, look->clients, client, next_client) {
		HASH_DEL(look->clients, client);
		free(client);
	}
	HASH_ITER (hh, look->books, book, next_book) {
		HASH_DEL(look->books, book);
		free(book);
	}
	free(look->captures);
}

static void configure(struct look_bpf *skel, const struct live_config *config)
{
	memcpy(skel->rodata->watched_ports, config->ports,
		config->port_count * sizeof(config->ports[0]));
	skel->rodata->watched_count = config->port_count;
	skel->rodata->tick_ns = live_tick();
	skel->rodata->unix_watching = !config->unix_off;
}

int live_look(struct live *live)
{
	struct look look = {.live = live};
	struct look_bpf *skel = look_bpf__open();
	int error;

	if (!skel)
		return -errno;
	configure(skel, &live->config);
	error = look_bpf__load(skel);
	if (!error) {
		live->places = skel->maps.unix_places.map_fd;
		live->names = skel->maps.unix_names.map_fd;
		error = look_take(&look, skel);
	}
	look_free(&look);
	look_bpf__destroy(skel);
	return error;
}
