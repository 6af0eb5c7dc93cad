/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * live_load.c: bpf/ set up, loaded and hung onto its hooks; and in which words it is said when this
 * kernel, or our privilege, does not do.
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "stream/live_state.h"

#define SCOPE_MOST 65536 /* processes of a command alive at once */

static void live_configure(struct live *live, const struct live_config *config)
{
	struct pgleaktrace_bpf *skel = live->skel;

	for (__u32 i = 0; i < config->port_count; i++)
		skel->rodata->watched_ports[i] = config->ports[i];
	skel->rodata->watched_count = config->port_count;
	skel->rodata->ring_size = config->ring_size;
	skel->rodata->tick_ns = live_tick();
	skel->rodata->scoped = config->scoped;
	skel->bss->adopting = 1;
	bpf_map__set_max_entries(skel->maps.events, config->ring_size);
	bpf_map__set_max_entries(skel->maps.ledgers, config->max_tracked);
	bpf_map__set_max_entries(skel->maps.processes, config->max_tracked);
	bpf_program__set_autoload(skel->progs.hook_fork, config->scoped);
	bpf_program__set_autoload(skel->progs.hook_ingress, config->wire);
	bpf_program__set_autoload(skel->progs.hook_egress, config->wire);
	if (config->scoped)
		bpf_map__set_max_entries(skel->maps.scope, SCOPE_MOST);
}

static int load_programs(struct live *live, enum live_unix mode)
{
	live->skel = pgleaktrace_bpf__open();
	if (!live->skel)
		return -errno;
	live_configure(live, &live->config);
	bpf_map__set_max_entries(live->skel->maps.unix_connections, 4 * live->config.max_tracked);
	bpf_map__set_max_entries(live->skel->maps.unix_holders, 4 * live->config.max_tracked);
	live->unix_mode = mode;
	live_unix_choose(live->skel, mode);
	return pgleaktrace_bpf__load(live->skel);
}

static enum live_unix unix_mode(const struct live *live)
{
	char path[PATH_MAX];

	if (live->config.unix_off)
		return LIVE_UNIX_OFF;
	return cgroup2_root(path, sizeof(path)) ? LIVE_UNIX_HOOKED : LIVE_UNIX_SNAPSHOT;
}

int live_load(struct live *live)
{
	enum live_unix mode = unix_mode(live);
	int error = load_programs(live, mode);

	if (error && mode == LIVE_UNIX_HOOKED && error != -EPERM && error != -EACCES) {
		/* Older than 6.7: it does not know these attach types. */
		pgleaktrace_bpf__destroy(live->skel);
		error = load_programs(live, LIVE_UNIX_SNAPSHOT);
	}
	if (!error && (!live->skel->bss || !live->skel->rodata))
		return -EOPNOTSUPP; /* libbpf believes that maps for global data can't be had */
	if (!error)
		live->places = bpf_map__fd(live->skel->maps.unix_places);
	return error;
}

/* Could this kernel's tracepoint miss what the sockets' callbacks tell? Who can't ask takes them. */
static bool callbacks_needed(struct live *live)
{
	struct bpf_test_run_opts opts;

	memset(&opts, 0, sizeof(opts));
	opts.sz = sizeof(opts);
	return bpf_prog_test_run_opts(bpf_program__fd(live->skel->progs.ask_kernel), &opts) ||
	       live->skel->bss->callbacks_needed;
}

/* The wire, and the sockets' callbacks if need be. Without cgroup2, a server that is faster than the
 * client's close() counts as hung up, and refusals are inferred. Not worth failing for: --check tells. */
static int attach_to_cgroups(struct live *live)
{
	struct bpf_program *hooks[] = {live->skel->progs.hook_ingress,
		live->skel->progs.hook_egress, live->skel->progs.hook_socket};
	struct bpf_link **links[] = {&live->skel->links.hook_ingress,
		&live->skel->links.hook_egress, &live->skel->links.hook_socket};
	int error = live_attach_to_root(hooks, links, callbacks_needed(live) ? 3 : 2);
	char path[PATH_MAX];

	live->skel->bss->sockets_call_back = live->skel->links.hook_socket != NULL &&
					     cgroup2_root(path, sizeof(path)) &&
					     cgroup2_is_whole(path);
	return error == -ENOENT ? 0 : error;
}

int live_attach(struct live *live)
{
	struct bpf_program *hooks[] = {live->skel->progs.hook_sock_state,
		live->skel->progs.hook_sock_destroy, live->skel->progs.hook_exec,
		live->skel->progs.hook_exit, live->skel->progs.hook_fork};
	struct bpf_link **links[] = {&live->skel->links.hook_sock_state,
		&live->skel->links.hook_sock_destroy, &live->skel->links.hook_exec,
		&live->skel->links.hook_exit, &live->skel->links.hook_fork};
	int error;

	/* Iterators first: they are passive; the hooks start the clock. */
	live->passes[PASS_LISTENERS] =
		bpf_program__attach_iter(live->skel->progs.snapshot_listeners, NULL);
	live->passes[PASS_FILES] = bpf_program__attach_iter(live->skel->progs.snapshot_files, NULL);
	live->passes[PASS_SOCKETS] =
		live_iterate_over(live->skel->progs.snapshot_sockets, live->skel->maps.connections);
	for (int i = 0; i < PASSES_ALWAYS; i++)
		if (!live->passes[i])
			return -errno;
	for (size_t i = 0; i < sizeof(hooks) / sizeof(hooks[0]); i++) {
		if (!bpf_program__autoload(hooks[i]))
			continue;
		*links[i] = bpf_program__attach(hooks[i]);
		if (!*links[i])
			return -errno;
	}
	error = live_unix_attach(live);
	return error ? error : attach_to_cgroups(live);
}

/* Is it about what this kernel knows? To root, -EACCES is the verifier's word. */
static bool kernel_lacks(int error)
{
	return error == -EINVAL || error == -E2BIG || error == -ENOENT || error == -ESRCH ||
	       error == -EOPNOTSUPP || error == -ENOSYS || (error == -EACCES && geteuid() == 0);
}

int live_say_why(int error, char *why, size_t size)
{
	if (access("/sys/kernel/btf/vmlinux", R_OK)) {
		snprintf(why, size,
			"this kernel has no BTF (/sys/kernel/btf/vmlinux): it needs "
			"CONFIG_DEBUG_INFO_BTF=y, as every current distribution's kernel has");
		return -EOPNOTSUPP;
	}
	if (kernel_lacks(error)) {
		snprintf(why, size,
			"this kernel refuses a BPF program (%s): it needs Linux 6.1 or newer; "
			"--check tells what is missing",
			strerror(-error));
		return -EOPNOTSUPP;
	}
	if (error == -EPERM || error == -EACCES)
		snprintf(why, size,
			"not enough privilege to load BPF programs: run it as root, with sudo");
	else
		snprintf(why, size, "cannot watch: %s", strerror(-error));
	return error;
}
