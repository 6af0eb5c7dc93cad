/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * odd: what looks like a connection and is none, or is more than it looks.
 *
 *   odd udp HOST PORT           a connected UDP socket, as getaddrinfo() makes to sort addresses
 *   odd give-up HOST PORT       connect, and close while it is still in SYN_SENT
 *   odd give-up-exit HOST PORT  connect, and exit while it is still in SYN_SENT
 *   odd again HOST PORT         one socket, connected twice: connect(AF_UNSPEC) lies between
 *   odd half HOST PORT          shutdown(SHUT_WR), wait for the server's FIN, close: Node's way
 *   odd reset HOST PORT         close with SO_LINGER 0: the client resets
 *   odd keep HOST PORT          waits until the server ends it, and keeps the dead descriptor
 *
 * Prints {"pid", "opened", "failed", "closed"} when it is done, or when it holds what it keeps
 * until standard input ends.
 */
#include "tool.h"

struct oddity {
	const char *name;
	void (*run)(const struct endpoint *server);
};

static void odd_say(int opened, int failed, int closed)
{
	printf("{\"pid\": %d, \"opened\": %d, \"failed\": %d, \"closed\": %d}\n", getpid(), opened,
		failed, closed);
	fflush(stdout);
}

static void odd_udp(const struct endpoint *server)
{
	int fd = socket(server->address.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (connect(fd, (const struct sockaddr *)&server->address, server->length))
		err(1, "connect");
	odd_say(0, 0, 0);
	stdin_wait();
	close(fd);
}

/* A connect that nobody answers; anything else ends the program, the test would be about nothing. */
static int silence_connect(const struct endpoint *server)
{
	int fd = tcp_socket(server);
	struct pollfd wait = {.fd = fd, .events = POLLOUT};

	if (connect(fd, (const struct sockaddr *)&server->address, server->length) == 0 ||
		errno != EINPROGRESS)
		err(1, "connect");
	if (poll(&wait, 1, 100) != 0)
		errx(1, "somebody answered");
	return fd;
}

static void odd_give_up(const struct endpoint *server)
{
	close(silence_connect(server));
	odd_say(0, 1, 0);
	stdin_wait();
}

static void odd_give_up_exit(const struct endpoint *server)
{
	silence_connect(server);
	odd_say(0, 1, 0);
	_exit(0);
}

static void odd_again(const struct endpoint *server)
{
	struct sockaddr nobody = {.sa_family = AF_UNSPEC};
	int fd = tcp_open(server), error;

	if (connect(fd, &nobody, sizeof(nobody)))
		err(1, "disconnect");
	error = tcp_connect(fd, server);
	if (error)
		errx(1, "connect: %s", strerror(-error));
	close(fd);
	odd_say(2, 0, 2);
	stdin_wait();
}

static void server_wait(int fd)
{
	struct pollfd wait = {.fd = fd, .events = POLLIN};
	char byte;

	if (poll(&wait, 1, -1) != 1 || read(fd, &byte, 1) > 0)
		errx(1, "the server spoke");
}

static void odd_half(const struct endpoint *server)
{
	int fd = tcp_open(server);

	shutdown(fd, SHUT_WR);
	server_wait(fd);
	close(fd);
	odd_say(1, 0, 1);
	stdin_wait();
}

static void odd_reset(const struct endpoint *server)
{
	struct linger hard = {.l_onoff = 1, .l_linger = 0};
	int fd = tcp_open(server);

	setsockopt(fd, SOL_SOCKET, SO_LINGER, &hard, sizeof(hard));
	close(fd);
	odd_say(1, 0, 1);
	stdin_wait();
}

/*
 * A server in a hurry may reset before connect() is asked how it went. That is ECONNRESET, and the
 * connection was established: a reset instead of an answer would be ECONNREFUSED.
 */
static void odd_keep(const struct endpoint *server)
{
	int fd = tcp_socket(server);
	int error = tcp_connect(fd, server);

	if (error && error != -ECONNRESET)
		errx(1, "connect: %s", strerror(-error));
	if (!error)
		server_wait(fd);
	odd_say(1, 0, 0);
	stdin_wait();
	close(fd);
}

static const struct oddity oddities[] = {
	{"udp", odd_udp},
	{"give-up", odd_give_up},
	{"give-up-exit", odd_give_up_exit},
	{"again", odd_again},
	{"half", odd_half},
	{"reset", odd_reset},
	{"keep", odd_keep},
};

int main(int argc, char **argv)
{
	struct endpoint server;

	if (argc != 4)
		errx(64, "usage: odd WHAT HOST PORT");
	server = endpoint_parse(argv[2], port_parse(argv[3]));
	for (size_t i = 0; i < sizeof(oddities) / sizeof(*oddities); i++) {
		if (strcmp(argv[1], oddities[i].name) == 0) {
			oddities[i].run(&server);
			return 0;
		}
	}
	errx(64, "no such oddity: %s", argv[1]);
}
