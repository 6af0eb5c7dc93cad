/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * openmetrics_servers.c: what is known of each server. One that is reached by two addresses has its
 * numbers under both: the labels data_directory and container say that they are one.
 */
#include <string.h>

#include "base/address.h"
#include "view/openmetrics_page.h"

/* A number of a server; false: not known. */
typedef bool server_number(const struct server_row *row, __u64 *out);

static const char *data_of(const struct server_row *row)
{
	return row->instance && row->instance->data_directory ? row->instance->data_directory : "";
}

static const char *container_of(const struct server_row *row)
{
	return row->instance && row->instance->container ? row->instance->container : "";
}

/* One address in several network namespaces, and nothing else to tell them apart by. */
static bool same_labels(const struct server_row *a, const struct server_row *b)
{
	return !memcmp(&a->key, &b->key, offsetof(struct server_key, netns)) &&
	       !strcmp(data_of(a), data_of(b)) && !strcmp(container_of(a), container_of(b));
}

static void write_server(const struct page *p, const struct family *f, const struct server_row *row)
{
	char server[4200];

	server_text(server, sizeof(server), &row->key, row->path);
	page_name(p, f, "");
	exposition_label(p->out, "server", server, true);
	exposition_label(p->out, "data_directory", data_of(row), false);
	exposition_label(p->out, "container", container_of(row), false);
	fputc('}', p->out);
}

static void each_server(const struct page *p, const struct family *f, server_number *get,
	void (*write)(const struct page *, __u64))
{
	for (size_t i = 0; i < p->snapshot->server_count; i++) {
		const struct server_row *row = &p->snapshot->servers[i];
		bool told = false;
		__u64 value;

		for (size_t j = 0; j < i && !told; j++)
			told = same_labels(&p->snapshot->servers[j], row) &&
			       get(&p->snapshot->servers[j], &value);
		if (told || !get(row, &value))
			continue;
		write_server(p, f, row);
		write(p, value);
	}
}

static bool is_postgresql(const struct server_row *row)
{
	return row->instance && row->instance->kind == SERVER_POSTGRESQL;
}

static bool limit_of(const struct server_row *row, __u64 *out)
{
	*out = (__u64)row->max_connections;
	return row->max_connections >= 0;
}

static bool reserved_of(const struct server_row *row, __u64 *out)
{
	if (!is_postgresql(row) || row->instance->reserved < 0)
		return false;
	*out = (__u64)row->instance->reserved;
	return true;
}

static bool used_of(const struct server_row *row, __u64 *out)
{
	*out = is_postgresql(row) ? row->instance->used : 0;
	return is_postgresql(row);
}

static bool orphaned_of(const struct server_row *row, __u64 *out)
{
	*out = is_postgresql(row) ? row->instance->orphan_count : 0;
	return is_postgresql(row);
}

static bool remote_of(const struct server_row *row, __u64 *out)
{
	*out = 0;
	for (size_t i = 0; is_postgresql(row) && i < row->instance->remote_count; i++)
		*out += row->instance->remotes[i].slots;
	return is_postgresql(row);
}

static bool full_in_of(const struct server_row *row, __u64 *out)
{
	*out = is_postgresql(row) ? row->instance->full_in : 0;
	return *out > 0;
}

void write_server_limit(const struct page *p, const struct family *f)
{
	each_server(p, f, limit_of, page_number);
}

void write_server_reserved(const struct page *p, const struct family *f)
{
	each_server(p, f, reserved_of, page_number);
}

void write_server_used(const struct page *p, const struct family *f)
{
	each_server(p, f, used_of, page_number);
}

void write_server_orphaned(const struct page *p, const struct family *f)
{
	each_server(p, f, orphaned_of, page_number);
}

void write_server_remote(const struct page *p, const struct family *f)
{
	each_server(p, f, remote_of, page_number);
}

void write_server_full_in(const struct page *p, const struct family *f)
{
	each_server(p, f, full_in_of, page_seconds);
}
