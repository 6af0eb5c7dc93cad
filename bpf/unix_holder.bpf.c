// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/* unix_holder.bpf.c: who may have an end of a watched connection, so that its exit is looked at. */
#include "unix.bpf.h"

struct holder {
	__u64 forked; /* when it did last, or was: what it had then another has too; 0: never */
};

/* Processes that may have an end of a watched connection, by pid. Inserted: unix_hold(),
 * unix_forked(). Deleted: unix_leaves(). Read: both. Full: their connections' endings are told by
 * the snapshots alone: counted, but as closed or unknown; LOSS_SOCKETS_FULL says so. Resized
 * by --max-tracked before load. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 65536);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, __u32);
	__type(value, struct holder);
} unix_holders SEC(".maps");

static void hold(__u32 pid, __u64 forked)
{
	struct holder fresh = {.forked = forked};

	if ((forked || !bpf_map_lookup_elem(&unix_holders, &pid)) &&
		bpf_map_update_elem(&unix_holders, &pid, &fresh, BPF_ANY))
		loss_count(LOSS_SOCKETS_FULL);
}

__hidden void unix_hold(struct task_struct *task)
{
	hold((__u32)BPF_CORE_READ(task, tgid), 0);
}

/* A child has what its parent has. */
__hidden void unix_forked(struct task_struct *parent, struct task_struct *child)
{
	__u32 pid = (__u32)parent->tgid, child_pid = (__u32)child->tgid;
	struct holder *holder = bpf_map_lookup_elem(&unix_holders, &pid);

	if (!holder || pid == child_pid)
		return;
	holder->forked = bpf_ktime_get_boot_ns();
	hold(child_pid, holder->forked);
}

/* It exits, and may have an end of a connection: not one of its threads, whose process lives on. */
__hidden bool unix_leaves(struct task_struct *task, __u64 *forked)
{
	__u32 pid = (__u32)task->tgid;
	struct holder *holder = bpf_map_lookup_elem(&unix_holders, &pid);

	if (!holder || BPF_CORE_READ(task, signal, live.counter) != 0)
		return false;
	*forked = holder->forked;
	bpf_map_delete_elem(&unix_holders, &pid);
	return true;
}
