/* SPDX-License-Identifier: BSD-2-Clause */
/* serve.c: see serve.h. libmicrohttpd does the protocol; the limits here are what makes a slow or a
 * hostile client harmless. */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/types.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <utlist.h>

#include "base/mem.h"
#include "httpd.h"
#include "serve.h"

#define CLIENTS_MOST   32   /* at once; more wait to be accepted */
#define CLIENT_SECONDS 10   /* in all, then it is cut off, however busy it looks */
#define CROWDED_MS     1000 /* the same while others wait */
#define CLIENT_MEMORY  8192 /* bytes for its request */
#define RUNS_AT_ONCE   16   /* before others have their turn */

/* One that is connected. */
struct client {
	struct client *prev, *next;
	int fd;
	__u64 since; /* ms */
};

struct serve {
	struct httpd mhd;
	struct MHD_Daemon *daemon;
	struct client *clients; /* oldest first */
	size_t count;
	serve_page *page;
	void *data;
	int fd;
	struct sockaddr_storage address;
};

static __u64 now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (__u64)now.tv_sec * 1000 + (__u64)now.tv_nsec / 1000000;
}

static void on_client(void *data, struct MHD_Connection *connection, void **context,
	enum MHD_ConnectionNotificationCode what)
{
	struct serve *serve = data;
	struct client *client = *context;

	if (what == MHD_CONNECTION_NOTIFY_STARTED) {
		*context = client = xcalloc(1, sizeof(*client));
		client->fd =
			serve->mhd
				.get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD)
				->connect_fd;
		client->since = now_ms();
		DL_APPEND(serve->clients, client);
		serve->count++;
	} else {
		DL_DELETE(serve->clients, client);
		serve->count--;
		free(client);
	}
}

/* A client that sends a byte now and then is never without progress: its time is counted from its
 * begin. With all places taken the oldest has to go sooner. Returns ms to the next that is due. */
static int cut_off(const struct serve *serve)
{
	__u64 now = now_ms(),
	      most = serve->count == CLIENTS_MOST ? CROWDED_MS : CLIENT_SECONDS * 1000;
	struct client *client;

	DL_FOREACH (serve->clients, client) {
		if (now - client->since < most)
			return (int)(most - (now - client->since));
		shutdown(client->fd, SHUT_RDWR);
	}
	return -1;
}

static enum MHD_Result answer(const struct httpd *mhd, struct MHD_Connection *client,
	unsigned status, const char *type, char *text, size_t length)
{
	struct MHD_Response *response =
		mhd->create_response_from_buffer(length, text, MHD_RESPMEM_MUST_FREE);
	enum MHD_Result result;

	if (!response) {
		free(text);
		return MHD_NO;
	}
	mhd->add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, type);
	mhd->add_response_header(response, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store");
	mhd->add_response_header(response, "X-Content-Type-Options", "nosniff");
	/* One answer each: nobody keeps a place for later. */
	mhd->add_response_header(response, MHD_HTTP_HEADER_CONNECTION, "close");
	if (status == MHD_HTTP_METHOD_NOT_ALLOWED)
		mhd->add_response_header(response, MHD_HTTP_HEADER_ALLOW, "GET, HEAD");
	result = mhd->queue_response(client, status, response);
	mhd->destroy_response(response);
	return result;
}

static enum MHD_Result complain(
	const struct httpd *mhd, struct MHD_Connection *client, unsigned status, const char *text)
{
	return answer(
		mhd, client, status, "text/plain; charset=utf-8", xstrdup(text), strlen(text));
}

static enum MHD_Result on_request(void *data, struct MHD_Connection *client, const char *path,
	const char *method, const char *version, const char *body, size_t *body_size, void **state)
{
	struct serve *serve = data;
	const char *accept, *type = NULL;
	size_t length = 0;
	char *text;

	(void)version;
	(void)body;
	if (!*state) { /* the headers are there; a body, if any, is thrown away */
		*state = serve;
		return MHD_YES;
	}
	if (*body_size) {
		*body_size = 0;
		return MHD_YES;
	}
	if (strcmp(method, MHD_HTTP_METHOD_GET) && strcmp(method, MHD_HTTP_METHOD_HEAD))
		return complain(
			&serve->mhd, client, MHD_HTTP_METHOD_NOT_ALLOWED, "only GET and HEAD\n");
	accept =
		serve->mhd.lookup_connection_value(client, MHD_HEADER_KIND, MHD_HTTP_HEADER_ACCEPT);
	text = serve->page(serve->data, path, accept ? accept : "", &type, &length);
	if (!text)
		return complain(&serve->mhd, client, MHD_HTTP_NOT_FOUND, "no such page\n");
	return answer(&serve->mhd, client, MHD_HTTP_OK, type, text, length);
}

static int listen_at(const struct sockaddr_storage *address)
{
	socklen_t size = address->ss_family == AF_INET ? sizeof(struct sockaddr_in)
						       : sizeof(struct sockaddr_in6);
	int fd = socket(address->ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int on = 1, error;

	if (fd < 0)
		return -errno;
	if (!setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) &&
		!bind(fd, (const struct sockaddr *)address, size) && !listen(fd, CLIENTS_MOST))
		return fd;
	error = -errno;
	close(fd);
	return error;
}

static int start(struct serve *serve, int fd)
{
	serve->daemon = serve->mhd.start_daemon(MHD_USE_EPOLL, 0, NULL, NULL, on_request, serve,
		MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_CONNECTION_LIMIT, CLIENTS_MOST,
		MHD_OPTION_CONNECTION_TIMEOUT, CLIENT_SECONDS, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
		(size_t)CLIENT_MEMORY, MHD_OPTION_NOTIFY_CONNECTION, on_client, serve,
		MHD_OPTION_END);
	if (!serve->daemon)
		return -ENOMEM;
	serve->fd = serve->mhd.get_daemon_info(serve->daemon, MHD_DAEMON_INFO_EPOLL_FD)->epoll_fd;
	return 0;
}

int serve_open(
	struct serve **out, const struct sockaddr_storage *address, serve_page *page, void *data)
{
	struct serve *serve = xcalloc(1, sizeof(*serve));
	int fd = httpd_load(&serve->mhd), error;
	socklen_t size = sizeof(serve->address);

	serve->page = page;
	serve->data = data;
	if (!fd)
		fd = listen_at(address);
	error = fd < 0 ? fd : start(serve, fd);
	if (error) {
		if (fd >= 0)
			close(fd);
		free(serve);
		return error;
	}
	getsockname(fd, (struct sockaddr *)&serve->address, &size);
	*out = serve;
	return 0;
}

int serve_fd(const struct serve *serve)
{
	return serve->fd;
}

void serve_address(const struct serve *serve, char *out, size_t size)
{
	const struct sockaddr_in *four = (const void *)&serve->address;
	const struct sockaddr_in6 *six = (const void *)&serve->address;
	char text[INET6_ADDRSTRLEN];

	if (serve->address.ss_family == AF_INET)
		snprintf(out, size, "%s:%u",
			inet_ntop(AF_INET, &four->sin_addr, text, sizeof(text)),
			ntohs(four->sin_port));
	else
		snprintf(out, size, "[%s]:%u",
			inet_ntop(AF_INET6, &six->sin6_addr, text, sizeof(text)),
			ntohs(six->sin6_port));
}

/* A full house does not listen, and only the next run after a place is free opens the door. */
static bool run_once(struct serve *serve)
{
	bool full = serve->count == CLIENTS_MOST;

	serve->mhd.run(serve->daemon);
	return full && serve->count < CLIENTS_MOST;
}

int serve_run(struct serve *serve)
{
	MHD_UNSIGNED_LONG_LONG ms;

	for (int i = 0; i < RUNS_AT_ONCE; i++) {
		bool again = run_once(serve);
		int due = cut_off(serve);

		if (again)
			continue;
		if (serve->mhd.get_timeout(serve->daemon, &ms) != MHD_YES)
			return due;
		if (ms)
			return due >= 0 && (unsigned)due < ms ? due : ms > 1000 ? 1000 : (int)ms;
	}
	return 1;
}

void serve_close(struct serve *serve)
{
	if (!serve)
		return;
	serve->mhd.stop_daemon(serve->daemon);
	free(serve);
}
