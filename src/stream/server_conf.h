/* SPDX-License-Identifier: BSD-2-Clause */
/* server_conf.h: the language of PostgreSQL's configuration files and command line; no I/O. */
#ifndef STREAM_SERVER_CONF_H
#define STREAM_SERVER_CONF_H

#include <stdbool.h>
#include <stddef.h>

/* The settings we ask for. */
enum setting {
	SETTING_MAX_CONNECTIONS,
	SETTING_SUPERUSER_RESERVED,
	SETTING_RESERVED,
	SETTING_CLUSTER_NAME,
	SETTING_CONFIG_FILE,
	SETTING_FOLDER, /* -D: where postgresql.conf lies if config_file does not say */
	SETTINGS
};

struct settings {
	char *value[SETTINGS]; /* NULL: not set here */
};

/* A later one replaces an earlier one; names we don't ask for are ignored. Name matching is
 * PostgreSQL's: any case, '-' as '_' on the command line. */
void settings_put(struct settings *settings, const char *name, const char *value);
void settings_free(struct settings *settings);

/* From a postmaster's command line, NUL-separated. False: not understood. */
bool settings_argv(struct settings *settings, const char *argv, size_t length);

struct conf_line {
	char name[64];
	char value[1024]; /* unquoted */
};

/* The next line that sets something: 1, 0 at the end, -EINVAL for one that is not understood. */
int conf_next(const char **at, struct conf_line *line);
bool conf_is_include(const struct conf_line *line);

#endif
