/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sink: a server that is not PostgreSQL. It accepts whatever comes, reads until the client is done,
 * and counts: what the tests believe about clients that speak no protocol.
 *
 *   sink HOST PORT [-m | -c MS | -r MS]
 *
 *   -m     mute: never accept, with the shortest backlog there is. Once the queue is full, further
 *          connects stay in SYN_SENT
 *   -c MS  close each connection that long after accepting it, so that the server ends first
 *   -r MS  the same with a reset
 *
 * Prints {"listening": PORT} at once. When standard input ends: {"accepted", "ended", "ports"}.
 */
#include <getopt.h>
#include <sys/epoll.h>
#include <sys/resource.h>

#include "tool.h"

enum { ACCEPTED_MAX = 200000, BATCH = 256 };

enum manner { MANNER_SINK, MANNER_MUTE, MANNER_CLOSE, MANNER_RESET };

struct sink {
	int listener, queue;
	enum manner manner;
	long after_ms;
	size_t accepted, ended;
	unsigned *ports; /* of the clients, in order of acceptance */
};

static int listener_make(const char *host, unsigned port, int backlog)
{
	struct endpoint ep = endpoint_parse(host, port);
	int fd = tcp_socket(&ep), on = 1;

	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (bind(fd, (struct sockaddr *)&ep.address, ep.length))
		err(1, "bind");
	if (listen(fd, backlog))
		err(1, "listen");
	return fd;
}

static void queue_add(int queue, int fd)
{
	struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};

	if (epoll_ctl(queue, EPOLL_CTL_ADD, fd, &event))
		err(1, "epoll_ctl");
}

/* The server ends a connection; SO_LINGER 0 makes close() send RST. */
static void client_end(struct sink *sink, int fd)
{
	struct linger hard = {.l_onoff = 1, .l_linger = 0};

	sleep_ms(sink->after_ms);
	if (sink->manner == MANNER_RESET)
		setsockopt(fd, SOL_SOCKET, SO_LINGER, &hard, sizeof(hard));
	close(fd);
	sink->ended++;
}

static void clients_accept(struct sink *sink)
{
	struct endpoint from = {.length = sizeof(from.address)};
	int fd;

	while ((fd = accept4(sink->listener, (struct sockaddr *)&from.address, &from.length,
			SOCK_CLOEXEC | SOCK_NONBLOCK)) >= 0) {
		if (sink->accepted < ACCEPTED_MAX)
			sink->ports[sink->accepted] =
				ntohs(((struct sockaddr_in *)&from.address)->sin_port);
		sink->accepted++;
		if (sink->manner == MANNER_SINK)
			queue_add(sink->queue, fd);
		else
			client_end(sink, fd);
		from.length = sizeof(from.address);
	}
	if (errno != EAGAIN && errno != ECONNABORTED)
		err(1, "accept");
}

static void client_read(struct sink *sink, int fd)
{
	char buffer[4096];
	ssize_t got = read(fd, buffer, sizeof(buffer));

	if (got > 0 || (got < 0 && errno == EAGAIN))
		return;
	close(fd);
	sink->ended++;
}

/* Until standard input ends. */
static void sink_run(struct sink *sink)
{
	struct epoll_event events[BATCH];

	for (;;) {
		int count = epoll_wait(sink->queue, events, BATCH, -1);

		for (int i = 0; i < count; i++) {
			int fd = events[i].data.fd;

			if (fd == sink->listener)
				clients_accept(sink);
			else if (fd != STDIN_FILENO)
				client_read(sink, fd);
			else
				return;
		}
	}
}

static void sink_say(const struct sink *sink)
{
	printf("{\"accepted\": %zu, \"ended\": %zu, \"ports\": [", sink->accepted, sink->ended);
	for (size_t i = 0; i < sink->accepted && i < ACCEPTED_MAX; i++)
		printf("%s%u", i ? ", " : "", sink->ports[i]);
	printf("]}\n");
}

int main(int argc, char **argv)
{
	struct rlimit files = {.rlim_cur = 100000, .rlim_max = 100000};
	struct sink sink = {.manner = MANNER_SINK};
	int option;

	while ((option = getopt(argc, argv, "mc:r:")) != -1) {
		switch (option) {
		case 'm': sink.manner = MANNER_MUTE; break;
		case 'c': sink.manner = MANNER_CLOSE; break;
		case 'r': sink.manner = MANNER_RESET; break;
		default: exit(64);
		}
		if (optarg)
			sink.after_ms = atol(optarg);
	}
	if (argc - optind != 2)
		errx(64, "usage: sink [-m | -c MS | -r MS] HOST PORT");
	setrlimit(RLIMIT_NOFILE, &files);
	sink.ports = calloc(ACCEPTED_MAX, sizeof(*sink.ports));
	sink.queue = epoll_create1(EPOLL_CLOEXEC);
	if (!sink.ports || sink.queue < 0)
		err(1, "start");
	sink.listener = listener_make(
		argv[optind], port_parse(argv[optind + 1]), sink.manner == MANNER_MUTE ? 0 : 4096);
	if (sink.manner != MANNER_MUTE)
		queue_add(sink.queue, sink.listener);
	queue_add(sink.queue, STDIN_FILENO);
	printf("{\"listening\": %u}\n", port_local(sink.listener));
	fflush(stdout);
	sink_run(&sink);
	sink_say(&sink);
	free(sink.ports);
	return 0;
}
