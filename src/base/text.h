/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * text.h: foreign text is data. Command lines, paths and names belong to other people and may hold
 * escape sequences, broken UTF-8 or bidi overrides; nothing of that reaches a terminal or a parser.
 */
#ifndef BASE_TEXT_H
#define BASE_TEXT_H

#include <linux/types.h>
#include <stdbool.h>
#include <stddef.h>

/* For JSON: invalid UTF-8 bytes and NUL become the text "\xNN"; all else stays. Caller frees. */
char *text_json_safe(const char *bytes, size_t length);

/* For terminals and pages: also control characters ("\x1b", from U+0080 on "\u009b"), bidi controls,
 * line separators and U+FEFF ("\u202e"). A backslash stays as it is. Caller frees. */
char *text_clean(const char *bytes, size_t length);

/* Columns that clean text takes on a terminal, the same in every locale: East Asian wide characters
 * and emoji two, combining marks none, all else one. */
size_t text_columns(const char *text);

/* Columns and bytes of the first character of `text`, which is not empty: a byte that is no UTF-8
 * counts as one column. */
size_t text_character(const char *text, size_t *bytes);

/* Copies clean text into `out`, cut in the middle to at most `columns` with "…" or, for `ascii`,
 * "...". Never splits a character, be it for `columns` or for `size`. */
void text_cut(char *out, size_t size, const char *text, size_t columns, bool ascii);

/* Arguments as /proc has them: each with its NUL, `*length` bytes. Caller frees. */
char *text_arguments(char *const *argv, size_t *length);

/* NUL-separated arguments as one line that a shell would read as the same. Caller frees. */
char *text_command(const char *argv, size_t length);

/* Two units at most, rounded down: "0.8s" below 10 s, then "42s", "3m07s", "1h05m", "3d02h". */
void text_age(char *out, size_t size, __u64 ns);

/* The same of what may only be a lower bound: "≥42s", for `ascii` ">42s"; one column more. */
void text_age_from(char *out, size_t size, __u64 ns, bool at_least, bool ascii);

/* "30", "30s", "1500ms", "5m", "2h" → ns. -EINVAL or -ERANGE. */
int text_duration(const char *text, __u64 *ns);

/* "65536", "64K", "4M" → bytes. -EINVAL or -ERANGE. */
int text_size(const char *text, __u64 *bytes);

#endif
