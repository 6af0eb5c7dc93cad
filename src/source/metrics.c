/* SPDX-License-Identifier: BSD-2-Clause */
/* metrics.c: --metrics: the pages, made from what is believed at the moment they are asked for. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "base/mem.h"
#include "page.h"
#include "serve.h"

struct metrics {
	struct serve *serve;
	const struct loop *loop;
	int timer; /* when the server wants to run although nothing is readable */
};

static const char index_page[] =
	"<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>pgleaktrace</title>\n"
	"<h1>pgleaktrace " PGLEAKTRACE_VERSION "</h1>\n"
	"<p>Which script is holding my PostgreSQL connections?</p>\n"
	"<ul><li><a href=\"/metrics\">/metrics</a>: OpenMetrics or classic Prometheus text</li>\n"
	"<li><a href=\"/healthz\">/healthz</a>: ok while it watches</li></ul></html>\n";

static char *fixed_text(const char *text, size_t *length)
{
	*length = strlen(text);
	return xstrdup(text);
}

static char *page(
	void *data, const char *path, const char *accept, const char **type, size_t *length)
{
	struct metrics *m = data;
	enum exposition exposition = exposition_choose(accept);

	if (!strcmp(path, "/metrics")) {
		*type = exposition_types[exposition];
		return page_metrics(m->loop, exposition, length);
	}
	if (!strcmp(path, "/healthz")) {
		*type = "text/plain; charset=utf-8";
		return fixed_text("ok\n", length);
	}
	*type = "text/html; charset=utf-8";
	return strcmp(path, "/") ? NULL : fixed_text(index_page, length);
}

static void run(struct metrics *m)
{
	int ms = serve_run(m->serve);
	struct itimerspec spec = {
		.it_value = {ms > 0 ? ms / 1000 : 0, ms > 0 ? ms % 1000 * 1000000 : 0}};

	timerfd_settime(m->timer, 0, &spec, NULL);
}

static int serve_ready(struct loop *l, int fd, void *data)
{
	(void)l;
	(void)fd;
	run(data);
	return 0;
}

static int time_ready(struct loop *l, int fd, void *data)
{
	(void)l;
	timer_clear(fd);
	run(data);
	return 0;
}

static void metrics_done(struct loop *l, int fd, void *data)
{
	struct metrics *m = data;

	(void)l;
	(void)fd;
	serve_close(m->serve);
	free(m);
}

static int lend_both(struct loop *l, struct metrics *m)
{
	int fd = fd_copy(serve_fd(m->serve)), index;

	m->timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	if (fd < 0 || m->timer < 0)
		return fd < 0 ? fd : -errno;
	index = loop_lend(l, m->timer, time_ready, m);
	if (index >= 0)
		index = loop_lend(l, fd, serve_ready, m);
	if (index >= 0)
		l->sources[index].done = metrics_done;
	return index;
}

int metrics_lend(struct loop *l)
{
	struct metrics *m;
	char address[80];
	int error;

	if (!l->options->metrics.ss_family)
		return 0;
	m = xcalloc(1, sizeof(*m));
	m->loop = l;
	error = serve_open(&m->serve, &l->options->metrics, page, m);
	if (error) {
		fprintf(stderr, "pgleaktrace: cannot serve metrics: %s\n",
			error == -ENOPKG ? "libmicrohttpd is not installed" : strerror(-error));
		free(m);
		return error;
	}
	serve_address(m->serve, address, sizeof(address));
	if (!l->options->quiet)
		fprintf(stderr, "pgleaktrace: metrics at http://%s/metrics\n", address);
	return lend_both(l, m);
}
