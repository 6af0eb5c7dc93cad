/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * holder: a process that gets a connection it never opened.
 *
 *   holder PATH [exit]
 *
 * Listens on the unix socket PATH and says {"pid", "listening"}; takes one descriptor from the first
 * who connects and says {"pid", "fd", "port"}; keeps it until standard input ends. Then it closes
 * it, or with `exit` leaves that to the kernel.
 */
#include "tool.h"

static int holder_listen(const char *path)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct sockaddr_un here = unix_address(path);

	if (fd < 0 || bind(fd, (struct sockaddr *)&here, sizeof(here)) || listen(fd, 1))
		err(1, "%s", path);
	printf("{\"pid\": %d, \"listening\": true}\n", getpid());
	fflush(stdout);
	return fd;
}

static int holder_take(int listener)
{
	int channel = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	int fd;

	if (channel < 0)
		err(1, "accept");
	fd = fd_receive(channel);
	if (fd < 0 || write(channel, "t", 1) != 1)
		errx(1, "no descriptor came");
	close(channel);
	return fd;
}

int main(int argc, char **argv)
{
	int fd;

	if (argc < 2)
		errx(64, "usage: holder PATH [exit]");
	fd = holder_take(holder_listen(argv[1]));
	printf("{\"pid\": %d, \"fd\": %d, \"port\": %u}\n", getpid(), fd, port_local(fd));
	fflush(stdout);
	stdin_wait();
	if (argc > 2 && strcmp(argv[2], "exit") == 0)
		_exit(0);
	close(fd);
	return 0;
}
