/* SPDX-License-Identifier: BSD-2-Clause */
/* address.c: see address.h. */
#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "base/address.h"

void address_text(char *out, size_t size, const struct server_key *server)
{
	if (server->family == AF_INET)
		inet_ntop(AF_INET, server->address + 12, out, (socklen_t)size);
	else
		inet_ntop(AF_INET6, server->address, out, (socklen_t)size);
}

/* A socket's folder says it all: its name is .s.PGSQL.<port>. */
static void unix_text(char *out, size_t size, const struct server_key *server, const char *path)
{
	const char *slash = path && *path == '/' ? strrchr(path, '/') : NULL;

	snprintf(out, size, "unix:%.*s:%u",
		(int)(slash ? slash - path : (long)strlen(path ? path : "?")), path ? path : "?",
		server->port);
}

void server_text(char *out, size_t size, const struct server_key *server, const char *path)
{
	char address[INET6_ADDRSTRLEN];

	if (server->family == AF_UNIX) {
		unix_text(out, size, server, path);
		return;
	}
	address_text(address, sizeof(address), server);
	snprintf(out, size, server->family == AF_INET ? "%s:%u" : "[%s]:%u", address, server->port);
}
