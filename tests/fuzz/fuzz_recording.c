/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fuzz_recording.c: any bytes as a recording, through the model, the rules and every view that
 * reports. A recording comes from somebody else's machine: it may say anything.
 */
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include <pgleaktrace/finding.h>
#include <pgleaktrace/stream.h>
#include <pgleaktrace/view.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void report(const struct model *model, enum group_by group_by, FILE *out)
{
	const struct query query = {.older = 1000000000ull, .group_by = group_by};
	struct view_context context = {.out = out, .columns = 80, .detail = true};
	struct snapshot *snapshot = model_snapshot(model, &query);
	const struct rule_settings settings = {0};
	struct findings *findings = findings_of(snapshot, &settings);

	for (size_t i = 0; views[i]; i++)
		views[i]->report(&context, snapshot, findings);
	findings_free(findings);
	snapshot_free(snapshot);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	int fd = memfd_create("recording", MFD_CLOEXEC);
	struct stream *stream = NULL;
	union event event;
	char path[64], why[256];
	FILE *out;

	if (fd < 0 || write(fd, data, size) != (ssize_t)size)
		abort();
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	if (!stream_replay_open(&stream, path, why, sizeof(why))) {
		struct model *model = model_new();

		while (stream_next(stream, &event) == 1)
			model_apply(model, &event);
		out = fopen("/dev/null", "w");
		report(model, GROUP_SCRIPT, out);
		report(model, GROUP_SERVER, out);
		fclose(out);
		model_free(model);
		stream_close(stream);
	}
	close(fd);
	return 0;
}
