/* SPDX-License-Identifier: BSD-2-Clause */
/* test_wire.c: the protocol's parser, whole and in pieces, right and wrong. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "../../bpf/wire_parse.h"

struct text {
	__u8 bytes[2048];
	__u32 length;
};

static void add(struct text *t, const void *bytes, __u32 length)
{
	assert_true(t->length + length <= sizeof(t->bytes));
	memcpy(t->bytes + t->length, bytes, length);
	t->length += length;
}

static void add_number(struct text *t, __u32 n)
{
	__u8 bytes[] = {(__u8)(n >> 24), (__u8)(n >> 16), (__u8)(n >> 8), (__u8)n};

	add(t, bytes, 4);
}

static void add_packet(struct text *t, __u32 code, const void *body, __u32 length)
{
	add_number(t, length + 8);
	add_number(t, code);
	add(t, body, length);
}

static void add_message(struct text *t, char type, const void *body, __u32 length)
{
	add(t, &type, 1);
	add_number(t, length + 4);
	add(t, body, length);
}

static void add_record(struct text *t, __u8 type, __u32 length)
{
	static const __u8 nothing[1024];
	__u8 head[] = {type, 3, 3, (__u8)(length >> 8), (__u8)length};

	add(t, head, sizeof(head));
	add(t, nothing, length);
}

#define STARTUP(t, parameters) add_packet(t, 3 << 16, parameters, sizeof(parameters))

static const char error_fields[] = "SFATAL\0VFATAL\0C53300\0Msorry, too many clients already\0"
				   "Fproc.c\0L352\0RInitProcess\0";

static void add_error(struct text *t)
{
	add_message(t, 'E', error_fields, sizeof(error_fields));
}

static void add_greeting(struct text *t)
{
	add_message(t, 'R', "\0\0\0", 4);
	add_message(t, 'S', "server_version\00015.1", 20);
	add_message(t, 'K', "\0\0\x10\x92keys", 8);
	add_message(t, 'Z', "I", 1);
}

/* Both sides in turn, each in pieces of `piece` bytes. */
static void feed(struct wire *w, int is_client, const struct text *t, __u32 piece)
{
	for (__u32 at = 0; at < t->length; at += piece)
		wire_feed(w, is_client, t->bytes + at,
			t->length - at < piece ? t->length - at : piece);
}

static void for_each_piece(void (*check)(__u32 piece))
{
	for (__u32 piece = 1; piece < 40; piece++)
		check(piece);
	check(2048);
}

static void check_session(__u32 piece)
{
	struct text client = {0}, server = {0};
	struct wire w = {0};

	STARTUP(&client,
		"user\0alice\0database\0shop\0application_name\0seed.js\0options\0-c x=1\0");
	add_message(&client, 'p', "secret", 7);
	add_greeting(&server);
	feed(&w, 1, &client, piece);
	assert_int_equal(w.client.news, WIRE_STARTUP);
	assert_int_equal(w.client.state, WIRE_HEAD);
	feed(&w, 0, &server, piece);
	assert_int_equal(w.server.news, WIRE_ADMITTED);
	assert_string_equal(w.event.user, "alice");
	assert_string_equal(w.event.database, "shop");
	assert_string_equal(w.event.application, "seed.js");
	assert_int_equal(w.event.backend_pid, 0x1092);
	assert_int_equal(w.event.encryption, ENCRYPTION_NONE);
	assert_int_equal(w.event.purpose, PURPOSE_SESSION);
	assert_int_equal(w.event.started, 1);
}

static void session_in_any_pieces(void **state)
{
	(void)state;
	for_each_piece(check_session);
}

static void check_refusal(__u32 piece)
{
	struct text client = {0}, server = {0};
	struct wire w = {0};

	STARTUP(&client, "user\0bob\0");
	add_message(&server, 'R', "\0\0\0", 4);
	add_error(&server);
	feed(&w, 1, &client, piece);
	feed(&w, 0, &server, piece);
	assert_int_equal(w.server.news, WIRE_REFUSED | WIRE_DETAIL);
	assert_string_equal(w.event.sqlstate, "53300");
	assert_string_equal(w.event.message, "sorry, too many clients already");
	assert_string_equal(w.event.database, "bob"); /* as the server does */
	assert_int_equal(w.event.started, 0);
}

static void refusal_in_any_pieces(void **state)
{
	(void)state;
	for_each_piece(check_refusal);
}

static void check_no_tls(__u32 piece)
{
	struct text ask = {0}, client = {0}, server = {0};
	struct wire w = {0};

	add_packet(&ask, WIRE_SSL, "", 0);
	feed(&w, 1, &ask, piece);
	assert_int_equal(w.asked, 'S');
	feed(&w, 0, &(struct text){.bytes = "N", .length = 1}, piece);
	STARTUP(&client, "user\0alice\0replication\0on\0");
	feed(&w, 1, &client, piece);
	add_greeting(&server);
	feed(&w, 0, &server, piece);
	assert_int_equal(w.event.encryption, ENCRYPTION_NONE);
	assert_int_equal(w.event.purpose, PURPOSE_REPLICATION);
	assert_string_equal(w.event.database, "");
	assert_int_equal(w.event.started, 1);
}

static void tls_asked_and_denied(void **state)
{
	(void)state;
	for_each_piece(check_no_tls);
}

/* What a refusal under TLS 1.3 looks like: tickets, then a short record. */
static void check_tls(__u32 piece)
{
	struct text ask = {0}, hello = {0}, hello_back = {0}, client = {0}, server = {0};
	struct wire w = {0};

	add_packet(&ask, WIRE_SSL, "", 0);
	feed(&w, 1, &ask, piece);
	feed(&w, 0, &(struct text){.bytes = "S", .length = 1}, piece);
	assert_int_equal(w.event.encryption, ENCRYPTION_TLS);
	assert_int_equal(w.server.news, WIRE_ENCRYPTS);
	w.server.news = 0; /* as the driver does once it has told */
	add_record(&hello, TLS_HANDSHAKE, 300);
	feed(&w, 1, &hello, piece);
	assert_int_equal(w.client.news, 0); /* told already */
	add_record(&hello_back, TLS_HANDSHAKE, 122);
	add_record(&hello_back, TLS_DATA, 800);
	feed(&w, 0, &hello_back, piece);
	assert_int_equal(w.reply, 0);
	add_record(&client, TLS_DATA, 69);
	add_record(&client, TLS_DATA, 90);
	feed(&w, 1, &client, piece);
	add_record(&server, TLS_DATA, 74);
	add_record(&server, TLS_DATA, 103);
	add_record(&server, TLS_DATA, 19);
	feed(&w, 0, &server, piece);
	assert_int_equal(w.reply, 103);
	assert_int_equal(w.server.news, 0);
	server.length = 0;
	add_record(&server, TLS_DATA, 420);
	feed(&w, 0, &server, piece);
	assert_int_equal(w.server.news, WIRE_ADMITTED);
	assert_int_equal(w.event.started, 0); /* seen, not read */
	assert_string_equal(w.event.user, "");
}

static void tls_by_its_records(void **state)
{
	(void)state;
	for_each_piece(check_tls);
}

static void tls_without_asking(void **state)
{
	struct text hello = {0};
	struct wire w = {0};

	(void)state;
	add_record(&hello, TLS_HANDSHAKE, 300);
	feed(&w, 1, &hello, 2048);
	feed(&w, 0, &hello, 2048);
	assert_int_equal(w.event.encryption, ENCRYPTION_TLS);
	assert_int_equal(w.client.news, WIRE_ENCRYPTS);
	assert_int_equal(w.server.news, 0);
}

/* A startup packet sent before the answer to SSLRequest: the server refuses it. */
static void pipelined(void **state)
{
	struct text client = {0}, server = {0};
	struct wire w = {0};

	(void)state;
	add_packet(&client, WIRE_SSL, "", 0);
	STARTUP(&client, "user\0alice\0");
	add_message(&client, 'X', "", 0);
	feed(&w, 1, &client, 2048);
	assert_int_equal(w.client.news, WIRE_STARTUP | WIRE_TERMINATES);
	add(&server, "N", 1);
	add_error(&server);
	feed(&w, 0, &server, 2048);
	assert_string_equal(w.event.sqlstate, "53300");
}

static void cancel(void **state)
{
	struct text client = {0};
	struct wire w = {0};

	(void)state;
	add_packet(&client, WIRE_CANCEL, "\0\0\x10\x92keys", 8);
	feed(&w, 1, &client, 3);
	assert_int_equal(w.client.news, WIRE_CANCELS);
	assert_int_equal(w.event.purpose, PURPOSE_CANCEL);
	assert_int_equal(w.event.backend_pid, 0); /* the pid in it is another connection's */
}

static void long_names_are_cut(void **state)
{
	char body[] = "user\0uuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuu"
		      "uuuuuu\0"
		      "application_name_\0no\0user_\0no\0database\0d\0user\0bob\0";
	struct text client = {0};
	struct wire w = {0};

	(void)state;
	add_packet(&client, 3 << 16, body, 82);
	feed(&w, 1, &client, 2048);
	assert_int_equal(strlen(w.event.user), EVENT_NAME - 1);
	memset(&w, 0, sizeof(w));
	client.length = 0;
	add_packet(&client, 3 << 16, body, sizeof(body));
	feed(&w, 1, &client, 5);
	assert_int_equal(w.client.news, WIRE_STARTUP);
	assert_string_equal(w.event.user, "bob"); /* the last one counts, whole */
	assert_string_equal(w.event.database, "d");
	assert_string_equal(w.event.application, "");
}

static void expect_lost(int is_client, const void *bytes, __u32 length)
{
	struct wire w = {0};

	wire_feed(&w, is_client, bytes, length);
	assert_int_equal((is_client ? &w.client : &w.server)->state, WIRE_OVER);
	assert_true((is_client ? &w.client : &w.server)->news & WIRE_LOST);
	assert_false(w.event.started);
	assert_string_equal(w.event.user, "");
}

static void what_is_not_the_protocol_is_unknown(void **state)
{
	(void)state;
	expect_lost(1, "GET / HTTP/1.1\r\n", 16);
	expect_lost(1, "\0\0\0\x08\0\3\0\0", 8);         /* a startup packet of nothing */
	expect_lost(1, "\0\0\0\0\0\3\0\0", 8);           /* shorter than its own head */
	expect_lost(1, "\0\0\x27\x11\0\3\0\0", 8);       /* longer than any server takes */
	expect_lost(1, "\0\0\0\x09\0\3\0\0x", 9);        /* a name that does not end */
	expect_lost(1, "\0\0\0\x10\0\2\0\0", 8);         /* protocol 2 */
	expect_lost(1, "\0\0\0\x0a\x04\xd2\x16\x2e", 8); /* CancelRequest too short */
	expect_lost(0, "HTTP/1.1 200 OK", 15);
	expect_lost(0, "Z\0\0\0\3", 5);
	expect_lost(0, "S\xff\xff\xff\xff", 5);
	expect_lost(0, "Q\0\0\0\4", 5);
}

static void an_error_without_end_is_a_refusal_without_detail(void **state)
{
	struct wire w = {0};

	(void)state;
	wire_feed(&w, 0, (const __u8 *)"Ecould not fork new process", 27);
	assert_int_equal(w.server.news, WIRE_REFUSED | WIRE_LOST);
	assert_string_equal(w.event.message, "");
}

static void gss_can_not_be_read(void **state)
{
	struct text client = {0};
	struct wire w = {0};

	(void)state;
	add_packet(&client, WIRE_GSS, "", 0);
	feed(&w, 1, &client, 2048);
	feed(&w, 0, &(struct text){.bytes = "G", .length = 1}, 1);
	assert_int_equal(w.event.encryption, ENCRYPTION_GSS);
	assert_int_equal(w.server.news, WIRE_ENCRYPTS | WIRE_LOST);
	assert_int_equal(w.client.state, WIRE_OVER);
	assert_int_equal(w.server.state, WIRE_OVER);
}

/* Of messages that are not wanted nothing may be looked at beyond type and length. */
static void passwords_are_passed_over(void **state)
{
	struct text client = {0}, secret = {0};
	struct wire w = {0};

	(void)state;
	STARTUP(&client, "user\0alice\0");
	feed(&w, 1, &client, 2048);
	add_message(&secret, 'p', "secret", 7);
	for (__u32 i = 0; i < 5; i++) {
		assert_int_equal(wire_wants(&w.client, 1), 5 - i);
		wire_client(&w, secret.bytes[i]);
	}
	assert_int_equal(wire_wants(&w.client, 1), 0);
	assert_int_equal(w.client.left, 7);
	wire_feed(&w, 0, (const __u8 *)"R\0\0\0\x08", 5);
	assert_int_equal(wire_wants(&w.server, 0), 0);
	assert_int_equal(w.server.left, 4);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(session_in_any_pieces),
		cmocka_unit_test(refusal_in_any_pieces),
		cmocka_unit_test(tls_asked_and_denied),
		cmocka_unit_test(tls_by_its_records),
		cmocka_unit_test(tls_without_asking),
		cmocka_unit_test(pipelined),
		cmocka_unit_test(cancel),
		cmocka_unit_test(long_names_are_cut),
		cmocka_unit_test(what_is_not_the_protocol_is_unknown),
		cmocka_unit_test(an_error_without_end_is_a_refusal_without_detail),
		cmocka_unit_test(gss_can_not_be_read),
		cmocka_unit_test(passwords_are_passed_over),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
