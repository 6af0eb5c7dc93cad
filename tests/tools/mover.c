/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * mover: opens one connection and lets it change hands.
 *
 *   mover fork HOST PORT          the child keeps it, the opener exits at once
 *   mover dup HOST PORT           two more descriptors; the first one is closed
 *   mover exec-keep HOST PORT     becomes `cat` with the descriptor still open
 *   mover exec-close HOST PORT    becomes `cat`; close-on-exec closes it
 *   mover send HOST PORT PATH     gives it to a `holder` listening at PATH and closes its own
 *   mover flight HOST PORT        sends it into a socket pair nobody reads: no process holds it
 *
 * Prints {"pid", "port", …} once the connection is where it will stay, and waits there until
 * standard input ends.
 */
#include "tool.h"

struct move {
	const char *name;
	void (*run)(int fd, const char *path);
};

static void move_say(const char *more, int value, unsigned port)
{
	printf("{\"pid\": %d, \"%s\": %d, \"port\": %u}\n", getpid(), more, value, port);
	fflush(stdout);
}

static void move_fork(int fd, const char *path)
{
	pid_t child;

	(void)path;
	child = fork();
	if (child < 0)
		err(1, "fork");
	if (child > 0) {
		move_say("child", child, port_local(fd));
		_exit(0);
	}
	stdin_wait();
	_exit(0);
}

static void move_dup(int fd, const char *path)
{
	int second = dup(fd), third = fcntl(fd, F_DUPFD_CLOEXEC, 100);

	(void)path;
	if (second < 0 || third < 0)
		err(1, "dup");
	close(fd);
	move_say("fds", 2, port_local(second));
	stdin_wait();
	close(second);
	close(third);
}

static void cat_become(int fd, int flags)
{
	if (fcntl(fd, F_SETFD, flags))
		err(1, "fcntl");
	move_say("fd", fd, port_local(fd));
	execlp("cat", "cat", "-", (char *)NULL);
	err(1, "cat");
}

static void move_exec_keep(int fd, const char *path)
{
	(void)path;
	cat_become(fd, 0);
}

static void move_exec_close(int fd, const char *path)
{
	(void)path;
	cat_become(fd, FD_CLOEXEC);
}

static void move_send(int fd, const char *path)
{
	int channel = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct sockaddr_un there = unix_address(path);
	unsigned port = port_local(fd);
	char taken;

	if (connect(channel, (struct sockaddr *)&there, sizeof(there)))
		err(1, "%s", path);
	fd_send(channel, fd);
	if (read(channel, &taken, 1) != 1) /* the holder says when it has it */
		errx(1, "the holder did not take it");
	close(fd);
	close(channel);
	move_say("fd", -1, port);
	stdin_wait();
}

static void move_flight(int fd, const char *path)
{
	int pair[2];
	unsigned port = port_local(fd);

	(void)path;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair))
		err(1, "socketpair");
	fd_send(pair[0], fd);
	close(fd);
	move_say("fd", -1, port);
	stdin_wait();
}

static const struct move moves[] = {
	{"fork", move_fork},
	{"dup", move_dup},
	{"exec-keep", move_exec_keep},
	{"exec-close", move_exec_close},
	{"send", move_send},
	{"flight", move_flight},
};

int main(int argc, char **argv)
{
	struct endpoint server;

	if (argc < 4)
		errx(64, "usage: mover MOVE HOST PORT [PATH]");
	for (size_t i = 0; i < sizeof(moves) / sizeof(*moves); i++) {
		if (strcmp(argv[1], moves[i].name) != 0)
			continue;
		if (moves[i].run == move_send && argc < 5)
			errx(64, "send needs the path of a holder");
		server = endpoint_parse(argv[2], port_parse(argv[3]));
		moves[i].run(tcp_open(&server), argv[4]);
		return 0;
	}
	errx(64, "no such move: %s", argv[1]);
}
