/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * files: opens and closes one plain file COUNT times. A program that has nothing to do with sockets.
 *
 *   files PATH COUNT
 *
 * Prints {"opened", "seconds"}.
 */
#include "tool.h"

int main(int argc, char **argv)
{
	double start = now_seconds();
	long count;

	if (argc != 3)
		errx(64, "usage: files PATH COUNT");
	count = atol(argv[2]);
	for (long i = 0; i < count; i++) {
		int fd = open(argv[1], O_RDONLY | O_CLOEXEC);

		if (fd < 0 || close(fd))
			err(1, "%s", argv[1]);
	}
	printf("{\"opened\": %ld, \"seconds\": %.3f}\n", count, now_seconds() - start);
	return 0;
}
