// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/* process_key.bpf.c: which process a task is. */
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
