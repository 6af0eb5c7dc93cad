/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * live_unix.c: the unix sockets' programs: which of them this kernel takes, and where they are hung up.
 * docs/UNIX.md says why it is these.
 */
#include <errno.h>

#include "stream/live_state.h"

/* linux/bpf.h, since 6.7; this libbpf may be older. */
#define CGROUP_UNIX_CONNECT     49
#define CGROUP_UNIX_GETSOCKNAME 53

void live_unix_choose(struct pgleaktrace_bpf *skel, enum live_unix mode)
{
	bool watch = mode != LIVE_UNIX_OFF, hooked = mode == LIVE_UNIX_HOOKED;

	skel->rodata->unix_watching = watch;
	skel->rodata->unix_hooked = hooked;
	bpf_program__set_autoload(skel->progs.snapshot_unix_sockets, watch);
	bpf_program__set_autoload(skel->progs.snapshot_unix_vanished, watch);
	bpf_program__set_autoload(skel->progs.hook_exit_unix, watch);
	bpf_program__set_autoload(skel->progs.hook_fork_unix, watch);
	bpf_program__set_autoload(skel->progs.hook_connect_unix, hooked);
	bpf_program__set_autoload(skel->progs.hook_getsockname_unix, hooked);
	bpf_program__set_expected_attach_type(
		skel->progs.hook_connect_unix, (enum bpf_attach_type)CGROUP_UNIX_CONNECT);
	bpf_program__set_expected_attach_type(
		skel->progs.hook_getsockname_unix, (enum bpf_attach_type)CGROUP_UNIX_GETSOCKNAME);
}

static int attach_hooks(struct pgleaktrace_bpf *skel)
{
	struct bpf_program *hooks[] = {
		skel->progs.hook_getsockname_unix, skel->progs.hook_connect_unix};
	struct bpf_link **links[] = {
		&skel->links.hook_getsockname_unix, &skel->links.hook_connect_unix};

	return live_attach_to_root(hooks, links, sizeof(hooks) / sizeof(hooks[0]));
}

int live_unix_attach(struct live *live)
{
	struct pgleaktrace_bpf *skel = live->skel;

	if (live->unix_mode == LIVE_UNIX_OFF)
		return 0;
	live->names = bpf_map__fd(skel->maps.unix_names);
	live->passes[PASS_UNIX_SOCKETS] =
		live_iterate_over(skel->progs.snapshot_unix_sockets, skel->maps.unix_marks);
	live->passes[PASS_UNIX_VANISHED] =
		live_iterate_over(skel->progs.snapshot_unix_vanished, skel->maps.unix_connections);
	if (!live->passes[PASS_UNIX_SOCKETS] || !live->passes[PASS_UNIX_VANISHED])
		return -errno;
	skel->links.hook_exit_unix = bpf_program__attach(skel->progs.hook_exit_unix);
	skel->links.hook_fork_unix = bpf_program__attach(skel->progs.hook_fork_unix);
	if (!skel->links.hook_exit_unix || !skel->links.hook_fork_unix)
		return -errno;
	return live->unix_mode == LIVE_UNIX_HOOKED ? attach_hooks(skel) : 0;
}
