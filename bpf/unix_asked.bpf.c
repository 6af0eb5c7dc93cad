// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * unix_asked.bpf.c: what a connect() asks for: a name, before it is known whether anybody listens there, and
 * of which server's socket it is another name. A path can't be followed here, only known from before; what is
 * not known is followed by src/stream/live_places.c, at the next look.
 *
 *   a look sees who listens      the name that it bound     is that server's
 *   a connection is accepted     the name that it asked for
 *   live_unix_resolve()          what was asked for, and is not known
 */
#include "unix.bpf.h"

/* The server behind a name, by asked_key(). Inserted: unix_asked_learn(), live_places.c. Read:
 * unix_asked_server(). Deleted: when it is full, the one that was not needed for longest; then it is asked for
 * again. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 1024);
	__type(key, struct server_key);
	__type(value, struct server_key);
} unix_known SEC(".maps");

/* Names of which the server is not known: by asked_key(), the pid of who asked. Inserted: ask(). Read,
 * deleted: live_places.c, at each look. Full: a name stays unknown until it is asked for after that. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1024);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct server_key);
	__type(value, __u32);
} unix_asked SEC(".maps");

/* From a name to that name as a task sees it: in its mount namespace, below its root. */
static void seen_by(struct server_key *key, struct task_struct *task)
{
	__u32 namespace = BPF_CORE_READ(task, nsproxy, mnt_ns, ns.inum);
	__u32 root = (__u32)BPF_CORE_READ(task, fs, root.dentry, d_inode, i_ino);

	__builtin_memcpy(key->address + 8, &namespace, sizeof(namespace));
	__builtin_memcpy(key->address + 12, &root, sizeof(root));
}

/* An absolute path: what others mean by that name, where it is seen the same. */
static bool is_seen(const struct server_key *key)
{
	return unix_key_half(key, 1) != 0;
}

static void ask(const struct server_key *key, struct task_struct *task)
{
	__u32 pid = (__u32)BPF_CORE_READ(task, tgid);

	bpf_map_update_elem(&unix_asked, key, &pid, BPF_ANY);
}

/* The name itself, and whose: unless it is known, user space has to look. */
static void asked_key(struct server_key *key, const struct unix_name *name, struct sock *client)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct server_key alone;

	unix_name_key(key, name, client);
	alone = *key;
	if (name->path[0] == '/')
		seen_by(key, task);
	if (bpf_map_lookup_elem(&unix_known, key))
		return;
	unix_name_keep(&alone, name);
	if (is_seen(key))
		ask(key, task);
}

/*
 * The server a connect() asks for, before anybody knows whether there is one; false: none of ours.
 * The context is the kernel's own struct bpf_sock_addr_kern: read as such, the address needs no
 * helper that only newer kernels have.
 */
__hidden bool unix_asked_key(
	struct server_key *key, struct bpf_sock_addr *ctx, struct sock *client)
{
	struct unix_name name;
	void *address = NULL;
	__u32 length = 0;
	long text;

	bpf_probe_read_kernel(&address, sizeof(address),
		(void *)ctx + bpf_core_field_offset(struct bpf_sock_addr_kern, uaddr));
	bpf_probe_read_kernel(&length, sizeof(length),
		(void *)ctx + bpf_core_field_offset(struct bpf_sock_addr_kern, uaddrlen));
	length -= 2;
	text = bpf_probe_read_kernel_str(name.path, UNIX_PATH, address + 2);
	if (text > 1 &&
		text < length) /* callers may give the whole sun_path, zeroes behind its end */
		length = (__u32)text;
	if (!unix_name_may_be(address + 2, length))
		return false;
	unix_name_read(&name, address + 2, length);
	if (!name.port)
		return false;
	asked_key(key, &name, client);
	return true;
}

/* From what was asked for to the server that is known to be there, if any. */
__hidden bool unix_asked_server(struct server_key *key)
{
	struct server_key *known = bpf_map_lookup_elem(&unix_known, key);

	if (known)
		*key = *known;
	return known != NULL;
}

/* The same of a name that a closed socket has left, as its holder sees it. */
__hidden bool unix_asked_left(struct server_key *key, struct task_struct *holder)
{
	seen_by(key, holder);
	if (unix_asked_server(key))
		return true;
	ask(key, holder);
	return false;
}

/* It was found behind that name. */
__hidden void unix_asked_learn(const struct server_key *asked, const struct server_key *server)
{
	struct server_key *known = bpf_map_lookup_elem(&unix_known, asked);

	if (is_seen(asked) && (!known || !unix_same_place(known, server)))
		bpf_map_update_elem(&unix_known, asked, server, BPF_ANY);
}

/* Somebody listens: by the name that was bound, as the one who bound it sees it. */
__hidden void unix_asked_bound(
	struct task_struct *task, struct sock *listener, const struct server_key *server)
{
	struct server_key key;
	struct unix_name name;

	if (!unix_name_of(&name, listener) || name.abstract)
		return;
	unix_name_key(&key, &name, listener);
	seen_by(&key, task);
	unix_asked_learn(&key, server);
}
