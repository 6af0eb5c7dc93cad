/* SPDX-License-Identifier: BSD-2-Clause */
/* source_line.c: see source_line.h. */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "stream/source_line.h"

static bool is_word(char c)
{
	return isalnum((unsigned char)c) || c == '_' || c == '$';
}

const char *line_end(const char *line)
{
	return strchrnul(line, '\n');
}

static bool is_comment(const char *line)
{
	line += strspn(line, " \t");
	return !strncmp(line, "//", 2) || *line == '#' || *line == '*' || !strncmp(line, "/*", 2);
}

static bool line_has(const char *line, size_t length, const char *word)
{
	return memmem(line, length, word, strlen(word)) != NULL;
}

char *line_import(const char *line, const char *end)
{
	size_t length = (size_t)(end - line);
	const char *quote;

	if (is_comment(line) ||
		!(line_has(line, length, "require(") || line_has(line, length, "from ") ||
			line_has(line, length, "import ") || line_has(line, length, "import(")))
		return NULL;
	for (quote = line; quote < end && *quote != '\'' && *quote != '"';)
		quote++;
	if (quote == end)
		return NULL;
	end = memchr(quote + 1, *quote, (size_t)(end - quote - 1));
	return end ? xmemdup(quote + 1, (size_t)(end - quote - 1)) : NULL;
}

size_t line_python_import(const char *line, const char **name)
{
	size_t skip = !strncmp(line, "import ", 7) ? 7 : !strncmp(line, "from ", 5) ? 5 : 0;
	size_t n = 0;

	*name = line + skip + strspn(line + skip, " .");
	while (is_word((*name)[n]) && (*name)[n] != '$')
		n++;
	return skip && n <= 100 ? n : 0;
}

/* The pattern in this line, not as the end of a longer word. */
static const char *find_in_line(const char *line, const char *end, const char *pattern)
{
	const char *at = line;

	while ((at = memmem(at, (size_t)(end - at), pattern, strlen(pattern)))) {
		if (at == line || !is_word(*pattern) || !is_word(at[-1]))
			return at;
		at++;
	}
	return NULL;
}

const char *line_creates(const char *line, const char *end, const struct library_row *l)
{
	for (size_t i = 0; i < LIBRARY_PATTERNS && l->creates[i] && !is_comment(line); i++)
		if (find_in_line(line, end, l->creates[i]))
			return l->creates[i];
	return NULL;
}

/* cur.close(), res.end(): others' goodbyes. */
static bool is_other_close(const char *line, const char *at)
{
	static const char *const others[] = {"cur", "f", "fh", "fp", "file", "res", "resp", "rs",
		"rows", "stmt", "stream", "server", "rl", "response"};
	const char *from = at;

	while (from > line && is_word(from[-1]))
		from--;
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		if ((size_t)(at - from) == strlen(others[i]) &&
			!strncmp(from, others[i], strlen(others[i])))
			return true;
	return at - from >= 6 && !strncmp(from, "cursor", 6);
}

bool line_closes(const char *line, const char *end, const struct library_row *l)
{
	for (size_t i = 0; i < LIBRARY_PATTERNS && l->closes[i] && !is_comment(line); i++) {
		const char *at = find_in_line(line, end, l->closes[i]);

		if (at && !(*l->closes[i] == '.' && is_other_close(line, at)))
			return true;
	}
	return false;
}

bool line_makes_pool(const char *line, const char *end, const struct library_row *l)
{
	return line_creates(line, end, l) || (l->sized_at && find_in_line(line, end, l->sized_at));
}

unsigned line_number(const char *line, const char *end, const char *name)
{
	const char *at = is_comment(line) ? NULL : find_in_line(line, end, name);

	if (!at || is_word(at[strlen(name)]))
		return 0;
	at += strlen(name);
	at += strspn(at, " \t");
	if (at >= end || (*at != ':' && *at != '='))
		return 0;
	at++;
	at += strspn(at, " \t");
	return at < end && isdigit((unsigned char)*at) ? (unsigned)strtoul(at, NULL, 10) : 0;
}
