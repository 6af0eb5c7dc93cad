/* SPDX-License-Identifier: BSD-2-Clause */
/* self.c: see self.h. */
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "base/ns.h"
#include "self.h"

static __u64 ns_of(const struct timeval *time)
{
	return (__u64)time->tv_sec * SECOND + (__u64)time->tv_usec * 1000;
}

/* Second number of statm: resident pages. */
static __u64 resident_bytes(void)
{
	FILE *file = fopen("/proc/self/statm", "re");
	unsigned long long pages = 0;

	if (!file)
		return 0;
	if (fscanf(file, "%*u %llu", &pages) != 1)
		pages = 0;
	fclose(file);
	return pages * (__u64)sysconf(_SC_PAGESIZE);
}

static __u64 clock_of(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return (__u64)now.tv_sec * SECOND + (__u64)now.tv_nsec;
}

void self_read(struct self *out, const struct stream *stream)
{
	struct rusage usage;

	memset(out, 0, sizeof(*out));
	if (!getrusage(RUSAGE_SELF, &usage))
		out->cpu = ns_of(&usage.ru_utime) + ns_of(&usage.ru_stime);
	out->resident = resident_bytes();
	if (stream_fd(stream) >= 0)
		out->booted = clock_of(CLOCK_REALTIME) - clock_of(CLOCK_BOOTTIME);
	while (out->fill_count < FILLS_MOST) {
		struct fill *fill = &out->fills[out->fill_count];

		if (!stream_fill(stream, out->fill_count, &fill->name, &fill->used, &fill->most))
			break;
		out->fill_count++;
	}
}
