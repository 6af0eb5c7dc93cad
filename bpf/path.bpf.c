// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * path.bpf.c: the components of a path, leaf first, each with its NUL; user space turns them
 * round. The kernel's own d_path() can't be called from here.
 */
#include "pgleaktrace.bpf.h"

#define DEPTH	 24  /* components walked; a deeper path is finished from /proc */
#define NAME_MAX 255 /* limits.h */

/* Writes into tail from offset `from`; returns the offset behind the last byte. */
__hidden __u32 path_components(
	char *tail, __u32 from, struct path *path, struct path *root, __u8 *whole)
{
	struct dentry *dentry = BPF_CORE_READ(path, dentry);
	struct vfsmount *vfs = BPF_CORE_READ(path, mnt);
	struct dentry *top = BPF_CORE_READ(root, dentry);
	struct mount *mount = (void *)vfs - bpf_core_field_offset(struct mount, mnt);
	__u32 at = from;

	*whole = 0;
	for (int i = 0; i < DEPTH && at < from + EVENT_PATH / 2; i++) {
		struct dentry *parent = BPF_CORE_READ(dentry, d_parent);
		long length;

		if (dentry == top) {
			*whole = 1;
			break;
		}
		if (dentry == parent) { /* root of this mount: go on where it is mounted */
			struct mount *outer = BPF_CORE_READ(mount, mnt_parent);

			if (outer == mount) {
				*whole = 1;
				break;
			}
			dentry = BPF_CORE_READ(mount, mnt_mountpoint);
			mount = outer;
			continue;
		}
		length = bpf_probe_read_kernel_str(
			&tail[at & TAIL_MASK], NAME_MAX + 1, BPF_CORE_READ(dentry, d_name.name));
		if (length < 0)
			break;
		at += (__u32)length & (2 * NAME_MAX + 1);
		dentry = parent;
	}
	return at;
}
