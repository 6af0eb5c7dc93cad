/* SPDX-License-Identifier: BSD-2-Clause */
/* test_servers_text.c: what a report says of a server: how full, who comes from elsewhere, which slots
 * have no client; of many the first, and how many more. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "rig.h"
#include "view/servers.h"

#define HOUR (3600 * SECOND)

static char *trend(struct instance_row *i)
{
	static char out[80];

	servers_trend_text(out, sizeof(out), i);
	return out;
}

static void how_full_it_is(void **state)
{
	struct instance_row i = {.max_connections = 20, .reserved = 3, .used = 16, .per_minute = NAN};

	(void)state;
	assert_string_equal(trend(&i), "");
	i.per_minute = 0.4;
	assert_string_equal(trend(&i), "");
	i.per_minute = -12;
	assert_string_equal(trend(&i), "-12/min");
	i.per_minute = 12;
	i.full_in = 5 * SECOND;
	assert_string_equal(trend(&i), "+12/min, full in ~5.0s");
	i.full_in = 24 * HOUR; /* nobody's worry today */
	assert_string_equal(trend(&i), "+12/min");
	i.used = 17;
	assert_string_equal(trend(&i), "+12/min, full but for superusers");
	i.used = 20;
	assert_string_equal(trend(&i), "+12/min, full");
	i.per_minute = NAN;
	assert_string_equal(trend(&i), "full");
	i.max_connections = -1; /* then nothing is full */
	assert_string_equal(trend(&i), "");
}

static char *printed(struct rig *r, bool ascii)
{
	char *text = NULL;
	size_t size;
	struct view_context c = {.out = open_memstream(&text, &size), .columns = 100, .ascii = ascii};

	servers_print(&c, &r->s);
	fclose(c.out);
	return rig_keep(text, NULL);
}

static struct rig *rig_server(void)
{
	struct rig *r = rig_new();

	r->server.key = (struct server_key){.address = {[10] = 0xff, 0xff, 127, 0, 0, 1}, .port = 5432, .family = 2};
	rig_limit(r, 20, 3, 16);
	r->instance.version = 15;
	r->instance.per_minute = NAN;
	return r;
}

static void where_its_clients_are(void **state)
{
	struct rig *r = rig_server();
	struct remote_row remotes[5] = {{{[10] = 0xff, 0xff, 10, 0, 0, 7}, 8}, {{[10] = 0xff, 0xff, 10, 0, 0, 9}, 4},
		{{[0] = 0xfd, [15] = 1}, 2}, {{[10] = 0xff, 0xff, 10, 0, 0, 1}, 1}, {{[10] = 0xff, 0xff, 10, 0, 0, 2}, 1}};

	(void)state;
	assert_string_equal(printed(r, false), "127.0.0.1:5432 (PostgreSQL 15): 16 of 20 slots (3 reserved)\n");
	r->instance.remotes = remotes;
	r->instance.remote_count = 4;
	assert_non_null(strstr(printed(r, false), "\n    from other hosts: 8 of 16 slots (50%) by 10.0.0.7, "
		"4 (25%) by 10.0.0.9, 2 (12%) by fd00::1, 1 by\n    1 other\n"));
	r->instance.remote_count = 5;
	assert_non_null(strstr(printed(r, false), ", 2 by\n    2 others\n"));
	r->instance.max_connections = -1;
	assert_non_null(strstr(printed(r, false), ": 16 slots used\n"));
}

static void slots_without_a_client(void **state)
{
	struct rig *r = rig_server();
	struct orphan_row orphans[7];

	(void)state;
	for (size_t i = 0; i < 7; i++)
		orphans[i] = (struct orphan_row){.backend_pid = 100 + (__u32)i, .user = "", .database = "", .activity = ""};
	orphans[1].user = "shop";
	orphans[2].activity = "SELECT";
	r->instance.orphans = orphans;
	r->instance.orphan_count = 5;
	assert_non_null(strstr(printed(r, false), "    orphan slot: backend 100 works on though its client is gone\n"
		"    orphan slot: backend 101 (user shop) works on though its client is gone\n"
		"    orphan slot: backend 102 (SELECT) works on though its client is gone\n"));
	assert_non_null(strstr(printed(r, false), "backend 104"));
	assert_null(strstr(printed(r, false), "more orphan"));
	r->instance.orphan_count = 6;
	assert_null(strstr(printed(r, false), "backend 105"));
	assert_non_null(strstr(printed(r, false), "\n    … and 1 more orphan slot\n"));
	r->instance.orphan_count = 7;
	assert_non_null(strstr(printed(r, true), "\n    and 2 more orphan slots\n"));
}

/* On another host: known is only what was said of it, and what this host has there. */
static void a_server_elsewhere(void **state)
{
	struct rig *r = rig_new();

	(void)state;
	r->server.key = (struct server_key){.address = {[10] = 0xff, 0xff, 10, 0, 0, 5}, .port = 5432, .family = 2};
	r->server.counts.open = 3;
	assert_string_equal(printed(r, false), "");
	r->server.max_connections = 15;
	assert_string_equal(printed(r, false), "10.0.0.5:5432: 3 of 15 slots taken from this host\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(how_full_it_is),
		cmocka_unit_test(where_its_clients_are),
		cmocka_unit_test(slots_without_a_client),
		cmocka_unit_test(a_server_elsewhere),
	};

	return cmocka_run_group_tests_name("servers as text", tests, NULL, NULL);
}
