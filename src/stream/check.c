/* SPDX-License-Identifier: BSD-2-Clause */
/* check.c: --check: each need of the live stream, whether it is met, and what would meet it. */
#include <bpf/libbpf.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "pgleaktrace.skel.h"
#include "stream/proc.h"
#include "stream/stream.h"

/* CAP_SYS_ADMIN (21) or CAP_BPF (39) with CAP_PERFMON (38), of linux/capability.h. */
static bool has_privilege(void)
{
	unsigned long long effective = 0;
	char line[256];
	FILE *file = fopen("/proc/self/status", "re");

	while (file && fgets(line, sizeof(line), file))
		if (sscanf(line, "CapEff: %llx", &effective) == 1)
			break;
	if (file)
		fclose(file);
	return (effective >> 21 & 1) || ((effective >> 39 & 1) && (effective >> 38 & 1));
}

static bool has_btf(void)
{
	return access("/sys/kernel/btf/vmlinux", R_OK) == 0;
}

static bool programs_load(void)
{
	struct pgleaktrace_bpf *skel;

	libbpf_set_print(NULL);
	skel = pgleaktrace_bpf__open_and_load();
	pgleaktrace_bpf__destroy(skel);
	return skel != NULL;
}

static bool has_cgroup2(void)
{
	char path[4096];

	return cgroup2_root(path, sizeof(path));
}

/* Mounted with hidepid, /proc shows only one's own processes. */
static bool proc_is_open(void)
{
	return access("/proc/1/cmdline", R_OK) == 0 && access("/proc/1/fd", X_OK) == 0;
}

static const struct {
	const char *need;
	bool (*met)(void);
	bool required;
	const char *mend;
} needs[] = {
	{"privilege to load BPF programs", has_privilege, true, "run it with sudo"},
	{"kernel type information (BTF)", has_btf, true,
		"boot a kernel built with CONFIG_DEBUG_INFO_BTF=y (ls /sys/kernel/btf/vmlinux)"},
	{"BPF programs load", programs_load, true,
		"needs Linux 5.15 or newer; `pgleaktrace -v --once` prints what the kernel says"},
	{"cgroup2, to tell clean endings", has_cgroup2, false,
		"mount -t cgroup2 none /sys/fs/cgroup/unified; without it a session that the "
		"server "
		"ends faster than the client's close() counts as hung up"},
	{"other users' processes in /proc", proc_is_open, false,
		"mount -o remount,hidepid=0 /proc, or run it with sudo"},
};

bool stream_check(size_t index, struct check *out)
{
	if (index >= sizeof(needs) / sizeof(needs[0]))
		return false;
	out->need = needs[index].need;
	out->required = needs[index].required;
	out->mend = needs[index].mend;
	out->ok = needs[index].met();
	return true;
}
