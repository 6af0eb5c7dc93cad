// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * unix_last.bpf.c: is an exiting process the last that has a connection? The file counts its descriptors,
 * but those of everybody who is on the way out at the same time too: of a process group that is killed,
 *
 *   sched_process_exit ── exit_mm() ── exit_files() ── exit_fs()
 *   counted here          still counted by the file    no more
 */
#include "unix.bpf.h"

/* Most at once of one connection, a power of two; of more, nobody knows who was the last. */
#define LEAVERS 16
/* Times that are waited for somebody who is closing right now: 0.1 ms or so. */
#define ROUNDS 1024

struct leaver {
	__u64 task; /* address of a struct task_struct */
	__u32 pid;
	__u32 fds;
};

struct leavers {
	struct leaver slots[LEAVERS];
	__u64 count; /* of all there ever were */
};

static const struct leavers nobody;

/* Who had descriptors of a connection at their exit, while there were more of them: by cookie. Inserted, read:
 * here. Deleted: unix_last_forget(). Full: who was the last is not known, the ending then neither. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 16384);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, __u64);
	__type(value, struct leavers);
} unix_leavers SEC(".maps");

struct stock {
	const struct leavers *leavers;
	struct file *file;
	int last; /* 1: nobody who lives on has another; 0: somebody has; -1: not to be told */
};

__hidden __u64 unix_references(struct file *file)
{
	if (bpf_core_field_exists(file->f_ref)) /* since 6.13; 0 is one */
		return (__u64)BPF_CORE_READ(file, f_ref.refcnt.counter) + 1;
	return (__u64)BPF_CORE_READ(file, f_count.counter);
}

static struct leavers *leavers_of(struct unix_connection *conn)
{
	__u64 cookie = conn->cookie;
	struct leavers *leavers = bpf_map_lookup_elem(&unix_leavers, &cookie);

	if (leavers)
		return leavers;
	bpf_map_update_elem(&unix_leavers, &cookie, &nobody, BPF_NOEXIST);
	conn->leaving = 1;
	return bpf_map_lookup_elem(&unix_leavers, &cookie);
}

__hidden void unix_last_forget(__u64 cookie)
{
	bpf_map_delete_elem(&unix_leavers, &cookie);
}

/* Descriptors that a process has on its way out. `unsure`: it is closing them right now. */
static __u32 still_has(const struct leaver *leaver, bool *unsure)
{
	struct task_struct *task = (void *)leaver->task;

	if (!task || (__u32)BPF_CORE_READ(task, tgid) != leaver->pid)
		return 0;
	if (BPF_CORE_READ(task, files))
		return leaver->fds;
	if (BPF_CORE_READ(task, fs))
		*unsure = true;
	return 0;
}

/* Where the exiting process counts its own. NULL: too many are on their way out. */
static struct leaver *leaver_of(struct leavers *leavers, struct task_struct *task)
{
	__u64 address = address_of(task);
	__u32 pid = (__u32)BPF_CORE_READ(task, tgid);
	struct leaver *leaver;
	bool unsure = false;
	int i;

	for (i = 0; i < LEAVERS; i++)
		if (leavers->slots[i].task == address && leavers->slots[i].pid == pid)
			return &leavers->slots[i];
	i = __sync_fetch_and_add(&leavers->count, 1) & (LEAVERS - 1);
	leaver = &leavers->slots[i];
	if (still_has(leaver, &unsure) || unsure)
		return NULL;
	leaver->fds = 0;
	leaver->pid = pid;
	leaver->task = address;
	return leaver;
}

/* Of all who are on their way out, as far as it is sure. */
static __noinline __u32 leavers_have(const struct leavers *leavers, bool *unsure)
{
	__u32 fds = 0;
	int i;

	*unsure = false;
	for (i = 0; i < LEAVERS; i++)
		fds += still_has(&leavers->slots[i], unsure);
	return fds;
}

/* The file's own count, and what is known of it, of one moment. */
static long take_stock(__u32 round, void *context)
{
	struct stock *stock = context;
	bool unsure_before, unsure;
	__u32 fds = leavers_have(stock->leavers, &unsure_before);
	__u64 refs = unix_references(stock->file);

	if (fds != leavers_have(stock->leavers, &unsure))
		return 0;
	if (refs <= fds)
		stock->last = 1;
	else if (!unsure_before && !unsure)
		stock->last = 0;
	return stock->last >= 0;
}

static __noinline int is_last(
	struct unix_connection *conn, struct task_struct *task, struct file *file)
{
	struct leavers *leavers = leavers_of(conn);
	struct leaver *leaver = leavers ? leaver_of(leavers, task) : NULL;
	struct stock stock = {.leavers = leavers, .file = file, .last = -1};

	if (!leaver)
		return -1;
	__sync_fetch_and_add(&leaver->fds, 1);
	bpf_loop(ROUNDS, take_stock, &stock, 0);
	return stock.last;
}

/* Who forks after that shares it. */
static __u64 begun(const struct unix_connection *conn)
{
	return conn->base.attempted_at ? conn->base.attempted_at : conn->base.opened_at;
}

/* An exiting process has a descriptor. If it is not the last, who may have another? */
__hidden bool unix_last(struct unix_connection *conn, struct task_struct *task, __u64 forked,
	struct file *file)
{
	int last = unix_references(file) == 1 ? 1 : is_last(conn, task, file);

	if (last > 0)
		conn->elsewhere = ELSEWHERE_NO;
	else if (last < 0)
		conn->elsewhere = ELSEWHERE_UNSEEN;
	else if (conn->elsewhere == ELSEWHERE_NO)
		conn->elsewhere = forked > begun(conn) ? ELSEWHERE_FORKED : ELSEWHERE_UNSEEN;
	return last > 0;
}
