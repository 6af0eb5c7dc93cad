/* SPDX-License-Identifier: BSD-2-Clause */
/* address.h: servers as people write them. */
#ifndef BASE_ADDRESS_H
#define BASE_ADDRESS_H

#include <stddef.h>
#include <sys/socket.h>
#include <pgleaktrace/event.h>

#define ADDRESS_SIZE 128 /* holds every address, a unix socket's folder included */

/* "127.0.0.1", "::1", "unix:/run/postgresql"; v4-mapped addresses as IPv4. `path` is EVENT_PLACE's,
 * NULL for TCP or when it is not known. */
void address_text(char *out, size_t size, const struct server_key *server, const char *path);
/* The same with its port: "127.0.0.1:5432", "[::1]:5432", "unix:/run/postgresql:5432". */
void server_text(char *out, size_t size, const struct server_key *server, const char *path);

/* "9187" (then 127.0.0.1), "0.0.0.0:9187", "[::1]:9187": where to listen. -EINVAL. */
int address_parse(struct sockaddr_storage *out, const char *text);
/* An address alone, IPv4 if it is a mapped one. */
void ip_text(char *out, size_t size, const __u8 address[16]);

#endif
