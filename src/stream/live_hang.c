/* SPDX-License-Identifier: BSD-2-Clause */
/* live_hang.c: programs are hung on what is no tracepoint: the root of cgroup2, which sees every process
 * of the host; a map, whose elements an iterator goes over. */
#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
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

struct bpf_link *live_iterate_over(struct bpf_program *program, const struct bpf_map *map)
{
	union bpf_iter_link_info info = {.map.map_fd = (__u32)bpf_map__fd(map)};
	struct bpf_iter_attach_opts opts;

	/* Not LIBBPF_OPTS: libbpf refuses what a compiler may leave in the padding. */
	memset(&opts, 0, sizeof(opts));
	opts.sz = sizeof(opts);
	opts.link_info = &info;
	opts.link_info_len = sizeof(info);
	return bpf_program__attach_iter(program, &opts);
}
