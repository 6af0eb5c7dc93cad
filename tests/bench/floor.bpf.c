// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/* floor.bpf.c: looks at every descriptor of every process and does nothing: the least that any listing
 * by iterator can take. bench.py pins it and reads it to its end. */
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>

SEC("iter/task_file")
int floor_files(struct bpf_iter__task_file *ctx)
{
	return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
