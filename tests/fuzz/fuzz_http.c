/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fuzz_http.c: any bytes as what a client sends to --metrics, through a real socket and the real
 * server, all in one thread. What it answers is HTTP, and it is there for the next one, whatever the
 * ones before left behind.
 */
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "serve.h"
#include "view/exposition.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char *page(
	void *data, const char *path, const char *accept, const char **type, size_t *length)
{
	(void)data;
	if (strcmp(path, "/metrics"))
		return NULL;
	*type = exposition_types[exposition_choose(accept)];
	*length = 2;
	return strdup("ok");
}

static struct sockaddr_in where(const struct serve *serve)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
	char text[80];

	serve_address(serve, text, sizeof(text));
	address.sin_port = htons((uint16_t)strtoul(strrchr(text, ':') + 1, NULL, 10));
	return address;
}

/* Until it has closed our socket, or waits for more of us: what it said goes to `answer`. */
static void converse(struct serve *serve, int client, char *answer, size_t room)
{
	struct pollfd fds[] = {{client, POLLIN, 0}, {serve_fd(serve), POLLIN, 0}};
	size_t used = 0;

	for (int turns = 0; turns < 1000; turns++) {
		int ms = serve_run(serve);
		char buffer[4096];
		ssize_t n;

		if (ms != 0 && ms != 1 && poll(fds, 2, 0) == 0)
			return;
		n = recv(client, buffer, sizeof(buffer), MSG_DONTWAIT);
		if (n == 0 || (n < 0 && errno != EAGAIN))
			return;
		for (ssize_t i = 0; i < n && used + 1 < room; i++)
			answer[used++] = buffer[i];
	}
	abort();
}

/* One that hangs up first keeps its port for a while, and there are only so many. */
static int connect_patiently(const struct sockaddr_in *server)
{
	for (int tries = 0; tries < 100; tries++) {
		int client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

		if (client < 0)
			abort();
		if (!connect(client, (const struct sockaddr *)server, sizeof(*server)))
			return client;
		if (errno != EADDRNOTAVAIL && errno != EINTR) /* the fuzzer's own clock */
			abort();
		close(client);
		usleep(100000);
	}
	abort();
}

static void ask(struct serve *serve, const void *request, size_t size, char *answer, size_t room)
{
	const struct sockaddr_in server = where(serve);
	const struct linger hard = {1, 0};
	int client = connect_patiently(&server);

	memset(answer, 0, room);
	if (size && send(client, request, size, MSG_NOSIGNAL) != (ssize_t)size)
		abort();
	shutdown(client, SHUT_WR);
	converse(serve, client, answer, room);
	setsockopt(client, SOL_SOCKET, SO_LINGER, &hard, sizeof(hard));
	close(client);
	serve_run(serve);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char honest[] = "GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n";
	static struct serve *serve;
	static unsigned inputs;
	struct sockaddr_in any = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
	struct sockaddr_storage address = {0};
	char answer[64];

	memcpy(&address, &any, sizeof(any));
	if (!serve && serve_open(&serve, &address, page, NULL))
		abort();
	if (size > 32768) /* what a socket holds without anybody reading */
		size = 32768;
	ask(serve, data, size, answer, sizeof(answer));
	if (*answer && memcmp(answer, "HTTP/1.", 7))
		abort();
	if (++inputs % 16)
		return 0;
	ask(serve, honest, strlen(honest), answer, sizeof(answer));
	if (memcmp(answer, "HTTP/1.1 200 ", 13))
		abort();
	return 0;
}
