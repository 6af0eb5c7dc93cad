/* SPDX-License-Identifier: BSD-2-Clause */
/* text.c: see text.h. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/ns.h"
#include "base/text.h"

/* Columns where it is not one: marks and joiners take none, East Asian wide characters and emoji take
 * two. The blocks that occur in paths and names, sorted; a table of our own, because wcwidth() gives
 * another answer in another locale and reports must not. */
static const struct {
	unsigned first, last, columns;
} widths[] = {
	{0x0300, 0x036f, 0}, /* combining marks */
	{0x0483, 0x0489, 0}, /* Cyrillic */
	{0x0591, 0x05bd, 0}, /* Hebrew */
	{0x064b, 0x065f, 0}, /* Arabic */
	{0x0e34, 0x0e3a, 0}, /* Thai */
	{0x0e47, 0x0e4e, 0},
	{0x1100, 0x115f, 2}, /* Hangul, first letters; the rest joins them */
	{0x1160, 0x11ff, 0},
	{0x1ab0, 0x1aff, 0}, /* combining marks, more */
	{0x1dc0, 0x1dff, 0},
	{0x200b, 0x200d, 0}, /* zero-width space and joiners */
	{0x20d0, 0x20ff, 0},
	{0x2e80, 0x303e, 2}, /* CJK radicals and punctuation */
	{0x3041, 0x3098, 2}, /* Kana */
	{0x3099, 0x309a, 0},
	{0x309b, 0x4dbf, 2},
	{0x4e00, 0xa4cf, 2}, /* CJK ideographs, Yi */
	{0xa960, 0xa97f, 2},
	{0xac00, 0xd7a3, 2}, /* Hangul syllables */
	{0xf900, 0xfaff, 2},
	{0xfe00, 0xfe0f, 0}, /* variation selectors */
	{0xfe20, 0xfe2f, 0},
	{0xfe30, 0xfe6f, 2},
	{0xff01, 0xff60, 2}, /* full-width forms */
	{0xffe0, 0xffe6, 2},
	{0x1f300, 0x1f64f, 2}, /* emoji */
	{0x1f680, 0x1f6ff, 2},
	{0x1f900, 0x1f9ff, 2},
	{0x20000, 0x3fffd, 2}, /* CJK extensions */
	{0xe0100, 0xe01ef, 0},
};

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

size_t text_character(const char *s, size_t *bytes)
{
	unsigned code = 0;
	size_t low = 0, high = sizeof(widths) / sizeof(widths[0]);

	*bytes = utf8_length((const unsigned char *)s, strnlen(s, 4), &code);
	if (!*bytes)
		*bytes = 1;
	while (low < high) {
		size_t middle = (low + high) / 2;

		if (code > widths[middle].last)
			low = middle + 1;
		else if (code < widths[middle].first)
			high = middle;
		else
			return widths[middle].columns;
	}
	return 1;
}

size_t text_columns(const char *text)
{
	size_t columns = 0, bytes;

	for (; *text; text += bytes)
		columns += text_character(text, &bytes);
	return columns;
}

/* Bytes of the longest beginning that fits `columns`, marks on its last character included. */
static size_t head_bytes(const char *text, size_t columns)
{
	size_t at = 0, bytes;

	while (text[at]) {
		size_t wide = text_character(text + at, &bytes);

		if (wide > columns)
			break;
		columns -= wide;
		at += bytes;
	}
	return at;
}

/* Where the longest end that fits begins when `columns` must go; never with a mark whose character
 * went. */
static const char *tail_after(const char *text, size_t columns)
{
	size_t gone = 0, bytes;

	while (*text) {
		size_t wide = text_character(text, &bytes);

		if (gone >= columns && wide)
			break;
		gone += wide;
		text += bytes;
	}
	return text;
}

/* Appends what fits of `n` bytes and ends with NUL; a character that does not fit is left out. */
static size_t append(char *out, size_t size, size_t used, const char *text, size_t n)
{
	if (!size)
		return 0;
	if (n > size - 1 - used) {
		n = size - 1 - used;
		while (n && ((unsigned char)text[n] & 0xc0) == 0x80)
			n--;
	}
	memcpy(out + used, text, n);
	out[used + n] = 0;
	return used + n;
}

void text_cut(char *out, size_t size, const char *text, size_t columns, bool ascii)
{
	const char *dots = ascii ? "..." : "…", *tail;
	size_t have = text_columns(text), wide = text_columns(dots), head, used;

	if (have <= columns || columns <= wide) {
		append(out, size, 0, text, head_bytes(text, columns));
		return;
	}
	head = (columns - wide) / 3; /* the end of a path says more than its beginning */
	tail = tail_after(text, have - (columns - wide - head));
	used = append(out, size, 0, text, head_bytes(text, head));
	used = append(out, size, used, dots, strlen(dots));
	append(out, size, used, tail, strlen(tail));
}

static void put_argument(FILE *out, const char *argument)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
				    "%+,-./:=@_*";

	if (*argument && !argument[strspn(argument, plain)]) {
		fputs(argument, out);
		return;
	}
	fputc('\'', out);
	for (; *argument; argument++)
		fputs(*argument == '\'' ? "'\\''" : (char[]){*argument, 0}, out);
	fputc('\'', out);
}

char *text_arguments(char *const *argv, size_t *length)
{
	char *bytes, *to;

	*length = 0;
	for (char *const *at = argv; *at; at++)
		*length += strlen(*at) + 1;
	bytes = to = xcalloc(1, *length + 1);
	for (char *const *at = argv; *at; at++)
		to = stpcpy(to, *at) + 1;
	return bytes;
}

char *text_command(const char *argv, size_t length)
{
	char *line = NULL, *bytes = xmemdup(argv, length);
	size_t size = 0;
	FILE *out = xmemstream(&line, &size);

	for (size_t at = 0; at < length; at += strlen(bytes + at) + 1) {
		if (at)
			fputc(' ', out);
		put_argument(out, bytes + at);
	}
	xmemstream_close(out, &line);
	free(bytes);
	return line;
}

void text_age(char *out, size_t size, __u64 ns)
{
	unsigned long long s = ns / SECOND;

	if (s < 10)
		snprintf(out, size, "%.1fs", (double)(ns / (SECOND / 10)) / 10);
	else if (s < 60)
		snprintf(out, size, "%llus", s);
	else if (s < 3600)
		snprintf(out, size, "%llum%02llus", s / 60, s % 60);
	else if (s < 86400)
		snprintf(out, size, "%lluh%02llum", s / 3600, s / 60 % 60);
	else
		snprintf(out, size, "%llud%02lluh", s / 86400, s / 3600 % 24);
}

void text_age_from(char *out, size_t size, __u64 ns, bool at_least, bool ascii)
{
	char age[24];

	text_age(age, sizeof(age), ns);
	snprintf(out, size, "%s%s", !at_least ? "" : ascii ? ">" : "≥", age);
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
	static const struct unit units[] = {{"", SECOND}, {"s", SECOND}, {"ms", MILLISECOND},
		{"m", MINUTE}, {"h", HOUR}, {NULL, 0}};

	return parse_scaled(text, units, ns);
}

int text_size(const char *text, __u64 *bytes)
{
	static const struct unit units[] = {{"", 1}, {"K", 1 << 10}, {"M", 1 << 20}, {NULL, 0}};

	return parse_scaled(text, units, bytes);
}
