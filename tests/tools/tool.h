/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * tool.h: what the small programs of the live tests share. Each does something odd with sockets and
 * then says in one JSON line what it did: the truth a report of the tracer is compared with.
 * Connecting is non-blocking, as every real client's is.
 */
#ifndef PGLEAKTRACE_TOOL_H
#define PGLEAKTRACE_TOOL_H

#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

/* Room for either family; `length` is what connect() and bind() want. */
struct endpoint {
	struct sockaddr_storage address;
	socklen_t length;
};

/* HOST is a numeric address, "::ffff:127.0.0.1" included. */
static inline struct endpoint endpoint_parse(const char *host, unsigned port)
{
	struct endpoint ep = {0};
	struct sockaddr_in *v4 = (struct sockaddr_in *)&ep.address;
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&ep.address;

	if (inet_pton(AF_INET, host, &v4->sin_addr) == 1) {
		v4->sin_family = AF_INET;
		v4->sin_port = htons((uint16_t)port);
		ep.length = sizeof(*v4);
	} else if (inet_pton(AF_INET6, host, &v6->sin6_addr) == 1) {
		v6->sin6_family = AF_INET6;
		v6->sin6_port = htons((uint16_t)port);
		ep.length = sizeof(*v6);
	} else {
		errx(64, "%s is not a numeric address", host);
	}
	return ep;
}

static inline unsigned port_parse(const char *text)
{
	unsigned long port = strtoul(text, NULL, 10);

	if (port == 0 || port > 65535)
		errx(64, "%s is not a port", text);
	return (unsigned)port;
}

/* The local port of a socket; 0 before it has one. */
static inline unsigned port_local(int fd)
{
	struct endpoint ep = {.length = sizeof(ep.address)};

	if (getsockname(fd, (struct sockaddr *)&ep.address, &ep.length))
		return 0;
	if (ep.address.ss_family == AF_INET6)
		return ntohs(((struct sockaddr_in6 *)&ep.address)->sin6_port);
	return ntohs(((struct sockaddr_in *)&ep.address)->sin_port);
}

/* A TCP socket, close-on-exec as libpq makes it. */
static inline int tcp_socket(const struct endpoint *ep)
{
	int fd = socket(ep->address.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0)
		err(1, "socket");
	return fd;
}

/* Connect `fd` and wait until it is established, however long that takes. 0 or -errno. */
static inline int tcp_connect(int fd, const struct endpoint *ep)
{
	struct pollfd wait = {.fd = fd, .events = POLLOUT};
	int error = 0;
	socklen_t size = sizeof(error);

	if (connect(fd, (const struct sockaddr *)&ep->address, ep->length) == 0)
		return 0;
	if (errno != EINPROGRESS)
		return -errno;
	while (poll(&wait, 1, -1) < 0)
		if (errno != EINTR)
			return -errno;
	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size))
		return -errno;
	return -error;
}

/* A connected socket, or the end of the program. */
static inline int tcp_open(const struct endpoint *ep)
{
	int fd = tcp_socket(ep);
	int error = tcp_connect(fd, ep);

	if (error)
		errx(1, "connect: %s", strerror(-error));
	return fd;
}

/* Until standard input ends: the test closes it when it has looked. */
static inline void stdin_wait(void)
{
	char byte;

	while (read(STDIN_FILENO, &byte, 1) > 0)
		;
}

static inline void sleep_ms(long ms)
{
	struct timespec pause = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};

	nanosleep(&pause, NULL);
}

static inline double now_seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* Send one descriptor over a connected unix socket. */
static inline void fd_send(int channel, int fd)
{
	union {
		struct cmsghdr head;
		char room[CMSG_SPACE(sizeof(int))];
	} control = {0};
	char byte = 'f';
	struct iovec data = {.iov_base = &byte, .iov_len = 1};
	struct msghdr message = {.msg_iov = &data,
		.msg_iovlen = 1,
		.msg_control = control.room,
		.msg_controllen = sizeof(control.room)};

	control.head.cmsg_level = SOL_SOCKET;
	control.head.cmsg_type = SCM_RIGHTS;
	control.head.cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(&control.head), &fd, sizeof(fd));
	if (sendmsg(channel, &message, 0) != 1)
		err(1, "sendmsg");
}

/* Receive one descriptor; -1 when the other side is gone. */
static inline int fd_receive(int channel)
{
	union {
		struct cmsghdr head;
		char room[CMSG_SPACE(sizeof(int))];
	} control = {0};
	char byte;
	struct iovec data = {.iov_base = &byte, .iov_len = 1};
	struct msghdr message = {.msg_iov = &data,
		.msg_iovlen = 1,
		.msg_control = control.room,
		.msg_controllen = sizeof(control.room)};
	int fd = -1;

	if (recvmsg(channel, &message, 0) != 1)
		return -1;
	if (CMSG_FIRSTHDR(&message))
		memcpy(&fd, CMSG_DATA(&control.head), sizeof(fd));
	return fd;
}

static inline struct sockaddr_un unix_address(const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};

	if (strlen(path) >= sizeof(address.sun_path))
		errx(64, "%s is too long for a unix socket", path);
	memcpy(address.sun_path, path, strlen(path));
	return address;
}

#endif
