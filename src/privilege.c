/* SPDX-License-Identifier: BSD-2-Clause */
/* privilege.c: see privilege.h. A row per capability that may stay, with the case that needs it. */
#include <cap-ng.h>
#include <errno.h>
#include <linux/bpf.h>
#include <stdbool.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "privilege.h"

static bool watches(const struct options *o)
{
	return !o->replay;
}

/* Before 6.5 every bpf() call, a look into a map too, asked for CAP_BPF where unprivileged BPF is
 * off. A look into no map tells: with the right it is EBADF. */
static bool looks_need_bpf(const struct options *o)
{
	union bpf_attr attr = {.map_fd = (__u32)-1};

	capng_update(CAPNG_DROP, CAPNG_EFFECTIVE, CAP_BPF);
	if (capng_apply(CAPNG_SELECT_CAPS))
		return watches(o);
	return watches(o) && syscall(SYS_bpf, BPF_MAP_LOOKUP_ELEM, &attr, sizeof(attr)) < 0 &&
	       errno == EPERM;
}

static bool writes_files(const struct options *o)
{
	return o->output_file || o->record;
}

static bool runs_command(const struct options *o)
{
	return o->command;
}

static const struct {
	unsigned capability;
	bool (*needed)(const struct options *);
} rows[] = {
	/* other users' /proc/PID/{exe,cwd,fd,ns}; any of /proc when it is mounted with hidepid */
	{CAP_SYS_PTRACE, watches},
	/* the server's data directory (0700): its limits; scripts and their settings in home folders */
	{CAP_DAC_READ_SEARCH, watches},
	/* the books, at each look, on older kernels */
	{CAP_BPF, looks_need_bpf},
	/* files that are opened or replaced later, in a directory that is another user's */
	{CAP_DAC_OVERRIDE, writes_files},
	/* signals for a command that sudo's caller runs */
	{CAP_KILL, runs_command},
};
#define ROWS (sizeof(rows) / sizeof(rows[0]))

int privilege_drop(const struct options *o)
{
	bool keep[ROWS];
	bool bounds;

	if (capng_get_caps_process())
		return -errno;
	bounds = capng_have_capability(CAPNG_EFFECTIVE, CAP_SETPCAP);
	for (size_t i = 0; i < ROWS; i++)
		keep[i] = capng_have_capability(CAPNG_PERMITTED, rows[i].capability) &&
			  rows[i].needed(o);
	capng_clear(CAPNG_SELECT_ALL);
	for (size_t i = 0; i < ROWS; i++)
		if (keep[i])
			capng_update(
				CAPNG_ADD, CAPNG_EFFECTIVE | CAPNG_PERMITTED, rows[i].capability);
	/* Without this, root would have all back with its next exec. */
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		return -errno;
	return capng_apply(bounds ? CAPNG_SELECT_BOTH : CAPNG_SELECT_CAPS) ? -EPERM : 0;
}
