/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * server_limits.h: how many connections a PostgreSQL server lets in, without asking it: from its
 * control file, its command line and its configuration files. Any doubt is -1, never a guess.
 */
#ifndef STREAM_SERVER_LIMITS_H
#define STREAM_SERVER_LIMITS_H

#include <linux/types.h>
#include <stdbool.h>
#include <stddef.h>

struct control {
	__s32 max_connections; /* as of the last start that reached production */
	bool in_production;    /* else: recovering; a standby's value is its primary's */
};

/* global/pg_control. -EINVAL: a layout we don't know, or its checksum is wrong. */
int control_parse(struct control *out, const void *bytes, size_t size);

/* Where a server's files are, and since when it runs. */
struct server_place {
	int root;         /* its root directory, O_PATH */
	int data;         /* its data directory, O_PATH */
	__u64 started;    /* wall clock, ns since 1970 */
	const char *argv; /* command line, NUL-separated */
	size_t argv_length;
};

struct server_limits {
	__u32 version;         /* major; 0: no data directory */
	__s32 max_connections; /* -1: not known */
	__s32 reserved;        /* -1: not known */
	const char *source;    /* of max_connections; static; NULL: not known */
	bool cluster_known;
	char cluster[64]; /* cluster_name, "" none */
};

void server_limits_read(struct server_limits *out, const struct server_place *place);

/* Only max_connections, again: a server that was still starting may have got there. */
void server_limits_control(struct server_limits *limits, const struct server_place *place);

/* A small regular file below `directory`, never a device or a pipe: 0 and its text (caller frees,
 * NUL-terminated), or -errno. `changed`: its last change, ns since 1970; may be NULL. */
int server_file_read(int directory, const char *path, char **text, size_t *length, __u64 *changed);

#endif
