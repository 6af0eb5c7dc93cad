/* SPDX-License-Identifier: BSD-2-Clause */
/* text.c: see text.h. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"

/* Length of the valid UTF-8 character at `s`, 0 if there is none; no overlong forms, no
 * surrogates (RFC 3629). */
static size_t utf8_length(const unsigned char *s, size_t left, unsigned *code)
{
	static const unsigned least[] = {0, 0, 0x80, 0x800, 0x10000};
	size_t n = s[0] < 0x80 ? 1 : s[0] >= 0xf0 ? 4 : s[0] >= 0xe0 ? 3 : 2;

	if (n == 1) {
		*code = s[0];
		return 1;
	}
	if (s[0] < 0xc2 || s[0] > 0xf4 || n > left)
		return 0;
	*code = s[0] & (0xffu >> (n + 1));
	for (size_t i = 1; i < n; i++) {
		if ((s[i] & 0xc0) != 0x80)
			return 0;
		*code = *code << 6 | (s[i] & 0x3f);
	}
	if (*code < least[n] || *code > 0x10ffff || (*code >= 0xd800 && *code < 0xe000))
		return 0;
	return n;
}

/* Characters that change how what follows them is shown. */
static bool is_control(unsigned c)
{
	return c < 0x20 || (c >= 0x7f && c < 0xa0) || c == 0x061c || c == 0x200e || c == 0x200f ||
	       (c >= 0x2028 && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069) || c == 0xfeff;
}

static char *escape(const char *bytes, size_t length, bool controls)
{
	char *out = xcalloc(1, length * 8 + 1), *to = out;
	const unsigned char *s = (const unsigned char *)bytes;

	for (size_t at = 0; at < length;) {
		unsigned code = 0;
		size_t n = utf8_length(s + at, length - at, &code);

		if (n == 0 || code == 0 || (controls && is_control(code) && code < 0x80)) {
			to += snprintf(to, 5, "\\x%02x", s[at]);
			at++;
		} else if (controls && is_control(code)) {
			to += snprintf(to, 9, "\\u%04x", code);
			at += n;
		} else {
			memcpy(to, s + at, n);
			to += n;
			at += n;
		}
	}
	*to = 0;
	return out;
}

char *text_json_safe(const char *bytes, size_t length)
{
	return escape(bytes, length, false);
}

char *text_clean(const char *bytes, size_t length)
{
	return escape(bytes, length, true);
}

size_t text_columns(const char *text)
{
	size_t columns = 0;

	for (; *text; text++)
		columns += ((unsigned char)*text & 0xc0) != 0x80;
	return columns;
}

/* The byte where column `column` begins. */
static const char *at_column(const char *text, size_t column)
{
	while (*text && column) {
		text++;
		while (((unsigned char)*text & 0xc0) == 0x80)
			text++;
		column--;
	}
	return text;
}

void text_cut(char *out, size_t size, const char *text, size_t columns, bool ascii)
{
	size_t have = text_columns(text), dots = ascii ? 3 : 1, head;
	const char *tail;

	if (have <= columns || columns <= dots) {
		snprintf(out, size, "%.*s", (int)(at_column(text, columns) - text), text);
		return;
	}
	head = (columns - dots) / 3; /* the end of a path says more than its beginning */
	tail = at_column(text, have - (columns - dots - head));
	snprintf(out, size, "%.*s%s%s", (int)(at_column(text, head) - text), text,
		ascii ? "..." : "…", tail);
}

void text_age(char *out, size_t size, __u64 ns)
{
	unsigned long long s = ns / 1000000000ull;

	if (s < 10)
		snprintf(out, size, "%.1fs", (double)(ns / 100000000ull) / 10);
	else if (s < 60)
		snprintf(out, size, "%llus", s);
	else if (s < 3600)
		snprintf(out, size, "%llum%02llus", s / 60, s % 60);
	else if (s < 86400)
		snprintf(out, size, "%lluh%02llum", s / 3600, s / 60 % 60);
	else
		snprintf(out, size, "%llud%02lluh", s / 86400, s / 3600 % 24);
}

struct unit {
	const char *name;
	__u64 factor;
};

static int parse_scaled(const char *text, const struct unit *units, __u64 *out)
{
	char *end;
	unsigned long long n;

	if (*text < '0' || *text > '9')
		return -EINVAL;
	errno = 0;
	n = strtoull(text, &end, 10);
	if (errno)
		return -ERANGE;
	for (; units->name; units++) {
		if (strcmp(end, units->name))
			continue;
		if (n > ~0ull / 2 / units->factor)
			return -ERANGE;
		*out = n * units->factor;
		return 0;
	}
	return -EINVAL;
}

int text_duration(const char *text, __u64 *ns)
{
	static const struct unit units[] = {{"", 1000000000ull}, {"s", 1000000000ull},
		{"ms", 1000000ull}, {"m", 60000000000ull}, {"h", 3600000000000ull}, {NULL, 0}};

	return parse_scaled(text, units, ns);
}

int text_size(const char *text, __u64 *bytes)
{
	static const struct unit units[] = {{"", 1}, {"K", 1 << 10}, {"M", 1 << 20}, {NULL, 0}};

	return parse_scaled(text, units, bytes);
}
