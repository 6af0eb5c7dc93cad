/* SPDX-License-Identifier: BSD-2-Clause */
/* address.c: see address.h. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/address.h"

void ip_text(char *out, size_t size, const __u8 address[16])
{
	static const __u8 mapped[12] = {[10] = 0xff, [11] = 0xff};

	if (memcmp(address, mapped, sizeof(mapped)))
		inet_ntop(AF_INET6, address, out, (socklen_t)size);
	else
		inet_ntop(AF_INET, address + 12, out, (socklen_t)size);
}

/* A socket's folder says it all: its name is .s.PGSQL.<port>. */
static void unix_text(char *out, size_t size, const char *path)
{
	const char *slash = path ? strrchr(path, '/') : NULL;

	path = path ? path : "?";
	snprintf(
		out, size, "unix:%.*s", (int)(slash ? (size_t)(slash - path) : strlen(path)), path);
}

void address_text(char *out, size_t size, const struct server_key *server, const char *path)
{
	if (server->family == AF_UNIX)
		unix_text(out, size, path);
	else if (server->family == AF_INET)
		inet_ntop(AF_INET, server->address + 12, out, (socklen_t)size);
	else
		inet_ntop(AF_INET6, server->address, out, (socklen_t)size);
}

void server_text(char *out, size_t size, const struct server_key *server, const char *path)
{
	char address[ADDRESS_SIZE];

	address_text(address, sizeof(address), server, path);
	snprintf(
		out, size, server->family == AF_INET6 ? "[%s]:%u" : "%s:%u", address, server->port);
}

static int port_parse(const char *text, __u16 *port)
{
	char *end;
	unsigned long n = strtoul(text, &end, 10);

	if (*text < '0' || *text > '9' || *end || n > 65535)
		return -EINVAL;
	*port = htons((__u16)n);
	return 0;
}

int address_parse(struct sockaddr_storage *out, const char *text)
{
	struct sockaddr_in *four = (void *)out;
	struct sockaddr_in6 *six = (void *)out;
	const char *colon = strrchr(text, ':'), *port = colon ? colon + 1 : text;
	char address[INET6_ADDRSTRLEN + 2] = "127.0.0.1";
	size_t n = colon ? (size_t)(colon - text) : 0;

	memset(out, 0, sizeof(*out));
	if (n >= sizeof(address) || (colon && !n))
		return -EINVAL;
	if (colon)
		snprintf(address, sizeof(address), "%.*s", (int)n, text);
	if (inet_pton(AF_INET, address, &four->sin_addr) == 1) {
		four->sin_family = AF_INET;
		return port_parse(port, &four->sin_port);
	}
	if (*address != '[' || address[n - 1] != ']')
		return -EINVAL;
	address[n - 1] = 0;
	six->sin6_family = AF_INET6;
	return inet_pton(AF_INET6, address + 1, &six->sin6_addr) == 1
		       ? port_parse(port, &six->sin6_port)
		       : -EINVAL;
}
