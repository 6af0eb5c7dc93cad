/* SPDX-License-Identifier: BSD-2-Clause */
/* live_cgroup.c: programs are hung on the root of cgroup2, which sees every process of the host. */
#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <unistd.h>

#include "stream/live_state.h"

int live_attach_to_root(
	struct bpf_program *const *programs, struct bpf_link **const *links, size_t count)
{
	char path[PATH_MAX];
	int fd, error = 0;

	if (!cgroup2_root(path, sizeof(path)))
		return -ENOENT;
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	for (size_t i = 0; i < count && !error; i++) {
		if (!bpf_program__autoload(programs[i]))
			continue;
		*links[i] = bpf_program__attach_cgroup(programs[i], fd);
		error = *links[i] ? 0 : -errno;
	}
	close(fd);
	return error;
}
