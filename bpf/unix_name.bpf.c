// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * unix_name.bpf.c: which unix sockets are PostgreSQL's: those named .s.PGSQL.<watched port>, in any
 * folder or, as libpq does it, behind the last slash of an abstract name.
 */
#include "unix.bpf.h"

/* Where a server's socket lies, as it was bound; an abstract name begins with NUL. Inserted: place().
 * Deleted: never; one entry per server. Read: src/stream/live_places.c. Full: a server is shown without its
 * path. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1024);
	__type(key, struct server_key);
	__type(value, char[UNIX_PATH_ROOM]);
} unix_places SEC(".maps");

/* The same of what is known by its name alone, by unix_name_key(), and of folders where a server was asked for;
 * anybody can ask for any number. Inserted: unix_name_keep(), live_places.c. Read: live_places.c. Deleted: when it is full, the one that was not needed for
 * longest; it is shown without its path. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 1024);
	__type(key, struct server_key);
	__type(value, char[UNIX_PATH_ROOM]);
} unix_names SEC(".maps");

/* The server that an address stands for, by bound_key(): a socket that is closed has lost its place in the
 * file system, but not its address. Inserted, read: unix_server_of(). Deleted: when it is full, the one that
 * was not needed for longest; it is learned again as soon as an open socket of it is seen. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 1024);
	__type(key, struct server_key);
	__type(value, struct server_key);
} unix_bound SEC(".maps");

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
__hidden void unix_name_read(struct unix_name *name, const void *sun_path, __u32 length)
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
__hidden bool unix_name_may_be(const void *sun_path, __u32 length)
{
	char end[2] = {};

	if (length < sizeof(".s.PGSQL.1") - 1 || length > UNIX_PATH)
		return false;
	bpf_probe_read_kernel(end, 2, sun_path + length - 2);
	if (!end[1])
		end[1] = end[0];
	return end[1] >= '0' && end[1] <= '9';
}

/* A server of which no more is known than its name; abstract names are all there is to know. */
__hidden void unix_name_key(struct server_key *key, const struct unix_name *name, struct sock *sk)
{
	__builtin_memset(key, 0, sizeof(*key));
	__builtin_memcpy(key->address, &name->hash, sizeof(name->hash));
	key->port = (__u16)name->port;
	key->family = AF_UNIX;
	if (name->abstract)
		key->netns = BPF_CORE_READ(sk, __sk_common.skc_net.net, ns.inum);
}

__hidden void unix_name_keep(const struct server_key *key, const struct unix_name *name)
{
	bpf_map_update_elem(&unix_names, key, name->path, BPF_NOEXIST);
}

static void place(const struct server_key *key, const struct unix_name *name)
{
	if (!bpf_map_lookup_elem(&unix_places, key))
		bpf_map_update_elem(&unix_places, key, name->path, BPF_NOEXIST);
}

/* From a name's key to one of that very address: there is one in the kernel for each bind(). */
static void bound_key(struct server_key *key, struct unix_address *address)
{
	__builtin_memcpy(key->address + 8, &address, sizeof(address));
}

/* By the folder that the socket lies in: the same from every mount namespace, and after a restart of the
 * server. False: it lies nowhere, as it is closed. */
static bool folder_key(struct server_key *key, struct sock *server_end)
{
	struct dentry *dentry = BPF_CORE_READ((struct unix_sock *)server_end, path.dentry);
	struct inode *folder = dentry ? BPF_CORE_READ(dentry, d_parent, d_inode) : NULL;
	__u64 number;
	__u32 device;

	if (!folder)
		return false;
	number = BPF_CORE_READ(folder, i_ino);
	device = BPF_CORE_READ(folder, i_sb, s_dev);
	__builtin_memcpy(key->address, &number, sizeof(number));
	__builtin_memcpy(key->address + 8, &device, sizeof(device));
	__builtin_memset(key->address + 12, 0, 4);
	return true;
}

/* The server whose end of a connection this is, or that listens with it. `key` may be NULL. */
GLOBAL int unix_server_of(struct server_key *key, __u64 socket)
{
	struct sock *server_end = (void *)socket;
	struct server_key bound, found, *known;
	enum unix_told told = TOLD_SERVER;
	struct unix_address *address;
	struct unix_name name;

	address = unix_name_of(&name, server_end);
	if (!address)
		return TOLD_NOTHING;
	if (!key)
		return TOLD_SERVER;
	unix_name_key(&found, &name, server_end);
	if (!name.abstract) {
		bound = found;
		bound_key(&bound, address);
		known = bpf_map_lookup_elem(&unix_bound, &bound);
		if (folder_key(&found, server_end)) {
			if (!known || !unix_same_place(known, &found))
				bpf_map_update_elem(&unix_bound, &bound, &found, BPF_ANY);
		} else if (known) {
			found = *known;
		} else {
			told = TOLD_NAME;
		}
	}
	if (told == TOLD_NAME)
		unix_name_keep(&found, &name);
	else
		place(&found, &name);
	*key = found; /* last: maps take no pointer that came in here, on 6.1 */
	return told;
}
