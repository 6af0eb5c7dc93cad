// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * scope.bpf.c: with `-- CMD`, whose connections count: those of the command and all that descends
 * from it, however it forks, renames itself or leaves its session. Membership is passed on in fork
 * itself, before the child runs, and never asked of /proc.
 *
 * The tracer enters itself at the end of its first look (so nothing it inherited is adopted) and
 * forks the command afterwards: the first member is found without any pid travelling between
 * namespaces.
 */
#include "pgleaktrace.bpf.h"

/* Set before load, with `-- CMD`. Off: everybody is in scope, and the fork hook is not loaded. */
const volatile __u8 scoped = 0;

/* By tgid. Inserted: scope_seed(), scope_fork(). Deleted: scope_leave(). Read: scope_has(), and
 * src/stream/live.c, which asks whether anybody is left. Full: LOSS_SCOPE_FULL, the process and its
 * descendants are not followed. Sized before load: 1 when off. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u8);
} scope SEC(".maps");

static void scope_enter(__u32 tgid)
{
	__u8 one = 1;

	if (bpf_map_update_elem(&scope, &tgid, &one, BPF_ANY))
		loss_count(LOSS_SCOPE_FULL);
}

__hidden bool scope_has(struct task_struct *task)
{
	__u32 tgid;

	if (!scoped)
		return true;
	tgid = (__u32)BPF_CORE_READ(task, tgid);
	return bpf_map_lookup_elem(&scope, &tgid) != NULL;
}

/* In the tracer's own context. */
__hidden void scope_seed(void)
{
	if (scoped)
		scope_enter((__u32)(bpf_get_current_pid_tgid() >> 32));
}

__hidden void scope_fork(struct task_struct *parent, struct task_struct *child)
{
	__u32 from = (__u32)parent->tgid, to = (__u32)child->tgid;

	if (from != to && bpf_map_lookup_elem(&scope, &from)) /* equal: a thread */
		scope_enter(to);
}

/* The process is gone; its connections close a moment later and need no scope for that. */
__hidden void scope_leave(struct task_struct *task)
{
	__u32 tgid = (__u32)task->tgid;

	if (scoped)
		bpf_map_delete_elem(&scope, &tgid);
}
