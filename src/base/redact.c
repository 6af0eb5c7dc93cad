/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * redact.c: three passes over each argument, each with its table or its one rule:
 *   URLs           scheme://user:SECRET@host
 *   assignments    password=SECRET, PGPASSWORD=SECRET, ?sslpassword=SECRET, "password":"SECRET"
 *   options        --password SECRET, --password=SECRET, and -pSECRET for programs known to mean it
 */
#include <ctype.h>
#include <stdbool.h>
#include <string.h>
#include <strings.h>
#include <stdlib.h>

#include "base/mem.h"
#include "base/redact.h"

/* An assignment's key is secret when it ends with one of these, in any case. */
static const char *const secret_keys[] = {"password", "passwd", "pwd", "passphrase", "secret",
	"token", "api_key", "apikey", "api-key", "access_key", "private_key", "pgpassword"};

/* Programs whose -pX is a password; elsewhere -p is a port, a pid or a path. */
static const char *const short_p_programs[] = {
	"mysql", "mysqldump", "mysqladmin", "mariadb", "mariadb-dump", "sshpass", "mongosh"};

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
static const char stars[] = "***";

struct buffer {
	char *bytes;
	size_t used, size;
};

static void put(struct buffer *b, const char *bytes, size_t n)
{
	if (b->used + n > b->size) {
		b->size = (b->used + n) * 2;
		b->bytes = xrealloc(b->bytes, b->size);
	}
	memcpy(b->bytes + b->used, bytes, n);
	b->used += n;
}

static bool key_is_secret(const char *key, size_t n)
{
	for (size_t i = 0; i < COUNT(secret_keys); i++) {
		size_t k = strlen(secret_keys[i]);

		if (n >= k && !strncasecmp(key + n - k, secret_keys[i], k))
			return true;
	}
	return false;
}

static bool key_char(char c)
{
	return isalnum((unsigned char)c) || c == '_' || c == '-' || c == '.';
}

/* In "scheme://user:SECRET@host" at "://", where the secret begins and ends; false: none. The last
 * '@' before the path counts: passwords may hold one. */
static bool url_secret(const char *s, size_t n, size_t at, size_t *from, size_t *to)
{
	size_t i = at + 3, colon = 0, last = 0;

	for (; i < n && !strchr("/?# \t\"'<>", s[i]); i++) {
		if (s[i] == ':' && !colon)
			colon = i + 1;
		if (s[i] == '@')
			last = i;
	}
	if (!colon || last < colon)
		return false;
	*from = colon;
	*to = last;
	return true;
}

/* Behind a secret key at `at` ("=", ":" with quotes, spaces): the value's range. */
static bool value_range(const char *s, size_t n, size_t at, size_t *from, size_t *to)
{
	bool json = at < n && (s[at] == '"' || s[at] == '\'');
	size_t i = at + (json ? 1 : 0);
	char quote = 0;

	while (i < n && s[i] == ' ')
		i++;
	if (i >= n || (s[i] != '=' && !(json && s[i] == ':')))
		return false;
	for (i++; i < n && s[i] == ' ';)
		i++;
	if (i < n && (s[i] == '"' || s[i] == '\''))
		quote = s[i++];
	*from = i;
	for (; i < n; i++) {
		if (quote && s[i] == '\\' && i + 1 < n)
			i++;
		else if (quote ? s[i] == quote : strchr(" \t&;,\"'", s[i]) != NULL)
			break;
	}
	*to = i;
	return *to > *from;
}

static void redact_word(struct buffer *out, const char *s, size_t n)
{
	size_t word = 0, from, to;

	for (size_t i = 0; i < n;) {
		bool hit = false;

		if (n - i > 3 && !memcmp(s + i, "://", 3) && url_secret(s, n, i, &from, &to))
			hit = true;
		else if (!key_char(s[i]) && i > word && key_is_secret(s + word, i - word))
			hit = value_range(s, n, i, &from, &to);
		if (hit) {
			put(out, s + i, from - i);
			put(out, stars, 3);
			i = word = to;
			continue;
		}
		if (!key_char(s[i]))
			word = i + 1;
		put(out, s + i, 1);
		i++;
	}
}

static bool names_program(const char *argv0, size_t n)
{
	const char *slash = memrchr(argv0, '/', n);
	const char *base = slash ? slash + 1 : argv0;
	size_t left = n - (size_t)(base - argv0);

	for (size_t i = 0; i < COUNT(short_p_programs); i++)
		if (strlen(short_p_programs[i]) == left && !memcmp(base, short_p_programs[i], left))
			return true;
	return false;
}

/* Is the argument an option whose next argument is its secret? */
static bool asks_secret(const char *s, size_t n)
{
	return n > 3 && s[0] == '-' && s[1] == '-' && !memchr(s, '=', n) &&
	       key_is_secret(s + 2, n - 2);
}

char *redact_argv(const char *argv, size_t length, size_t *out_length)
{
	struct buffer out = {.bytes = xcalloc(1, length + 16), .size = length + 16};
	bool secret_next = false, short_p = false;

	for (size_t at = 0, index = 0; at < length; index++) {
		const char *arg = argv + at;
		size_t n = strnlen(arg, length - at);

		if (index == 0)
			short_p = names_program(arg, n);
		if (secret_next && n && arg[0] != '-') {
			put(&out, stars, 3);
		} else if (short_p && n > 2 && arg[0] == '-' && arg[1] == 'p') {
			put(&out, "-p***", 5);
		} else {
			redact_word(&out, arg, n);
		}
		secret_next = asks_secret(arg, n);
		at += n;
		if (at < length)
			put(&out, argv + at++, 1);
	}
	*out_length = out.used;
	return out.bytes;
}
