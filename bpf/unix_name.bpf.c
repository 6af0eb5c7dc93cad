// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * unix_name.bpf.c: which unix sockets are PostgreSQL's: those named .s.PGSQL.<watched port>, in any
 * folder or, as libpq does it, behind the last slash of an abstract name.
 */
#include "unix.bpf.h"

/* sun_path, zero behind its end, with room to read a whole name from its last byte. */
#define UNIX_PATH      108
#define UNIX_PATH_ROOM 128

struct unix_name {
	char path[UNIX_PATH_ROOM];
	__u64 hash;
	__u32 port; /* 0: not one of ours */
	__u32 abstract;
	__u32 last; /* where the name behind the last slash begins */
	__u32 unused;
};

/* Where a server's socket lies, as it was bound; an abstract name begins with NUL. Inserted: place(). Deleted: never; one entry per
 * server. Read: src/stream/live_unix.c. Full: a server is shown without its path. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1024);
	__type(key, struct server_key);
	__type(value, char[UNIX_PATH_ROOM]);
} unix_places SEC(".maps");

/* The server that answered at a path: a connect() that fails never sees its inode. Inserted:
 * unix_server_of(). Deleted: never. Read: unix_server_known(). Full: failures stand alone. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1024);
	__type(key, struct server_key);
	__type(value, struct server_key);
} unix_paths SEC(".maps");

struct tail { /* a name behind the last slash, ".s.PGSQL.65535" at most */
	union {
		char text[16];
		struct {
			__u64 head; /* ".s.PGSQL" */
			char dot, digits[7];
		};
	};
};

static __u32 tail_port(const struct tail *tail)
{
	static const char head[8] = {'.', 's', '.', 'P', 'G', 'S', 'Q', 'L'};
	__u32 port = 0;
	int i;

	if (tail->head != *(const __u64 *)head || tail->dot != '.')
		return 0;
	for (i = 0; i < 6; i++) {
		char digit = tail->digits[i];

		if (digit < '0' || digit > '9')
			break;
		port = port * 10 + (__u32)(digit - '0');
	}
	return i < 6 && !tail->digits[i] && port <= 65535 && port_watched((__u16)port) ? port : 0;
}

/* One byte of a path; a loop callback, or the verifier would follow every place a slash can be. */
static long take_byte(__u32 at, void *context)
{
	struct unix_name *name = context;
	char c = name->path[at & 127];

	if (at && !c)
		return 1;
	name->hash = (name->hash ^ (__u8)c) * 0x100000001b3; /* FNV-1a */
	if (c == '/' || !c)
		name->last = at + 1;
	return 0;
}

/* `length` bytes of sun_path; an abstract name begins with NUL and goes on to its end. */
static void name_read(struct unix_name *name, const void *sun_path, __u32 length)
{
	struct tail tail = {};

	__builtin_memset(name, 0, sizeof(*name));
	if (length < 1 || length > UNIX_PATH)
		return;
	barrier_var(length);
	if (bpf_probe_read_kernel(name->path, length & 127, sun_path))
		return;
	name->abstract = !name->path[0];
	name->hash = 0xcbf29ce484222325;
	bpf_loop(UNIX_PATH, take_byte, name, 0);
	bpf_probe_read_kernel(tail.text, sizeof(tail.text), name->path + (name->last & 127));
	name->port = tail_port(&tail);
}

/* Most sockets of a host are none of ours: their names do not end in a digit. */
static bool may_be_ours(const void *path, __u32 length)
{
	char end[2] = {};

	if (length < sizeof(".s.PGSQL.1") - 1 || length > UNIX_PATH)
		return false;
	bpf_probe_read_kernel(end, 2, path + length - 2);
	if (!end[1])
		end[1] = end[0];
	return end[1] >= '0' && end[1] <= '9';
}

/* The address a server bound; its accepted sockets share it. False: none of ours. */
static bool name_of(struct unix_name *name, struct sock *bound)
{
	struct unix_address *address = BPF_CORE_READ((struct unix_sock *)bound, addr);
	__u32 length = address ? (__u32)BPF_CORE_READ(address, len) - 2 : 0;
	void *path = (void *)address + bpf_core_field_offset(struct unix_address, name) + 2;

	if (!may_be_ours(path, length))
		return false;
	name_read(name, path, length);
	return name->port != 0;
}

static void place(const struct server_key *key, const struct unix_name *name)
{
	if (!bpf_map_lookup_elem(&unix_places, key))
		bpf_map_update_elem(&unix_places, key, name->path, BPF_NOEXIST);
}

static void key_by_name(struct server_key *key, const struct unix_name *name, struct sock *sk)
{
	__builtin_memset(key, 0, sizeof(*key));
	__builtin_memcpy(key->address, &name->hash, sizeof(name->hash));
	key->port = (__u16)name->port;
	key->family = AF_UNIX;
	if (name->abstract)
		key->netns = BPF_CORE_READ(sk, __sk_common.skc_net.net, ns.inum);
}

/* The server whose end of a connection this is: by inode, the same from every mount namespace.
 * 0: none of ours. `key` may be NULL. */
GLOBAL int unix_server_of(struct server_key *key, __u64 socket)
{
	struct sock *server_end = (void *)socket;
	struct server_key asked, found;
	struct unix_name name;
	struct dentry *dentry;
	struct inode *inode;
	__u64 number;
	__u32 device;

	if (!name_of(&name, server_end))
		return 0;
	if (!key)
		return 1;
	key_by_name(&asked, &name, server_end);
	found = asked;
	dentry = BPF_CORE_READ((struct unix_sock *)server_end, path.dentry);
	inode = dentry ? BPF_CORE_READ(dentry, d_inode) : NULL;
	if (inode) {
		number = BPF_CORE_READ(inode, i_ino);
		device = BPF_CORE_READ(inode, i_sb, s_dev);
		__builtin_memcpy(found.address, &number, sizeof(number));
		__builtin_memcpy(found.address + 8, &device, sizeof(device));
		bpf_map_update_elem(&unix_paths, &asked, &found, BPF_ANY);
	}
	place(&found, &name);
	*key = found; /* last: maps take no pointer that came in here, on 6.1 */
	return 1;
}

/*
 * The server a connect() asks for, before anybody knows whether there is one; false: none of ours.
 * The context is the kernel's own struct bpf_sock_addr_kern: read as such, the address needs no
 * helper that only newer kernels have.
 */
__hidden bool unix_server_asked(
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
	if (!may_be_ours(address + 2, length))
		return false;
	name_read(&name, address + 2, length);
	if (!name.port)
		return false;
	key_by_name(key, &name, client);
	if (!bpf_map_lookup_elem(&unix_paths, key))
		place(key, &name);
	return true;
}

/* From what was asked for to the server that is known to be there, if any. */
__hidden void unix_server_known(struct server_key *key)
{
	struct server_key *known = bpf_map_lookup_elem(&unix_paths, key);

	if (known)
		*key = *known;
}
