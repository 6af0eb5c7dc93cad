/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * leaker: opens connections, closes some of them, and ends the way it is told.
 *
 *   leaker HOST PORT [-n COUNT] [-c CLOSE] [-s APP] [-t] [-b PORT] [-w MS | -H] [-e END] [-T TAG]
 *
 * Prints {"pid", "opened", "closed", "left", "failed", "error", "ports"} after it has closed what
 * it closes and before it ends. TAG is for telling command lines apart.
 */
#include <getopt.h>
#include <pthread.h>
#include <signal.h>

#include "tool.h"

enum { CONNECTIONS_MAX = 20000 };

enum end { END_EXIT, END__EXIT, END_KILL };

static const char *const end_names[] = {
	[END_EXIT] = "exit",
	[END__EXIT] = "_exit",
	[END_KILL] = "kill",
};

struct job {
	struct endpoint server;
	const char *app; /* speak the protocol under this application_name; NULL: bare TCP */
	int count, close;
	unsigned source; /* first local port to bind; 0: the kernel's choice */
	bool thread, hold;
	long wait_ms;
	enum end end;
	int opened, failed, error;
	int *fds;
};

static void bytes_exact(int fd, char *buffer, size_t size)
{
	struct pollfd wait = {.fd = fd, .events = POLLIN};

	while (size > 0) {
		poll(&wait, 1, -1);
		ssize_t got = read(fd, buffer, size);
		if (got <= 0 && errno != EAGAIN)
			errx(2, "the server hung up during start-up");
		if (got > 0) {
			buffer += got;
			size -= (size_t)got;
		}
	}
}

/* StartupMessage, then read until ReadyForQuery; a server's error ends the program with 2. */
static void session_start(int fd, const char *app)
{
	static const char fixed[] = "user\0postgres\0database\0postgres\0application_name";
	char message[256] = {0}, head[5], body[4096];
	uint32_t size = (uint32_t)(8 + sizeof(fixed) + strlen(app) + 2);
	uint32_t wire = htonl(size), version = htonl(196608);

	if (size > sizeof(message))
		errx(64, "application name too long");
	memcpy(message, &wire, 4);
	memcpy(message + 4, &version, 4);
	memcpy(message + 8, fixed, sizeof(fixed));
	memcpy(message + 8 + sizeof(fixed), app, strlen(app));
	if (write(fd, message, size) != (ssize_t)size)
		err(1, "write");
	do {
		bytes_exact(fd, head, sizeof(head));
		memcpy(&wire, head + 1, 4);
		size = ntohl(wire) - 4;
		if (size > sizeof(body))
			errx(2, "message of %u bytes", size);
		bytes_exact(fd, body, size);
		if (head[0] == 'E')
			errx(2, "the server refused");
	} while (head[0] != 'Z');
}

static void source_bind(int fd, const struct job *job, int number)
{
	struct endpoint from = job->server;
	uint16_t port = htons((uint16_t)(job->source + (unsigned)number));
	int on = 1;

	if (from.address.ss_family == AF_INET6)
		((struct sockaddr_in6 *)&from.address)->sin6_port = port;
	else
		((struct sockaddr_in *)&from.address)->sin_port = port;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (bind(fd, (struct sockaddr *)&from.address, from.length))
		err(1, "bind");
}

static void *connections_open(void *arg)
{
	struct job *job = arg;

	for (int i = 0; i < job->count; i++) {
		int fd = tcp_socket(&job->server), error;

		if (job->source)
			source_bind(fd, job, i);
		error = tcp_connect(fd, &job->server);
		if (error) {
			job->failed++;
			job->error = -error;
			close(fd);
			continue;
		}
		if (job->app)
			session_start(fd, job->app);
		job->fds[job->opened++] = fd;
	}
	return NULL;
}

static void job_say(const struct job *job, const unsigned *ports)
{
	printf("{\"pid\": %d, \"opened\": %d, \"closed\": %d, \"left\": %d, \"failed\": %d, "
	       "\"error\": %d, \"ports\": [",
		getpid(), job->opened, job->close, job->opened - job->close, job->failed,
		job->error);
	for (int i = 0; i < job->opened; i++)
		printf("%s%u", i ? ", " : "", ports[i]);
	printf("]}\n");
	fflush(stdout);
}

static void job_run(struct job *job)
{
	unsigned *ports = calloc((size_t)job->count + 1, sizeof(*ports));
	pthread_t thread;

	if (!ports)
		errx(1, "out of memory");
	if (job->thread) {
		if (pthread_create(&thread, NULL, connections_open, job))
			errx(1, "pthread_create");
		pthread_join(thread, NULL);
	} else {
		connections_open(job);
	}
	for (int i = 0; i < job->opened; i++)
		ports[i] = port_local(job->fds[i]);
	if (job->close > job->opened)
		job->close = job->opened;
	for (int i = 0; i < job->close; i++) {
		if (job->app && write(job->fds[i], "X\0\0\0\4", 5) != 5)
			err(1, "write");
		close(job->fds[i]);
	}
	job_say(job, ports);
	free(ports);
}

static enum end end_parse(const char *name)
{
	for (size_t i = 0; i < sizeof(end_names) / sizeof(*end_names); i++)
		if (strcmp(name, end_names[i]) == 0)
			return (enum end)i;
	errx(64, "-e takes exit, _exit or kill");
}

static struct job job_parse(int argc, char **argv)
{
	struct job job = {.count = 1};
	int option;

	while ((option = getopt(argc, argv, "n:c:s:tb:w:He:T:")) != -1) {
		switch (option) {
		case 'n': job.count = atoi(optarg); break;
		case 'c': job.close = atoi(optarg); break;
		case 's': job.app = optarg; break;
		case 't': job.thread = true; break;
		case 'b': job.source = port_parse(optarg); break;
		case 'w': job.wait_ms = atol(optarg); break;
		case 'H': job.hold = true; break;
		case 'e': job.end = end_parse(optarg); break;
		case 'T': break;
		default: exit(64);
		}
	}
	if (argc - optind != 2 || job.count < 0 || job.count > CONNECTIONS_MAX)
		errx(64, "usage: leaker [options] HOST PORT");
	job.server = endpoint_parse(argv[optind], port_parse(argv[optind + 1]));
	job.fds = calloc((size_t)job.count + 1, sizeof(*job.fds));
	if (!job.fds)
		errx(1, "out of memory");
	return job;
}

int main(int argc, char **argv)
{
	struct job job = job_parse(argc, argv);

	job_run(&job);
	if (job.hold)
		stdin_wait();
	if (job.wait_ms)
		sleep_ms(job.wait_ms);
	if (job.end == END_KILL)
		raise(SIGKILL);
	if (job.end == END__EXIT)
		_exit(0);
	free(job.fds);
	return 0;
}
