/* SPDX-License-Identifier: BSD-2-Clause */
/* test_servers.c: slots of a server on this host: who takes them, where from, how fast, and what is
 * an orphan; and what of it is only believed when it is certain. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

#include <pgleaktrace/model.h>

#define SECOND      1000000000ull
#define ESTABLISHED 1
#define CLOSE_WAIT  8

static const struct query everything = {.older = 60 * SECOND};
static const struct process_key postmaster = {.pid = 50, .start = SECOND};

static void address_put(__u8 *to, unsigned last)
{
	memset(to, 0, 16);
	to[10] = to[11] = 0xff;
	to[12] = 10;
	to[15] = (__u8)last;
}

static struct server_key server_key(void)
{
	struct server_key key = {.port = 5432, .family = 2, .netns = 1};

	address_put(key.address, 1); /* 10.0.0.1 */
	return key;
}

static void bracket(struct model *m, __u64 time, bool begins)
{
	union event event = {.snapshot = {.head = {EVENT_SNAPSHOT, 0, time}, .begins = begins}};

	model_apply(m, &event);
}

static void server(struct model *m, __u64 time, int most, int reserved, __u32 version)
{
	union event event = {.server = {.head = {EVENT_SERVER, 0, time},
				     .key = server_key(),
				     .process = postmaster,
				     .kind = SERVER_POSTGRESQL,
				     .version = version,
				     .max_connections = most,
				     .reserved = reserved,
				     .program = "postgres"}};

	model_apply(m, &event);
}

/* A backend whose client is at 10.0.0.`host`. */
static union event backend(__u64 time, __u32 pid, unsigned host, __u16 port)
{
	union event event = {.backend = {.head = {EVENT_BACKEND, 0, time},
				     .process = {.pid = pid, .start = 2 * SECOND},
				     .postmaster = postmaster,
				     .local = server_key(),
				     .client_port = port,
				     .state = ESTABLISHED,
				     .pid_in_ns = pid + 1000,
				     .user = "app",
				     .activity = "idle"}};

	address_put(event.backend.client, host);
	return event;
}

static void tell(struct model *m, union event event)
{
	model_apply(m, &event);
}

/* One look that finds so many backends, all of another host. */
static void look(struct model *m, __u64 time, unsigned backends, int most)
{
	bracket(m, time, true);
	server(m, time, most, 3, 15);
	for (unsigned i = 0; i < backends; i++)
		tell(m, backend(time, 100 + i, 7, (__u16)(40000 + i)));
	bracket(m, time, false);
}

static void remote_clients_by_address(void **state)
{
	struct model *m = model_new();
	struct snapshot *s;

	(void)state;
	bracket(m, 3 * SECOND, true);
	server(m, 3 * SECOND, 100, 3, 15);
	for (__u16 i = 0; i < 5; i++)
		tell(m, backend(3 * SECOND, 100u + i, i < 2 ? 8 : 9, (__u16)(40000 + i)));
	tell(m, backend(3 * SECOND, 200, 1,
			41000)); /* from the server's own host, not seen by us */
	bracket(m, 3 * SECOND, false);
	s = model_snapshot(m, &everything);
	assert_int_equal(s->instance_count, 1);
	assert_int_equal(s->instances[0].used, 6);
	assert_int_equal(s->instances[0].remote_count, 2);
	assert_int_equal(s->instances[0].remotes[0].slots, 3); /* most first */
	assert_int_equal(s->instances[0].remotes[0].address[15], 9);
	assert_int_equal(s->instances[0].remotes[1].slots, 2);
	assert_int_equal(s->server_count, 1); /* it has no client here, and a row */
	assert_int_equal(s->servers[0].max_connections, 100);
	snapshot_free(s);
	model_free(m);
}

static void walsenders_take_no_slot_from_version_12_on(void **state)
{
	for (__u32 version = 11; version <= 12; version++) {
		struct model *m = model_new();
		union event event = backend(3 * SECOND, 100, 8, 40000);
		struct snapshot *s;

		(void)state;
		bracket(m, 3 * SECOND, true);
		server(m, 3 * SECOND, 100, 3, version);
		event.backend.walsender = 1;
		tell(m, event);
		bracket(m, 3 * SECOND, false);
		s = model_snapshot(m, &everything);
		assert_int_equal(s->instances[0].used, version < 12);
		snapshot_free(s);
		model_free(m);
	}
}

static void how_fast_it_fills(void **state)
{
	struct model *m = model_new();
	struct snapshot *s;

	(void)state;
	for (unsigned i = 0; i < 3; i++)
		look(m, (10 + i) * SECOND, 10 + i, 40);
	s = model_snapshot(m, &everything);
	assert_true(isnan(s->instances[0].per_minute)); /* too short to tell */
	assert_int_equal(s->instances[0].full_in, 0);
	snapshot_free(s);
	for (unsigned i = 3; i < 11; i++)
		look(m, (10 + i) * SECOND, 10 + i, 40);
	s = model_snapshot(m, &everything);
	assert_int_equal(s->instances[0].history_count, 11);
	assert_int_equal((int)(s->instances[0].per_minute + 0.5), 60);
	assert_int_equal(s->instances[0].full_in / SECOND, 17); /* 40 - 3 - 20, one a second */
	snapshot_free(s);
	for (unsigned i = 0; i < 61; i++)
		look(m, (30 + i) * SECOND, 20, 40);
	s = model_snapshot(m, &everything);
	assert_int_equal((int)s->instances[0].per_minute, 0);
	assert_int_equal(s->instances[0].full_in, 0);
	snapshot_free(s);
	model_free(m);
}

static __u64 full_in_after(unsigned looks, unsigned (*backends)(unsigned))
{
	struct model *m = model_new();
	struct snapshot *s;
	__u64 full_in;

	for (unsigned i = 0; i < looks; i++)
		look(m, (10 + i) * SECOND, backends(i), 40);
	s = model_snapshot(m, &everything);
	assert_true(s->instances[0].per_minute > 0);
	full_in = s->instances[0].full_in;
	snapshot_free(s);
	model_free(m);
	return full_in;
}

static unsigned nine_and_no_more(unsigned look)
{
	return look < 5 ? 17 : 26;
}

static unsigned five_every_while(unsigned look)
{
	return 10 + look / 20 * 5;
}

static unsigned one_in_a_while(unsigned look)
{
	return 10 + (look > 15);
}

static void what_grows_no_more_is_not_filling(void **state)
{
	(void)state;
	assert_int_equal(full_in_after(20, nine_and_no_more), 0);
	assert_int_not_equal(full_in_after(9, nine_and_no_more), 0);
	assert_int_not_equal(full_in_after(58, five_every_while), 0); /* in bursts */
	assert_int_not_equal(full_in_after(60, one_in_a_while), 0);   /* 44 s since */
}

static void an_unknown_limit_is_no_limit(void **state)
{
	struct model *m = model_new();
	struct query query = everything;
	struct snapshot *s;

	(void)state;
	for (unsigned i = 0; i < 9; i++)
		look(m, (10 + i) * SECOND, 10 + i, -1);
	s = model_snapshot(m, &everything);
	assert_int_equal(s->servers[0].max_connections, -1);
	assert_int_equal(s->instances[0].full_in, 0);
	snapshot_free(s);
	query.max_connections = 50;
	s = model_snapshot(m, &query);
	assert_int_equal(s->servers[0].max_connections, 50);
	snapshot_free(s);
	model_free(m);
}

static struct ledger_key client(void)
{
	return (struct ledger_key){.process = {.pid = 70, .start = SECOND}, .server = server_key()};
}

static void open_client(struct model *m, __u64 time)
{
	union event event = {.open = {.head = {EVENT_OPEN, 0, time},
				     .cookie = 1,
				     .ledger = client(),
				     .local_port = 40000,
				     .attribution = ATTRIBUTION_CONNECT}};
	union event totals = {
		.totals = {.head = {EVENT_TOTALS, 0, time},
			.ledger = client(),
			.totals = {.attempted = 1, .opened = 1, .open = 1, .peak = 1}}};

	address_put(event.open.local, 1);
	model_apply(m, &event);
	model_apply(m, &totals);
}

static void look_at_client(struct model *m, __u64 time, __u8 state)
{
	union event event = backend(time, 100, 1, 40000);

	bracket(m, time, true);
	server(m, time, 100, 3, 15);
	event.backend.state = state;
	tell(m, event);
	bracket(m, time, false);
}

static void an_orphan_keeps_its_dead_client_s_name(void **state)
{
	struct model *m = model_new();
	union event end = {.end = {.head = {EVENT_END, 0, 6 * SECOND},
				   .cookie = 1,
				   .ledger = client(),
				   .ending = ENDING_ABANDONED,
				   .manner = MANNER_EXIT,
				   .exit_code = 9}};
	union event process = {.process = {.head = {EVENT_PROCESS, 0, SECOND},
				       .process = client().process,
				       .argv = "psql",
				       .argv_length = 5,
				       .comm = "psql"}};
	const struct orphan_row *o;
	struct snapshot *s;

	(void)state;
	model_apply(m, &process);
	open_client(m, 2 * SECOND);
	look_at_client(m, 5 * SECOND, ESTABLISHED);
	s = model_snapshot(m, &everything);
	assert_int_equal(s->instances[0].orphan_count, 0);
	assert_int_equal(s->groups[0].processes[0].connections[0].backend_pid, 100);
	assert_int_equal(s->groups[0].processes[0].connections[0].backend_pid_in_ns, 1100);
	assert_string_equal(s->groups[0].processes[0].connections[0].activity, "idle");
	snapshot_free(s);
	model_apply(m, &end);
	look_at_client(m, 6 * SECOND + SECOND / 2, CLOSE_WAIT);
	s = model_snapshot(m, &everything);
	assert_int_equal(s->instances[0].orphan_count, 0); /* it may just be ending */
	snapshot_free(s);
	look_at_client(m, 8 * SECOND, CLOSE_WAIT);
	s = model_snapshot(m, &everything);
	assert_int_equal(s->instances[0].orphan_count, 1);
	o = &s->instances[0].orphans[0];
	assert_int_equal(o->backend_pid, 100);
	assert_int_equal(o->backend_pid_in_ns, 1100);
	assert_int_equal(o->client.pid, 70);
	assert_string_equal(o->script, "psql");
	assert_int_equal(o->exit_code, 9);
	snapshot_free(s);
	bracket(m, 9 * SECOND, true);
	server(m, 9 * SECOND, 100, 3, 15);
	bracket(m, 9 * SECOND, false);
	s = model_snapshot(m, &everything);
	assert_int_equal(s->instances[0].orphan_count, 0);
	snapshot_free(s);
	model_free(m);
}

/* What a look finds of our client at 100 s: its last bytes, and its backend's title if there is one. */
static struct connection_row used(__u64 sent, __u64 received, const char *activity)
{
	struct model *m = model_new();
	union event socket = {.socket = {.head = {EVENT_SOCKET, 0, 100 * SECOND},
				      .cookie = 1,
				      .ledger = client(),
				      .opened_at = 2 * SECOND,
				      .last_sent = sent,
				      .last_received = received,
				      .local_port = 40000,
				      .open = 1,
				      .attribution = ATTRIBUTION_CONNECT}};
	union event behind = backend(100 * SECOND, 100, 1, 40000);
	struct connection_row row;
	struct snapshot *s;

	address_put(socket.socket.local, 1);
	behind.backend.activity = activity;
	open_client(m, 2 * SECOND);
	bracket(m, 100 * SECOND, true);
	server(m, 100 * SECOND, 100, 3, 15);
	tell(m, socket);
	if (activity)
		tell(m, behind);
	bracket(m, 100 * SECOND, false);
	s = model_snapshot(m, &everything);
	row = s->groups[0].processes[0].connections[0];
	assert_int_equal(row.quiet, 100 * SECOND - (sent > received ? sent : received));
	assert_int_equal(row.idle, row.busy ? 0 : row.quiet);
	assert_int_equal(s->counts.idle, row.busy ? 0 : 1);
	assert_int_equal(s->series_count, 1);
	assert_int_equal(s->series[0].counts.idle, s->counts.idle);
	snapshot_free(s);
	model_free(m);
	return row;
}

/* Found open at 100 s, its server elsewhere: it is as old and as idle as its last bytes at least. */
static void what_was_open_before_us_is_as_idle_as_the_kernel_knows(void **state)
{
	struct model *m = model_new();
	union event open = {.open = {.head = {EVENT_OPEN, 0, 100 * SECOND},
				    .cookie = 1,
				    .ledger = client(),
				    .local_port = 40000,
				    .attribution = ATTRIBUTION_SNAPSHOT}};
	union event socket = {.socket = {.head = {EVENT_SOCKET, 0, 100 * SECOND},
				      .cookie = 1,
				      .ledger = client(),
				      .opened_at = 100 * SECOND,
				      .last_sent = 30 * SECOND,
				      .last_received = 31 * SECOND,
				      .open = 1,
				      .attribution = ATTRIBUTION_SNAPSHOT}};
	union event totals = {.totals = {.head = {EVENT_TOTALS, 0, 100 * SECOND},
				      .ledger = client(),
				      .totals = {.adopted = 1, .open = 1, .peak = 1}}};
	const struct connection_row *row;
	struct snapshot *s;

	(void)state;
	bracket(m, 100 * SECOND, true);
	tell(m, open);
	tell(m, totals);
	tell(m, socket);
	bracket(m, 100 * SECOND, false);
	s = model_snapshot(m, &everything);
	row = &s->groups[0].processes[0].connections[0];
	assert_int_equal(row->idle, 69 * SECOND);
	assert_int_equal(row->age, 70 * SECOND);
	assert_true(row->at_least && s->counts.oldest_at_least);
	assert_int_equal(s->counts.idle, 1);
	snapshot_free(s);
	bracket(m, 101 * SECOND, true);
	socket.socket.last_sent = socket.socket.last_received = 101 * SECOND; /* used again */
	tell(m, socket);
	bracket(m, 101 * SECOND, false);
	s = model_snapshot(m, &everything);
	row = &s->groups[0].processes[0].connections[0];
	assert_int_equal(row->idle, 0);
	assert_int_equal(row->age, 71 * SECOND); /* and no younger */
	snapshot_free(s);
	model_free(m);
}

static void whose_query_runs_is_not_idle(void **state)
{
	const __u64 before = 3 * SECOND, after = 4 * SECOND;

	(void)state;
	assert_true(used(after, after, "SELECT").busy);
	assert_true(used(before, after, "UPDATE waiting").busy);
	assert_false(used(after, before, "idle").busy);
	assert_false(used(after, before, "idle in transaction").busy);
	/* Its server is elsewhere, or does not tell. */
	assert_true(used(after, before, NULL).busy);
	assert_true(used(after, before, "").busy);
	assert_false(used(before, after, NULL).busy);
	assert_false(used(after, after, NULL).busy);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(remote_clients_by_address),
		cmocka_unit_test(walsenders_take_no_slot_from_version_12_on),
		cmocka_unit_test(how_fast_it_fills),
		cmocka_unit_test(what_grows_no_more_is_not_filling),
		cmocka_unit_test(an_unknown_limit_is_no_limit),
		cmocka_unit_test(an_orphan_keeps_its_dead_client_s_name),
		cmocka_unit_test(what_was_open_before_us_is_as_idle_as_the_kernel_knows),
		cmocka_unit_test(whose_query_runs_is_not_idle),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
