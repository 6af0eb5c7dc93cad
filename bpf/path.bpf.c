// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * path.bpf.c: the components of a path, leaf first, each with its NUL; user space turns them
 * round. The kernel's own d_path() can't be called from here.
 *
 * The walk is a bpf_loop(): unrolled, it is too large for the verifier of Linux 6.1. Its state is
 * in a map: on a stack, the verifier of 6.12 follows each of its values through each round.
 */
#include "pgleaktrace.bpf.h"

#define DEPTH    24  /* components walked; a deeper path is finished from /proc */
#define NAME_MAX 255 /* limits.h */

struct step {
	struct path_walk *walk;
	char *tail;
};

enum { GO_ON, STOP }; /* what bpf_loop() wants to hear */

/* The root of a mount: on where it is mounted. */
static long leave_mount(struct path_walk *walk)
{
	struct mount *mount = walk->mount;
	struct mount *outer = BPF_CORE_READ(mount, mnt_parent);

	if (outer == mount) {
		walk->whole = 1;
		return STOP;
	}
	walk->dentry = BPF_CORE_READ(mount, mnt_mountpoint);
	walk->mount = outer;
	return GO_ON;
}

static long walk_step(__u32 round, struct step *step)
{
	struct path_walk *walk = step->walk;
	struct dentry *dentry = walk->dentry; /* locals: CO-RE knows no struct path_walk */
	struct dentry *parent = BPF_CORE_READ(dentry, d_parent);
	__u32 at = walk->at;
	long length;

	if (at >= walk->end)
		return STOP;
	if (dentry == walk->top) {
		walk->whole = 1;
		return STOP;
	}
	if (dentry == parent)
		return leave_mount(walk);
	length = bpf_probe_read_kernel_str(
		&step->tail[at & TAIL_MASK], NAME_MAX + 1, BPF_CORE_READ(dentry, d_name.name));
	if (length < 0)
		return STOP;
	walk->at = at + ((__u32)length & (2 * NAME_MAX + 1));
	walk->dentry = parent;
	return GO_ON;
}

/* Writes into tail from offset `from`; returns the offset behind the last byte. */
__hidden __u32 path_components(
	struct path_walk *walk, char *tail, __u32 from, struct path *path, struct path *root)
{
	struct vfsmount *vfs = BPF_CORE_READ(path, mnt);
	struct step step = {.walk = walk, .tail = tail};

	walk->dentry = BPF_CORE_READ(path, dentry);
	walk->top = BPF_CORE_READ(root, dentry);
	walk->mount = (void *)vfs - bpf_core_field_offset(struct mount, mnt);
	walk->at = from;
	walk->end = from + EVENT_PATH / 2;
	walk->whole = 0;
	bpf_loop(DEPTH, walk_step, &step, 0);
	return walk->at;
}
