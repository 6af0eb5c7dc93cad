/* SPDX-License-Identifier: BSD-2-Clause */
/* address.c: see address.h. */
#include <arpa/inet.h>
#include <stdio.h>

#include "base/address.h"

void address_text(char *out, size_t size, const struct server_key *server)
{
	if (server->family == AF_INET)
		inet_ntop(AF_INET, server->address + 12, out, (socklen_t)size);
	else
		inet_ntop(AF_INET6, server->address, out, (socklen_t)size);
}

void server_text(char *out, size_t size, const struct server_key *server)
{
	char address[INET6_ADDRSTRLEN];

	address_text(address, sizeof(address), server);
	snprintf(out, size, server->family == AF_INET ? "%s:%u" : "[%s]:%u", address, server->port);
}
