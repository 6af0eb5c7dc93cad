// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * process.bpf.c: who a process is, captured in its own connect(), when argv can be read from its
 * memory even if it lives only 5 ms; and the marks that tell a close by exec from one by hand.
 */
#include "pgleaktrace.bpf.h"

struct process_state {
	__u8 introduced; /* its identity is in the ring */
	__u8 gone;	 /* exited, or became another image by exec */
};

/* Inserted: process_introduce(), process_note(). Deleted: src/stream/live_snapshot.c with the ledgers of a
 * gone process. Read: both. Full: the identity is sent again at every connect; harmless. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 16384);
	__type(key, struct process_key);
	__type(value, struct process_state);
} processes SEC(".maps");

/* Page faults that a thread had taken when its exec succeeded, by thread id. Inserted:
 * process_exec(). Deleted: the oldest, when there are many: a mark is asked for within microseconds.
 * Read: process_in_exec(). Not in the task: a cgroup's program may not look there. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 4096);
	__type(key, __u32);
	__type(value, __u64);
} exec_marks SEC(".maps");

struct scratch { /* a process_capture whose tail has room */
	struct process_capture capture;
	char tail[TAIL_SIZE];
	struct path_walk walk;
	__u64 busy; /* 1: being written, by a task that was preempted */
};

/* Records being written; too large for the stack. A few per CPU: a cgroup's program may be preempted,
 * since Linux 7.0 a tracepoint's too, and another come in between. Who finds all busy goes without:
 * user space asks /proc. */
#define SCRATCHES 3
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, SCRATCHES);
	__type(key, __u32);
	__type(value, struct scratch);
} scratch SEC(".maps");

/* argv as the process has it now; a page that is not resident leaves it empty, and user space
 * asks /proc. */
static __u32 capture_argv(struct scratch *s, struct mm_struct *mm)
{
	unsigned long start = BPF_CORE_READ(mm, arg_start);
	unsigned long end = BPF_CORE_READ(mm, arg_end);
	__u64 length = end > start ? end - start : 0;

	s->capture.argv_full = length > 0xffffffff ? 0xffffffff : (__u32)length;
	if (length > EVENT_ARGV)
		length = EVENT_ARGV;
	barrier_var(length); /* or the compiler drops the mask that the verifier needs */
	length &= TAIL_MASK;
	if (bpf_probe_read_user(s->tail, (__u32)length, (void *)start))
		length = 0;
	s->capture.argv_length = (__u32)length;
	return (__u32)length;
}

static bool capture_send(
	struct scratch *s, struct task_struct *task, const struct process_key *key)
{
	__u32 at, end;
	struct mm_struct *mm = BPF_CORE_READ(task, mm);
	struct fs_struct *fs = BPF_CORE_READ(task, fs);

	s->capture.process = *key;
	s->capture.cgroup = BPF_CORE_READ(task, cgroups, dfl_cgrp, kn, id);
	process_facts_at(&s->capture, address_of(task));
	at = capture_argv(s, mm);
	end = path_components(&s->walk, s->tail, at,
		(void *)fs + bpf_core_field_offset(struct fs_struct, pwd),
		(void *)fs + bpf_core_field_offset(struct fs_struct, root));
	s->capture.cwd_whole = s->walk.whole;
	s->capture.cwd_length = (__u16)(end - at);
	at = end;
	end = path_components(&s->walk, s->tail, at,
		(void *)BPF_CORE_READ(mm, exe_file) + bpf_core_field_offset(struct file, f_path),
		(void *)fs + bpf_core_field_offset(struct fs_struct, root));
	s->capture.exe_whole = s->walk.whole;
	s->capture.exe_length = (__u16)(end - at);
	barrier_var(end);
	end &= TAIL_MASK;
	s->capture.head.size = (__u32)sizeof(struct process_capture) + end;
	return output_identity(s, sizeof(struct process_capture) + end);
}

static struct scratch *scratch_take(__u32 slot)
{
	struct scratch *s = bpf_map_lookup_elem(&scratch, &slot);

	return s && !__sync_lock_test_and_set(&s->busy, 1) ? s : NULL;
}

/* Sends who `task`, which must be current, is: once, and again if there was no room. */
__hidden void process_introduce(struct task_struct *task, const struct process_key *key)
{
	struct process_state *known = bpf_map_lookup_elem(&processes, key);
	struct process_state fresh = {};
	struct scratch *s = NULL;

	if (known && known->introduced)
		return;
	for (__u32 slot = 0; slot < SCRATCHES && !s; slot++)
		s = scratch_take(slot);
	if (s) {
		fresh.introduced = capture_send(s, task, key);
		__sync_lock_test_and_set(&s->busy, 0);
	}
	bpf_map_update_elem(&processes, key, &fresh, BPF_ANY);
}

/* Remembers a process found by the snapshot; user space reads who it is from /proc. */
__hidden void process_note(const struct process_key *key)
{
	struct process_state fresh = {};

	bpf_map_update_elem(&processes, key, &fresh, BPF_NOEXIST);
}

static void process_gone(struct task_struct *task, const struct process_key *key, __u32 by_exec)
{
	struct process_state *known = bpf_map_lookup_elem(&processes, key);
	struct event_exit event = {};

	if (!known)
		return;
	known->gone = 1;
	event.head.kind = EVENT_EXIT;
	event.head.size = sizeof(event);
	event.head.time = bpf_ktime_get_boot_ns();
	event.process = *key;
	event.by_exec = by_exec;
	event.exit_code = by_exec ? 0 : BPF_CORE_READ(task, exit_code);
	output_detail(&event, sizeof(event));
}

__hidden void process_exec(struct task_struct *task)
{
	__u64 faults = task->min_flt + task->maj_flt;
	__u32 tid = (__u32)task->pid;
	struct process_key key;

	bpf_map_update_elem(&exec_marks, &tid, &faults, BPF_ANY);
	process_key_of(task, &key);
	key.exec--;
	process_gone(task, &key, 1);
}

__hidden void process_exit(struct task_struct *task)
{
	struct process_key key;

	if (BPF_CORE_READ(task, signal, live.counter) != 0)
		return; /* a thread; its process lives on */
	scope_leave(task);
	process_key_of(task, &key);
	process_gone(task, &key, 0);
}

/*
 * Is the task still inside a successful exec? Its new memory is empty, so its first user
 * instruction must fault; until the count moves, whatever closes is the exec's close-on-exec.
 */
__hidden bool process_in_exec(struct task_struct *task)
{
	__u32 tid = (__u32)task->pid;
	__u64 *faults = bpf_map_lookup_elem(&exec_marks, &tid);

	return faults && *faults == task->min_flt + task->maj_flt;
}
