/* SPDX-License-Identifier: BSD-2-Clause */
/* server_conf.c: see server_conf.h. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/mem.h"
#include "stream/server_conf.h"

static const char *const names[SETTINGS] = {
	[SETTING_MAX_CONNECTIONS] = "max_connections",
	[SETTING_SUPERUSER_RESERVED] = "superuser_reserved_connections",
	[SETTING_RESERVED] = "reserved_connections",
	[SETTING_CLUSTER_NAME] = "cluster_name",
	[SETTING_CONFIG_FILE] = "config_file",
	[SETTING_FOLDER] = "-D",
};

void settings_put(struct settings *settings, const char *name, const char *value)
{
	for (int i = 0; i < SETTINGS; i++) {
		if (strcasecmp(names[i], name))
			continue;
		free(settings->value[i]);
		settings->value[i] = xstrdup(value);
	}
}

void settings_free(struct settings *settings)
{
	for (int i = 0; i < SETTINGS; i++)
		free(settings->value[i]);
}

/* "name=value" of -c and of --name=value. */
static bool put_pair(struct settings *settings, const char *pair)
{
	const char *equals = strchr(pair, '=');
	char name[64];

	if (!equals || equals - pair >= (long)sizeof(name))
		return equals != NULL;
	snprintf(name, sizeof(name), "%.*s", (int)(equals - pair), pair);
	for (char *at = name; *at; at++)
		if (*at == '-')
			*at = '_';
	settings_put(settings, name, equals + 1);
	return true;
}

static bool put_option(struct settings *settings, char option, const char *value)
{
	switch (option) {
	case 'c':
	case '-': return put_pair(settings, value);
	case 'N': settings_put(settings, "max_connections", value); return true;
	case 'D': settings_put(settings, "-D", value); return true;
	default: return true;
	}
}

/* One argument of flags, the last of which may take a value: here, or in the argument `next`. */
static int put_argument(struct settings *settings, const char *arg, const char *next)
{
	for (const char *at = arg + 1; *at; at++) {
		const char *value = at[1] ? at + 1 : next;

		if (!strchr("cD-BdfhkNprStvWC", *at))
			continue;
		if (!value || !put_option(settings, *at, value))
			return -1;
		return value == next ? 2 : 1;
	}
	return 1;
}

bool settings_argv(struct settings *settings, const char *argv, size_t length)
{
	const char *args[256];
	size_t count = 0;
	int step;

	/* NUL-terminated by the caller; behind the last argument there may be more NULs. */
	for (size_t at = 0; at < length && argv[at] && count < 256; at += strlen(argv + at) + 1)
		args[count++] = argv + at;
	for (size_t i = 1; i < count; i += (size_t)step) {
		if (args[i][0] != '-')
			return false;
		step = put_argument(settings, args[i], i + 1 < count ? args[i + 1] : NULL);
		if (step < 0)
			return false;
	}
	return count > 0 && count < 256;
}

static const char *skip_blank(const char *at)
{
	return at + strspn(at, " \t\r\f");
}

/* 'it''s' and 'it\'s' are it's. NULL: no end, or too long. */
static const char *read_quoted(const char *at, char *out, size_t size)
{
	size_t n = 0;

	for (at++; *at && *at != '\n' && n + 1 < size; at++) {
		if (*at == '\'' && at[1] != '\'') {
			out[n] = 0;
			return at + 1;
		}
		if (*at == '\'' || (*at == '\\' && at[1] && at[1] != '\n'))
			at++;
		out[n++] = *at;
	}
	return NULL;
}

static const char *read_word(const char *at, char *out, size_t size)
{
	size_t n = strcspn(at, " \t\r\f\n#='");

	if (n == 0 || n >= size)
		return NULL;
	memcpy(out, at, n);
	out[n] = 0;
	return at + n;
}

/* "name = value # comment", the equals sign optional. */
static const char *read_line(const char *at, struct conf_line *line)
{
	at = read_word(at, line->name, sizeof(line->name));
	if (!at)
		return NULL;
	at = skip_blank(at);
	if (*at == '=')
		at = skip_blank(at + 1);
	at = *at == '\'' ? read_quoted(at, line->value, sizeof(line->value))
			 : read_word(at, line->value, sizeof(line->value));
	if (!at)
		return NULL;
	at = skip_blank(at);
	return *at && *at != '\n' && *at != '#' ? NULL : at;
}

int conf_next(const char **at, struct conf_line *line)
{
	const char *from, *end;

	for (;;) {
		from = skip_blank(*at);
		if (!*from)
			return 0;
		*at = from + strcspn(from, "\n");
		if (**at)
			(*at)++;
		if (*from == '\n' || *from == '#')
			continue;
		end = read_line(from, line);
		return end ? 1 : -EINVAL;
	}
}

bool conf_is_include(const struct conf_line *line)
{
	return !strcasecmp(line->name, "include") || !strcasecmp(line->name, "include_dir") ||
	       !strcasecmp(line->name, "include_if_exists");
}
