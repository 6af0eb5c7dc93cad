/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * crowd: many connections held by many processes, among many that have none.
 *
 *   crowd PORT CONNECTIONS HOLDERS [-b BYSTANDERS] [-f FDS]
 *
 * Servers of its own accept all of them and keep them (one process for every 4,000, so that the
 * usual limit of descriptors is enough). Each holder opens its
 * share; each bystander has FDS (50) descriptors of a plain file. Prints {"pid", "connections",
 * "holders", "bystanders"} when all is there, and is gone, with all processes, when standard input
 * ends. The clients bind 127.0.1.1 … 127.0.1.250 in turn: one address has only 28,000 ports.
 */
#include <getopt.h>
#include <sys/prctl.h>

#include "tool.h"

enum { SOURCES = 250, ACCEPTED = 4000 };

struct crowd {
	struct endpoint server;
	long connections, servers, holders, bystanders, fds;
	int done[2]; /* each member writes one byte when it has what it holds */
	int over[2]; /* ends for all when the first process does */
	int listener;
};

static void member_wait(const struct crowd *crowd)
{
	char byte;

	if (write(crowd->done[1], "d", 1) != 1 || read(crowd->over[0], &byte, 1) < 0)
		err(1, "pipe");
	_exit(0);
}

/* From where the member's share of `all` begins; the next one's begin is its end. */
static long share(long all, long number, long members)
{
	return all * number / members;
}

static void server_run(const struct crowd *crowd, long number)
{
	long from = share(crowd->connections, number, crowd->servers);
	long to = share(crowd->connections, number + 1, crowd->servers);

	for (long i = from; i < to; i++)
		if (accept4(crowd->listener, NULL, NULL, SOCK_CLOEXEC) < 0)
			err(1, "accept");
}

static void holder_run(const struct crowd *crowd, long number)
{
	long from = share(crowd->connections, number, crowd->holders);
	long to = share(crowd->connections, number + 1, crowd->holders);
	struct sockaddr_in source = {.sin_family = AF_INET};
	int on = 1;

	close(crowd->listener);
	for (long i = from; i < to; i++) {
		int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

		source.sin_addr.s_addr = htonl(0x7f000101u + (uint32_t)(i % SOURCES));
		if (fd < 0 ||
			setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof(on)) ||
			bind(fd, (struct sockaddr *)&source, sizeof(source)) ||
			connect(fd, (const struct sockaddr *)&crowd->server.address,
				crowd->server.length))
			err(1, "connection %ld", i);
	}
}

static void bystander_run(const struct crowd *crowd, long number)
{
	(void)number;
	close(crowd->listener);
	for (long i = 0; i < crowd->fds; i++)
		if (open("/proc/self/exe", O_RDONLY | O_CLOEXEC) < 0)
			err(1, "open");
}

/* They know each other only through the pipes: nobody inherits a connection. */
static void members_start(const struct crowd *crowd, long count, const char *name,
	void (*run)(const struct crowd *, long))
{
	for (long i = 0; i < count; i++) {
		pid_t child = fork();

		if (child < 0)
			err(1, "fork");
		if (child)
			continue;
		close(crowd->over[1]);
		prctl(PR_SET_NAME, name);
		run(crowd, i);
		member_wait(crowd);
	}
}

static void members_done(const struct crowd *crowd, long count)
{
	char byte;

	for (long i = 0; i < count; i++)
		if (read(crowd->done[0], &byte, 1) != 1)
			errx(1, "a member ended early");
}

static void crowd_listen(struct crowd *crowd)
{
	int on = 1;

	crowd->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	setsockopt(crowd->listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (bind(crowd->listener, (const struct sockaddr *)&crowd->server.address,
		    crowd->server.length) ||
		listen(crowd->listener, 4096))
		err(1, "listen");
	if (pipe2(crowd->done, O_CLOEXEC) || pipe2(crowd->over, O_CLOEXEC))
		err(1, "pipe");
}

static struct crowd crowd_parse(int argc, char **argv)
{
	struct crowd crowd = {.fds = 50};
	int option;

	while ((option = getopt(argc, argv, "b:f:")) != -1) {
		switch (option) {
		case 'b': crowd.bystanders = atol(optarg); break;
		case 'f': crowd.fds = atol(optarg); break;
		default: exit(64);
		}
	}
	if (argc - optind != 3 || (crowd.holders = atol(argv[optind + 2])) < 1)
		errx(64, "usage: crowd PORT CONNECTIONS HOLDERS [-b BYSTANDERS] [-f FDS]");
	crowd.server = endpoint_parse("127.0.0.1", port_parse(argv[optind]));
	crowd.connections = atol(argv[optind + 1]);
	crowd.servers = 1 + crowd.connections / ACCEPTED;
	return crowd;
}

int main(int argc, char **argv)
{
	struct crowd crowd = crowd_parse(argc, argv);

	crowd_listen(&crowd);
	members_start(&crowd, crowd.servers, "crowd-server", server_run);
	members_start(&crowd, crowd.holders, "crowd-holder", holder_run);
	members_start(&crowd, crowd.bystanders, "crowd-by", bystander_run);
	close(crowd.listener);
	close(crowd.done[1]);
	members_done(&crowd, crowd.servers + crowd.holders + crowd.bystanders);
	printf("{\"pid\": %d, \"connections\": %ld, \"holders\": %ld, \"bystanders\": %ld}\n",
		getpid(), crowd.connections, crowd.holders, crowd.bystanders);
	fflush(stdout);
	stdin_wait();
	return 0;
}
