/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * redact_values.c: passwords in URLs and in assignments. Where a value ends is a question of who
 * wrote it (a shell, a connection string, a query, JSON, a program's own argument): when in doubt it
 * ends later, for a word too few on the screen is better than half a password.
 */
#include <string.h>
#include <strings.h>

#include "base/mem.h"
#include "base/redact_values.h"

/* A key is secret when it ends with one of these, in any case. */
static const struct {
	const char *ending;
	bool word; /* only as a word of its own: db_pass, not bypass */
} secret_keys[] = {
	{"password", false},
	{"passwd", false},
	{"pwd", false},
	{"passphrase", false},
	{"pass", true},
	{"secret", false},
	{"token", false},
	{"api_key", false},
	{"apikey", false},
	{"api-key", false},
	{"access_key", false},
	{"access-key", false},
	{"secret_key", false},
	{"secret-key", false},
	{"secret_key_base", false},
	{"private_key", false},
};

/* The working directories that every shell exports. */
static const char *const plain_keys[] = {"PWD", "OLDPWD"};

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

struct span {
	size_t from, to;
};

void redact_put(struct redact_buffer *b, const char *bytes, size_t n)
{
	if (!b->bytes || b->used + n > b->size) {
		b->size = (b->used + n) * 2 + 64;
		b->bytes = xrealloc(b->bytes, b->size);
	}
	memcpy(b->bytes + b->used, bytes, n);
	b->used += n;
}

bool redact_blank(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

static bool is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_quote(char c)
{
	return c == '"' || c == '\'' || c == '`';
}

static bool key_char(char c)
{
	return is_letter(c) || is_digit(c) || c == '_' || c == '-' || c == '.';
}

static size_t key_length(const char *s, size_t n)
{
	size_t i = 0;

	while (i < n && key_char(s[i]))
		i++;
	return i;
}

bool redact_key(const char *key, size_t n)
{
	if (key_length(key, n) != n)
		return false;
	for (size_t i = 0; i < COUNT(plain_keys); i++)
		if (strlen(plain_keys[i]) == n && !memcmp(key, plain_keys[i], n))
			return false;
	for (size_t i = 0; i < COUNT(secret_keys); i++) {
		size_t k = strlen(secret_keys[i].ending);

		if (n < k || strncasecmp(key + n - k, secret_keys[i].ending, k))
			continue;
		if (!secret_keys[i].word || n == k || !is_letter(key[n - k - 1]))
			return true;
	}
	return false;
}

size_t redact_word(const char *s, size_t n)
{
	size_t i = 0;

	while (i < n && !redact_blank(s[i])) {
		const char *close = is_quote(s[i]) ? memchr(s + i + 1, s[i], n - i - 1) : NULL;

		if (close)
			i = (size_t)(close - s);
		else if (s[i] == '\\' && i + 1 < n)
			i++;
		i++;
	}
	return i;
}

/* "5432", "5432,other:5433" or nothing at all: what follows a host, not a user. */
static bool is_port(const char *s, size_t n)
{
	size_t i = 0;

	while (i < n && is_digit(s[i]))
		i++;
	return i == n || s[i] == ',';
}

/* The quote that was opened right in front of the URL whose "://" is at `at`. */
static char url_quote(const char *s, size_t at)
{
	while (at && (is_letter(s[at - 1]) || is_digit(s[at - 1]) || strchr("+.-", s[at - 1])))
		at--;
	return at && is_quote(s[at - 1]) ? s[at - 1] : 0;
}

/*
 * The secret of "scheme://user:SECRET@host". The last '@' before the path counts, for passwords may
 * hold one; they may also hold a raw '/', '?' or '#' where only a port could stand without. A cut-off
 * argument may have lost its '@'.
 */
static bool url_secret(const char *s, size_t n, size_t at, bool last, struct span *v)
{
	size_t i = at + 3, colon = 0, sign = 0;
	char quote = url_quote(s, at);

	if (i < n && s[i] == '[')
		return false;
	for (; i < n && !redact_blank(s[i]) && (!quote || s[i] != quote); i++) {
		if (colon && !sign && n - i > 3 && !memcmp(s + i, "://", 3))
			break;
		if (s[i] == ':' && !colon)
			colon = i + 1;
		if (s[i] == '@')
			sign = i;
		if (strchr("/?#", s[i]) && (!colon || sign || is_port(s + colon, i - colon)))
			break;
	}
	v->from = colon;
	v->to = sign;
	if (colon && !sign && last && i == n && !is_port(s + colon, n - colon))
		v->to = n;
	return colon && v->to > colon;
}

/* Does "key=" or "key":" begin behind the separator at `i`? */
static bool pair_follows(const char *s, size_t n, size_t i)
{
	size_t key;

	for (i++; i < n && (redact_blank(s[i]) || is_quote(s[i]) || s[i] == '\\');)
		i++;
	key = key_length(s + i, n - i);
	i += key;
	while (i < n && (is_quote(s[i]) || s[i] == '\\'))
		i++;
	return key && i < n && (s[i] == '=' || s[i] == ':');
}

/* Does a quote at `i` close what was opened in front of the key? */
static bool closes(const char *s, size_t n, size_t i)
{
	return i + 1 >= n || redact_blank(s[i + 1]) || strchr(",;)}]&\\", s[i + 1]) ||
	       is_quote(s[i + 1]);
}

/* The end of a value without quotes around it. */
static size_t bare_end(const char *s, size_t n, size_t i, bool json, bool whole)
{
	for (; i < n; i++) {
		const char *close;

		if (s[i] == '\\' && i + 1 < n && is_quote(s[i + 1]) && closes(s, n, i + 1))
			break;
		if (s[i] == '\\' && i + 1 < n) {
			i++;
		} else if (is_quote(s[i])) {
			if (closes(s, n, i))
				break;
			close = memchr(s + i + 1, s[i], n - i - 1);
			i = close ? (size_t)(close - s) : i;
		} else if (redact_blank(s[i])) {
			if (!whole || pair_follows(s, n, i))
				break;
		} else if (json ? strchr(",}]", s[i]) != NULL
				: strchr("&;,", s[i]) && pair_follows(s, n, i)) {
			break;
		}
	}
	return i;
}

/* The end of a value whose quote opened at `i - 1`; `escaped`: with a backslash in front. */
static size_t quoted_end(const char *s, size_t n, size_t i, bool escaped)
{
	char quote = s[i - 1];

	for (; i < n && s[i] != quote; i++) {
		if (s[i] != '\\' || i + 1 >= n)
			continue;
		if (escaped && s[i + 1] == quote)
			break;
		i++;
	}
	return i;
}

/* 'it'\''s' and 'it'"'"'s' are one word to a shell: does it go on behind the quote at `i - 1`? */
static bool word_goes_on(const char *s, size_t n, size_t i)
{
	if (i >= n || !closes(s, n, i - 1))
		return i < n;
	return i + 2 < n && strchr("\\\"'", s[i]) && is_quote(s[i + 1]) && !redact_blank(s[i + 2]);
}

/* Behind a secret key at `at`: where its value stands. `whole`: a blank is part of the value. */
static bool value_span(const char *s, size_t n, size_t at, bool whole, struct span *v)
{
	size_t i = at + (at < n && s[at] == '\\'), start;
	bool named = i < n && is_quote(s[i]), json, escaped;

	if (!named && i != at)
		return false;
	for (i += named; i < n && redact_blank(s[i]);)
		i++;
	if (i >= n || (s[i] != '=' && s[i] != ':'))
		return false;
	json = s[i] == ':';
	i += 1 + (i + 1 < n && s[i] == '=' && s[i + 1] == '>'); /* 'password' => 'x' */
	while (i < n && redact_blank(s[i]))
		i++;
	start = i;
	escaped = i + 1 < n && s[i] == '\\' && is_quote(s[i + 1]);
	i += escaped;
	if (i < n && is_quote(s[i])) {
		v->from = i + 1;
		v->to = quoted_end(s, n, i + 1, escaped);
		i = v->to + 1;
		if (!json && !escaped && word_goes_on(s, n, i)) {
			v->from = start;
			v->to = start + redact_word(s + start, n - start);
		}
	} else if (json && !named) {
		return false; /* prose: "password: see the manual" */
	} else {
		v->from = i;
		v->to = bare_end(s, n, i, json, whole);
	}
	return v->to > v->from;
}

/* "--password=" and "PGPASSWORD=" in front of an argument make all the rest their value. */
static bool owns_argument(const char *s, size_t n)
{
	size_t key = 0;

	if (n && s[0] == '-')
		return true;
	while (key < n && ((s[key] >= 'A' && s[key] <= 'Z') || is_digit(s[key]) || s[key] == '_'))
		key++;
	return key && key < n && s[key] == '=';
}

void redact_values(struct redact_buffer *out, const char *s, size_t n, bool command, bool last)
{
	bool whole = !command && owns_argument(s, n);
	size_t key = 0; /* where the name before `i` begins */
	struct span v;

	redact_put(out, "", 0);
	for (size_t i = 0; i < n;) {
		bool hit = false;

		if (n - i > 3 && !memcmp(s + i, "://", 3))
			hit = url_secret(s, n, i, last, &v);
		if (!hit && !key_char(s[i]) && i > key && redact_key(s + key, i - key))
			hit = value_span(s, n, i, whole && key == 0, &v);
		if (hit) {
			redact_put(out, s + i, v.from - i);
			redact_put(out, "***", 3);
			i = key = v.to;
			continue;
		}
		if (!key_char(s[i]))
			key = i + 1;
		redact_put(out, s + i, 1);
		i++;
	}
}
