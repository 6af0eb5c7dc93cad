// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * unix_exit.bpf.c: at a process's exit its descriptors are still there: what it holds for the last
 * time ends with it. Looks only at processes of unix_holder.bpf.c.
 */
#include "unix.bpf.h"

/* Most descriptors looked through at an exit. */
#define FDS_MOST (1 << 20)

struct walk {
	struct task_struct *task;
	struct file **fds;
	struct process_key key;
	__u64 forked;  /* see unix_leaves() */
	__u64 refuses; /* 1: a backend whose session never began */
};

/* The socket behind a descriptor: no other kind of file's private data points back to it. */
static struct sock *sock_of(struct file *file)
{
	struct socket *socket = BPF_CORE_READ(file, private_data);

	if (!socket || BPF_CORE_READ(socket, file) != file)
		return NULL;
	return BPF_CORE_READ(socket, sk);
}

static bool is_digit(const unsigned char *name)
{
	char first = 0;

	bpf_probe_read_kernel(&first, 1, name);
	return first >= '0' && first <= '9';
}

/* A file of one database, as base/16384/2601: a session has some of them open from its start. What
 * is read before, to let a client in or not, belongs to all databases: global/1260. */
static long ends_at_database(__u32 fd, void *context)
{
	struct walk *walk = context;
	struct file *file = NULL;
	struct dentry *dentry;

	bpf_probe_read_kernel(&file, sizeof(file), walk->fds + fd);
	dentry = file ? BPF_CORE_READ(file, f_path.dentry) : NULL;
	if (!dentry || !is_digit(BPF_CORE_READ(dentry, d_name.name)) ||
		!is_digit(BPF_CORE_READ(dentry, d_parent, d_name.name)))
		return 0;
	walk->refuses = 0;
	return 1;
}

/*
 * Is it a backend that ends because it said FATAL before a session? A child of a postmaster that
 * has not exec'd, its status is 1, it did not live long, and it never opened a database. What it
 * said is not seen: this is told by its shape. Not inlined: the calls from unix_exits() on share
 * 512 bytes of stack, and Linux 6.1 uses all of them.
 */
static __noinline void may_refuse(struct walk *walk, __u32 fds)
{
	struct task_struct *task = walk->task;

	walk->refuses = BPF_CORE_READ(task, exit_code) == 1 << 8 &&
			BPF_CORE_READ(task, self_exec_id) ==
				BPF_CORE_READ(task, real_parent, self_exec_id) &&
			bpf_ktime_get_boot_ns() - walk->key.start < REFUSAL_LIFE &&
			unix_is_postgres(task);
	if (walk->refuses)
		bpf_loop(fds, ends_at_database, walk, 0);
}

/* The exiting process has the client's end. */
static void client_exits(
	struct walk *walk, struct unix_connection *conn, struct sock *sk, struct file *file)
{
	enum ending ending = ENDING_ABANDONED;
	__u64 cookie = conn->cookie;

	unix_settle(cookie, (__u64)sk);
	if (!unix_last(conn, walk->task, walk->forked, file) || conn->base.phase == PHASE_CONNECTING)
		return; /* which nobody answered: unix_vanished() tells of whom */
	if (conn->base.terminated || BPF_CORE_READ(sk, sk_shutdown) & SEND_SHUTDOWN)
		ending = ENDING_CLOSED; /* it said goodbye before */
	if (conn->base.phase == PHASE_OPEN)
		unix_end(cookie, ending, MANNER_EXIT, false);
	else
		unix_release(cookie);
}

/* The exiting process has the server's end: a backend. Status 0 is its answer to a Terminate or to
 * a client that is gone; any other end is the server's own doing. */
static void backend_exits(struct walk *walk, struct unix_connection *conn, struct sock *client_end,
	struct sock *server_end)
{
	struct task_struct *task = walk->task;
	__u64 cookie = conn->cookie;

	unix_open(conn, (__u64)server_end);
	if (walk->refuses && conn->base.phase == PHASE_OPEN) { /* whoever closes first after it */
		unix_infer(&conn->base.ledger, cookie);
		unix_end(cookie, ENDING_REFUSED, MANNER_FIN, unix_alive(client_end));
		return;
	}
	unix_settle(cookie, (__u64)client_end);
	if (!unix_alive(client_end) || conn->base.phase != PHASE_OPEN)
		return;
	if (!BPF_CORE_READ(task, exit_code))
		conn->base.terminated = 1; /* its close() is on its way and says who and how */
	else
		unix_end(cookie, ENDING_HUNG_UP, MANNER_FIN, true);
}

static long look_at(__u32 fd, void *context)
{
	struct walk *walk = context;
	struct file *file = NULL;
	struct unix_connection *conn;
	struct sock *sk, *peer;

	bpf_probe_read_kernel(&file, sizeof(file), walk->fds + fd);
	sk = file ? sock_of(file) : NULL;
	if (!sk || BPF_CORE_READ(sk, __sk_common.skc_family) != AF_UNIX)
		return 0;
	conn = unix_find((__u64)BPF_CORE_READ(sk, __sk_common.skc_cookie.counter));
	if (conn) {
		client_exits(walk, conn, sk, file);
		return 0;
	}
	peer = unix_peer(sk);
	if (!peer || (unix_references(file) != 1 && !walk->refuses))
		return 0; /* its postmaster may not have closed it yet */
	conn = unix_find((__u64)BPF_CORE_READ(peer, __sk_common.skc_cookie.counter));
	if (conn)
		backend_exits(walk, conn, peer, sk);
	else
		unix_unseen(walk->task, peer, sk, walk->refuses);
	return 0;
}

__hidden void unix_exits(struct task_struct *task)
{
	struct files_struct *files;
	struct fdtable *table;
	struct walk walk = {.task = task};
	__u32 count;

	if (!unix_leaves(task, &walk.forked))
		return;
	files = BPF_CORE_READ(task, files);
	if (!files)
		return;
	process_key_of(task, &walk.key);
	table = BPF_CORE_READ(files, fdt);
	walk.fds = BPF_CORE_READ(table, fd);
	count = BPF_CORE_READ(table, max_fds);
	if (count > FDS_MOST)
		count = FDS_MOST;
	may_refuse(&walk, count);
	bpf_loop(count, look_at, &walk, 0);
}
