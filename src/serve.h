/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * serve.h: a small HTTP server that never blocks and owns no thread: it lends one descriptor, and
 * works when that is readable or its time has come.
 *
 *   serve_open() → poll serve_fd() → serve_run() … → serve_close()
 */
#ifndef SERVE_H
#define SERVE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>

struct serve;

/* A page: its text in memory of malloc() that the server frees, or NULL: 404. `accept` is the
 * client's Accept header or "". Sets type and length. */
typedef char *serve_page(
	void *data, const char *path, const char *accept, const char **type, size_t *length);

/* Binds and listens. -errno of socket(), bind() or listen(); -ENOPKG: libmicrohttpd is not installed. */
int serve_open(
	struct serve **out, const struct sockaddr_storage *address, serve_page *page, void *data);
int serve_fd(const struct serve *serve);
/* "127.0.0.1:9187", "[::1]:9187": where it really listens, port 0 resolved. */
void serve_address(const struct serve *serve, char *out, size_t size);
/* Serves what is ready. Returns ms until it must be called again, -1: only when readable. */
int serve_run(struct serve *serve);
/* Accepts NULL. */
void serve_close(struct serve *serve);

#endif
