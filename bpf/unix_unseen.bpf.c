// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * unix_unseen.bpf.c: where connect() can't be hooked (before Linux 6.7, or without cgroup2), the
 * connections that come and go between two snapshots. Their backends are children of a postmaster,
 * whose exits are seen: each is counted then, whole, from what its socket still shows.
 *
 *   postmaster found by a snapshot ──fork──▶ backend ──exit──▶ opened and ended, at once
 */
#include "unix.bpf.h"

/* Room for one exit: the stack of a program is 512 bytes, its callers' included. */
struct unseen {
	struct connection conn;
	struct event_end event;
};

/* Inserted, read: here, by the exiting task's processor. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct unseen);
} unix_unseen_room SEC(".maps");

/* connect() left its caller's pid in the server's end; NULL: that process is gone. */
static struct task_struct *opener_of(struct sock *server_end)
{
	struct pid *pid = BPF_CORE_READ(server_end, sk_peer_pid);
	struct hlist_node *first = pid ? BPF_CORE_READ(pid, tasks[PIDTYPE_TGID].first) : NULL;

	if (!first)
		return NULL;
	return (void *)first - bpf_core_field_offset(struct task_struct, pid_links[PIDTYPE_TGID]);
}

/* Of a client that is gone with its process, be it only just, nobody can tell any more whether it said
 * goodbye. */
static enum ending ending_of(struct sock *client_end, struct task_struct *opener, bool failed)
{
	if (unix_alive(client_end))
		return failed ? ENDING_HUNG_UP : ENDING_CLOSED;
	return opener && !(BPF_CORE_READ(opener, flags) & PF_EXITING) ? ENDING_CLOSED : ENDING_UNKNOWN;
}

static void count(struct connection *conn, enum ending ending)
{
	struct totals *totals = ledger_open(conn);

	if (!totals)
		return;
	__sync_fetch_and_add(&totals->attempted, 1);
	__sync_fetch_and_add(&totals->opened, 1);
	ledger_raise_open(totals);
	ledger_end(totals, ending, false);
}

static void tell(struct unseen *room, enum ending ending)
{
	struct event_end *event = &room->event;

	__builtin_memset(event, 0, sizeof(*event));
	event->head.kind = EVENT_END;
	event->head.size = sizeof(*event);
	event->head.time = bpf_ktime_get_boot_ns();
	event->cookie = 1ull << 63 | event->head.time; /* the kernel's own count from 1 */
	event->ledger = room->conn.ledger;
	event->opened_at = room->conn.opened_at;
	event->ending = ending;
	if (ending == ENDING_HUNG_UP || ending == ENDING_REFUSED)
		event->manner = MANNER_FIN;
	else if (ending == ENDING_CLOSED)
		event->manner = MANNER_CLOSE;
	if (!output_identity(
		    event, sizeof(*event))) /* now, while /proc can still name the opener */
		loss_count(LOSS_RING_FULL);
}

/* The exiting process has the server's end of a connection that no snapshot has counted. */
__hidden void unix_unseen(
	struct task_struct *backend, struct sock *client_end, struct sock *server_end, bool refuses)
{
	struct task_struct *opener = opener_of(server_end);
	__u32 zero = 0;
	struct unseen *room = bpf_map_lookup_elem(&unix_unseen_room, &zero);
	struct connection *conn;
	enum ending ending;

	if (!room || unix_hooked)
		return;
	conn = &room->conn;
	__builtin_memset(conn, 0, sizeof(*conn));
	if (!scope_has(opener ? opener : backend) ||
		!unix_server_of(&conn->ledger.server, address_of(server_end)))
		return;
	conn->opened_at = BPF_CORE_READ(backend, start_boottime);
	if (opener) {
		process_key_at(&conn->ledger.process, (__u64)opener);
		process_note(&conn->ledger.process);
	}
	ending = ENDING_REFUSED;
	if (!refuses)
		ending = ending_of(client_end, opener, BPF_CORE_READ(backend, exit_code) != 0);
	count(conn, ending);
	tell(room, ending);
	if (refuses)
		unix_infer(&conn->ledger, room->event.cookie);
}
