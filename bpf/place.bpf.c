// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * place.bpf.c: where a unix socket lies. PostgreSQL listens at <folder>/.s.PGSQL.<port>, in the file
 * system or, with a leading '@', in the abstract namespace; every accepted socket shares the
 * listener's address.
 */
#include "pgleaktrace.bpf.h"

#define SOCKET_NAME   ".s.PGSQL."
#define SOCKET_LENGTH 9
#define PORT_DIGITS   5

#define PATH_MASK     (EVENT_UNIX_PATH - 1)

/* The bound name's bytes and their number; 0: not bound. The NUL behind a path is not counted. */
static __u32 path_of(struct sock *sk, char path[EVENT_UNIX_PATH])
{
	struct unix_address *addr = BPF_CORE_READ((struct unix_sock *)sk, addr);
	__u32 length;

	if (!addr)
		return 0;
	length = (__u32)BPF_CORE_READ(addr, len) - sizeof(unsigned short);
	if (length == 0 || length > bpf_core_field_size(struct sockaddr_un, sun_path))
		return 0;
	if (bpf_probe_read_kernel(path, length & PATH_MASK,
		    (void *)addr + bpf_core_field_offset(struct unix_address, name) +
			    bpf_core_field_offset(struct sockaddr_un, sun_path)))
		return 0;
	if (path[0] && !path[(length - 1) & PATH_MASK])
		length--;
	return length;
}

static bool begins_socket_name(const char *at)
{
	for (__u32 i = 0; i < SOCKET_LENGTH; i++)
		if (at[i] != SOCKET_NAME[i])
			return false;
	return true;
}

/* The port that a name ending in .s.PGSQL.<port> has; 0: another kind of name. */
static __u16 port_of(const char *path, __u32 length)
{
	char name[SOCKET_LENGTH + PORT_DIGITS + 1] = {};
	__u32 at = length > SOCKET_LENGTH + PORT_DIGITS ? length - SOCKET_LENGTH - PORT_DIGITS : 0;
	__u32 n = length - at, from, port = 0;

	if (bpf_probe_read_kernel(name, n & 15, path + (at & PATH_MASK)))
		return 0;
	for (from = 0; from < PORT_DIGITS; from++)
		if (begins_socket_name(name + from))
			break;
	for (__u32 i = 0; i < PORT_DIGITS; i++) {
		char digit = name[(from + SOCKET_LENGTH + i) & 15];

		if (!digit)
			break;
		if (digit < '0' || digit > '9')
			return 0;
		port = port * 10 + (__u32)(digit - '0');
	}
	return port > 65535 ? 0 : (__u16)port;
}

/* FNV-1a: an abstract name has no inode. */
static __u64 hash_of(const char *path, __u32 length)
{
	__u64 hash = 0xcbf29ce484222325ull;

	for (__u32 i = 0; i < EVENT_UNIX_PATH; i++) {
		if (i >= length)
			break;
		hash = (hash ^ (__u8)path[i]) * 0x100000001b3ull;
	}
	return hash;
}

/*
 * The server's key of a socket that PostgreSQL listens on, or that was accepted there, and its name:
 * `path` must be zero before. Returns the name's length; 0: no server of a watched port.
 */
__hidden __u32 place_of(struct sock *sk, struct server_key *key, char path[EVENT_UNIX_PATH])
{
	__u32 length = path_of(sk, path);
	__u16 port = length ? port_of(path, length) : 0;
	struct inode *inode;
	__u64 number;
	__u32 device;

	if (!port || !port_watched(port))
		return 0;
	key->port = port;
	key->family = AF_UNIX;
	if (!path[0]) {
		number = hash_of(path, length);
		__builtin_memcpy(key->address, &number, sizeof(number));
		key->netns = BPF_CORE_READ(sk, __sk_common.skc_net.net, ns.inum);
		return length;
	}
	inode = BPF_CORE_READ((struct unix_sock *)sk, path.dentry, d_inode);
	number = BPF_CORE_READ(inode, i_ino);
	device = BPF_CORE_READ(inode, i_sb, s_dev);
	__builtin_memcpy(key->address, &number, sizeof(number));
	__builtin_memcpy(key->address + 8, &device, sizeof(device));
	return length;
}
