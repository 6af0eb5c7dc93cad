/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * storm: connects and closes as fast as it can.
 *
 *   storm PORT COUNT [-j THREADS] [-k KEEP] [-w]
 *
 * Without PostgreSQL: the server is a child of its own that accepts and closes after its client (so
 * that the client's exit never races with the server's). The last KEEP connections are left open
 * for the exit to end; with -w not before standard input ends. Prints {"pid", "opened", "closed",
 * "left", "seconds", "rate"}.
 *
 * The clients bind 127.0.1.1 … 127.0.1.250 in turn, since closed ones keep their port for a minute.
 */
#include <getopt.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include "tool.h"

enum { SOURCES = 250, THREADS_MAX = 64, BATCH = 256 };

struct storm {
	struct endpoint server;
	int threads;
	long count, keep;
};

struct client {
	const struct storm *storm;
	pthread_t thread;
	long opened, closed;
	int number;
};

static void queue_add(int queue, int fd)
{
	struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};

	if (epoll_ctl(queue, EPOLL_CTL_ADD, fd, &event))
		err(1, "epoll_ctl");
}

/* Most clients have closed by the time they are accepted; only the others are waited for. */
static long clients_accept(int listener, int queue)
{
	char byte;
	long waiting = 0;
	int fd;

	while ((fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK)) >= 0) {
		if (read(fd, &byte, 1) < 0 && errno == EAGAIN) {
			queue_add(queue, fd);
			waiting++;
		} else {
			close(fd);
		}
	}
	return waiting;
}

/* Ends when the storm's end of `alive` is closed and every client is gone. */
static _Noreturn void server_run(int listener, int alive)
{
	struct epoll_event events[BATCH];
	int queue = epoll_create1(EPOLL_CLOEXEC);
	long waiting = 0;
	bool ending = false;

	prctl(PR_SET_NAME, "storm-server");
	queue_add(queue, listener);
	queue_add(queue, alive);
	while (!ending || waiting > 0) {
		int count = epoll_wait(queue, events, BATCH, -1);

		for (int i = 0; i < count; i++) {
			int fd = events[i].data.fd;

			if (fd == listener) {
				waiting += clients_accept(listener, queue);
				continue;
			}
			close(fd);
			if (fd == alive)
				ending = true;
			else
				waiting--;
		}
	}
	_exit(0);
}

static void server_start(const struct storm *storm)
{
	int listener = tcp_socket(&storm->server), on = 1, alive[2];
	pid_t child;

	setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (bind(listener, (const struct sockaddr *)&storm->server.address, storm->server.length) ||
		listen(listener, 4096) || pipe2(alive, O_CLOEXEC))
		err(1, "listen");
	child = fork();
	if (child < 0)
		err(1, "fork");
	if (child == 0) {
		close(alive[1]);
		server_run(listener, alive[0]);
	}
	close(listener);
	close(alive[0]); /* alive[1] stays open as long as this process lives */
}

static int storm_connect(const struct storm *storm, long number)
{
	struct sockaddr_in from = {.sin_family = AF_INET};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;

	from.sin_addr.s_addr = htonl(0x7f000101u + (uint32_t)(number % SOURCES));
	if (fd < 0 || setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof(on)) ||
		bind(fd, (struct sockaddr *)&from, sizeof(from)))
		err(1, "socket");
	if (connect(fd, (const struct sockaddr *)&storm->server.address, storm->server.length))
		err(1, "connect");
	return fd;
}

static void *client_run(void *arg)
{
	struct client *client = arg;
	const struct storm *storm = client->storm;
	long mine = storm->count / storm->threads, keep = storm->keep / storm->threads;

	for (long i = 0; i < mine; i++) {
		int fd = storm_connect(storm, client->number + i * storm->threads);

		client->opened++;
		if (i >= mine - keep)
			continue;
		close(fd);
		client->closed++;
	}
	return NULL;
}

static struct storm storm_parse(int argc, char **argv, bool *wait)
{
	struct storm storm = {.threads = 1};
	int option;

	while ((option = getopt(argc, argv, "j:k:w")) != -1) {
		switch (option) {
		case 'j': storm.threads = atoi(optarg); break;
		case 'k': storm.keep = atol(optarg); break;
		case 'w': *wait = true; break;
		default: exit(64);
		}
	}
	if (argc - optind != 2 || storm.threads < 1 || storm.threads > THREADS_MAX)
		errx(64, "usage: storm PORT COUNT [-j THREADS] [-k KEEP] [-w]");
	storm.server = endpoint_parse("127.0.0.1", port_parse(argv[optind]));
	storm.count = atol(argv[optind + 1]);
	if (storm.count % storm.threads || storm.keep % storm.threads || storm.keep > storm.count)
		errx(64, "COUNT and KEEP must be multiples of THREADS");
	return storm;
}

static void storm_run(const struct storm *storm)
{
	struct client clients[THREADS_MAX] = {0};
	long opened = 0, closed = 0;
	double start = now_seconds(), seconds;

	for (int i = 0; i < storm->threads; i++) {
		clients[i].storm = storm;
		clients[i].number = i;
		if (pthread_create(&clients[i].thread, NULL, client_run, &clients[i]))
			errx(1, "pthread_create");
	}
	for (int i = 0; i < storm->threads; i++) {
		pthread_join(clients[i].thread, NULL);
		opened += clients[i].opened;
		closed += clients[i].closed;
	}
	seconds = now_seconds() - start;
	printf("{\"pid\": %d, \"opened\": %ld, \"closed\": %ld, \"left\": %ld, \"seconds\": %.3f, "
	       "\"rate\": %.0f}\n",
		getpid(), opened, closed, opened - closed, seconds, (double)opened / seconds);
	fflush(stdout);
}

int main(int argc, char **argv)
{
	struct rlimit files = {.rlim_cur = 100000, .rlim_max = 100000};
	bool wait = false;
	struct storm storm = storm_parse(argc, argv, &wait);

	setrlimit(RLIMIT_NOFILE, &files);
	server_start(&storm);
	storm_run(&storm);
	if (wait)
		stdin_wait();
	return 0;
}
