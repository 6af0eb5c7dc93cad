/* SPDX-License-Identifier: BSD-2-Clause */
/* check.c: --check: each need of the live stream, whether it is met, and what would meet it. */
#include <bpf/libbpf.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "stream/live_state.h"

/* All that --check asks for, given to the program itself: docs/PRIVILEGES.md. */
#define SETCAP                                                                                     \
	"sudo setcap cap_bpf,cap_perfmon,cap_net_admin,cap_sys_ptrace,cap_dac_read_search=ep "     \
	"\"$(command -v pgleaktrace)\""

static bool has(unsigned capability)
{
	unsigned long long effective = 0;
	char line[256];
	FILE *file = fopen("/proc/self/status", "re");

	while (file && fgets(line, sizeof(line), file))
		if (sscanf(line, "CapEff: %llx", &effective) == 1)
			break;
	if (file)
		fclose(file);
	return effective >> capability & 1;
}

static bool may_load(void)
{
	return has(CAP_SYS_ADMIN) || (has(CAP_BPF) && has(CAP_PERFMON) && has(CAP_NET_ADMIN));
}

static bool may_name_others(void)
{
	return has(CAP_SYS_PTRACE);
}

static bool may_read_files(void)
{
	return has(CAP_DAC_READ_SEARCH) || has(CAP_DAC_OVERRIDE);
}

static bool has_btf(void)
{
	return access("/sys/kernel/btf/vmlinux", R_OK) == 0;
}

static bool has_cgroup2(void)
{
	char path[4096];

	return cgroup2_root(path, sizeof(path));
}

static bool loads(enum live_unix mode)
{
	struct pgleaktrace_bpf *skel;
	bool loaded;

	libbpf_set_print(NULL);
	skel = pgleaktrace_bpf__open();
	if (!skel)
		return false;
	live_unix_choose(skel, mode);
	loaded = pgleaktrace_bpf__load(skel) == 0;
	pgleaktrace_bpf__destroy(skel);
	return loaded;
}

static bool programs_load(void)
{
	return loads(LIVE_UNIX_SNAPSHOT);
}

static bool hooks_unix(void)
{
	return has_cgroup2() && loads(LIVE_UNIX_HOOKED);
}

/* Mounted with hidepid, /proc shows only one's own processes; CAP_SYS_PTRACE sees through it. */
static bool proc_is_open(void)
{
	return faccessat(AT_FDCWD, "/proc/1/cmdline", R_OK, AT_EACCESS) == 0;
}

enum weight { COMFORT, KERNEL, PRIVILEGE };

static const struct {
	const char *need;
	bool (*met)(void);
	enum weight weight;
	const char *mend;
} needs[] = {
	{"privilege to load BPF programs (cap_bpf, cap_perfmon, cap_net_admin)", may_load,
		PRIVILEGE, "run it with sudo, or once: " SETCAP},
	{"privilege to look into other users' processes (cap_sys_ptrace)", may_name_others, COMFORT,
		"run it with sudo, or once: " SETCAP "; without it their folders and descriptors "
		"stay unknown"},
	{"privilege to read a server's and a script's settings (cap_dac_read_search)",
		may_read_files, COMFORT,
		"run it with sudo, or once: " SETCAP "; without it a server's limits stay unknown"},
	{"kernel type information (BTF)", has_btf, KERNEL,
		"boot a kernel built with CONFIG_DEBUG_INFO_BTF=y (ls /sys/kernel/btf/vmlinux)"},
	{"BPF programs load", programs_load, KERNEL,
		"needs Linux 6.1 or newer; `pgleaktrace -v --once` prints what the kernel says"},
	{"cgroup2, to read refusals, database users and clean endings", has_cgroup2, COMFORT,
		"mount -t cgroup2 none /sys/fs/cgroup/unified; without it refusals are inferred, "
		"and a session that the server ends faster than the client's close() counts as "
		"hung up"},
	{"connect() of unix sockets (cgroup/connect_unix)", hooks_unix, COMFORT,
		"Linux 6.7 or newer, with cgroup2; without it a unix socket's connection counts "
		"once a snapshot has found it, or its backend has ended"},
	{"the host's processes (its pid namespace)", proc_is_hosts, COMFORT,
		"docker run --pid=host, or hostPID: true; without it connections from before the "
		"start, holders and names are those of this container alone"},
	{"other users' processes in /proc", proc_is_open, COMFORT,
		"mount -o remount,hidepid=0 /proc, or run it with sudo"},
};

static bool loads_to_tell(bool (*met)(void))
{
	return met == programs_load || met == hooks_unix;
}

bool stream_check(size_t index, struct check *out)
{
	if (index >= sizeof(needs) / sizeof(needs[0]))
		return false;
	out->need = needs[index].need;
	out->required = needs[index].weight != COMFORT;
	out->mend = needs[index].mend;
	out->privilege = needs[index].weight == PRIVILEGE;
	out->ok = needs[index].met();
	if (!out->ok && loads_to_tell(needs[index].met) && !may_load())
		out->mend = "not tried: the privilege to load comes first";
	return true;
}
