/* SPDX-License-Identifier: BSD-2-Clause */
/* server_title.h: what a PostgreSQL backend says of itself in its process title. */
#ifndef STREAM_SERVER_TITLE_H
#define STREAM_SERVER_TITLE_H

#include <linux/types.h>
#include <stdbool.h>

#define TITLE_TEXT 256 /* room for one of its parts; a longer one is not known */

struct title {
	char user[TITLE_TEXT], database[TITLE_TEXT], activity[TITLE_TEXT]; /* "": not known */
	bool walsender;
};

/*
 * Parses "postgres: [cluster: ]user database host(port) activity". `cluster` is the server's
 * cluster_name, NULL if that is not known; `port` is the client's port as its socket has it, 0 for a
 * unix socket ("[local]"). False: no title of a backend that serves this client; then all is "".
 * What can't be told apart for sure (a name with a space) stays "".
 */
bool title_parse(struct title *out, const char *title, const char *cluster, __u16 port);

#endif
