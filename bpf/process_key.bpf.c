// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/* process_key.bpf.c: which process a task is, and what else the kernel knows of it by heart. */
#include "pgleaktrace.bpf.h"

/* A pointer is followed by a helper, where it has to be: at each load of one through `task` itself the
 * verifier (6.18) looks for three types of the kernel's by their names. */
__hidden void process_key_of(struct task_struct *task, struct process_key *key)
{
	key->start = task->pid == task->tgid ? task->start_boottime
					     : BPF_CORE_READ(task, group_leader, start_boottime);
	key->pid = (__u32)task->tgid;
	key->exec = (__u32)task->self_exec_id;
}

/* The same of a struct task_struct that was found by following pointers, or where a key is one thing of
 * many. 0: no key. */
GLOBAL int process_key_at(struct process_key *key, __u64 address)
{
	struct task_struct *task = (void *)address;

	if (!key)
		return 0;
	key->start = BPF_CORE_READ(task, group_leader, start_boottime);
	key->pid = (__u32)BPF_CORE_READ(task, tgid);
	key->exec = (__u32)BPF_CORE_READ(task, self_exec_id);
	return 1;
}

/* The thread's name; bpf_get_current_comm() is not for every kind of program. */
__hidden void process_comm_of(struct task_struct *task, char comm[EVENT_COMM])
{
	bpf_probe_read_kernel_str(
		comm, EVENT_COMM, (void *)task + bpf_core_field_offset(struct task_struct, comm));
}

static __u32 pid_in_own_namespace(struct task_struct *task, __u32 *pidns)
{
	struct pid *pid = BPF_CORE_READ(task, group_leader, thread_pid);
	__u32 level = BPF_CORE_READ(pid, level);
	void *numbers = (void *)pid + bpf_core_field_offset(struct pid, numbers);
	struct upid *upid = numbers + (__u64)level * bpf_core_type_size(struct upid);

	*pidns = BPF_CORE_READ(upid, ns, ns.inum);
	return (__u32)BPF_CORE_READ(upid, nr);
}

/* All but its argv and paths, of the struct task_struct at an address. 0: nothing. */
GLOBAL int process_facts_at(struct process_capture *c, __u64 address)
{
	struct task_struct *task = (void *)address;

	if (!c)
		return 0;
	c->head.kind = EVENT_PROCESS;
	c->head.time = bpf_ktime_get_boot_ns();
	c->parent = (__u32)BPF_CORE_READ(task, group_leader, real_parent, tgid);
	c->uid = BPF_CORE_READ(task, real_cred, uid.val);
	c->netns = BPF_CORE_READ(task, nsproxy, net_ns, ns.inum);
	c->pid_in_ns = pid_in_own_namespace(task, &c->pidns);
	process_comm_of(BPF_CORE_READ(task, group_leader), c->comm);
	return 1;
}
