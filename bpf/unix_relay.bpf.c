// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/* unix_relay.bpf.c: who listens at a watched name and is no PostgreSQL: a pooler, a proxy. */
#include "unix.bpf.h"

/* Servers that are no PostgreSQL, with the number of the last look that saw them listen. Inserted:
 * unix_relay_seen(). Deleted: never. Read: unix_is_relay(). Full: connections to more of them that
 * come and go between two looks are taken for failed. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1024);
	__type(key, struct server_key);
	__type(value, __u32);
} unix_relays SEC(".maps");

/* By its name, as src/stream/live_servers.c knows a postmaster. */
__hidden bool unix_is_postgres(struct task_struct *task)
{
	char comm[EVENT_COMM] = {};

	process_comm_of(task, comm);
	return !bpf_strncmp(comm, 9, "postgres") || !bpf_strncmp(comm, 11, "postmaster");
}

/* Somebody listens there. Who is no PostgreSQL need not ask its sockets for their name. */
__hidden void unix_relay_seen(struct task_struct *task, const struct server_key *server)
{
	__u32 number = snapshot_number;

	if (!unix_is_postgres(task))
		bpf_map_update_elem(&unix_relays, server, &number, BPF_ANY);
}

/* … and did at the last look or the one before. */
__hidden bool unix_is_relay(struct server_key *key)
{
	__u32 *seen;

	unix_asked_server(key);
	seen = bpf_map_lookup_elem(&unix_relays, key);
	return seen && *seen + 1 >= snapshot_number;
}
