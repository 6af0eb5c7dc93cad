/* SPDX-License-Identifier: BSD-2-Clause */
/* main.c: the pipeline: options → stream → model → view. */
#include <errno.h>
#include <fcntl.h>
#include <locale.h>
#include <langinfo.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "loop.h"

static int fail(const struct options *o, FILE *out, int status, const char *message)
{
	struct view_context context = {.out = out};

	fprintf(stderr, "pgleaktrace: %s\n", message);
	if (o->view->error)
		o->view->error(&context, message);
	return status;
}

static int status_of(int error)
{
	if (error == -EPERM || error == -EACCES)
		return EXIT_NO_PRIVILEGE;
	return error == -ENOENT || error == -EOPNOTSUPP || error == -ENOSYS ? EXIT_KERNEL_LACKS
									    : EXIT_FAILED;
}

static int run_check(void)
{
	struct check check;
	bool runs = true;

	for (size_t i = 0; stream_check(i, &check); i++) {
		fprintf(stderr, "%-8s %s%s%s\n", check.ok ? "ok" : "missing", check.need,
			check.ok ? "" : ": ", check.ok ? "" : check.mend);
		runs = runs && (check.ok || !check.required);
	}
	return runs ? EXIT_OK : EXIT_KERNEL_LACKS;
}

static FILE *open_output(const struct options *o)
{
	int fd;

	if (!o->output_file)
		return stdout;
	fd = open(o->output_file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	return fd < 0 ? NULL : fdopen(fd, "w");
}

static unsigned columns_of(FILE *out)
{
	struct winsize size;

	return ioctl(fileno(out), TIOCGWINSZ, &size) == 0 && size.ws_col ? size.ws_col : 100;
}

static void report(
	const struct options *o, const struct view_context *context, const struct model *model)
{
	struct snapshot *snapshot = model_snapshot(model, &o->query);
	struct findings *findings = findings_of(snapshot, &o->rules);

	o->view->report(context, snapshot, findings);
	findings_free(findings);
	snapshot_free(snapshot);
}

static int watch(const struct options *o, FILE *out)
{
	struct view_context context = {
		.out = out,
		.columns = columns_of(out),
		.ascii = strcmp(nl_langinfo(CODESET), "UTF-8") != 0,
		.detail = o->verbose,
		.once = o->once,
		.quiet = o->quiet,
	};
	struct loop loop = {.options = o, .context = &context};
	char why[512];
	int error;

	if (o->record && (error = recorder_open(&loop.recorder, o->record))) {
		snprintf(why, sizeof(why), "cannot write the recording %s: %s", o->record,
			strerror(-error));
		return fail(o, out, EXIT_FAILED, why);
	}
	error = o->replay ? stream_replay_open(&loop.stream, o->replay, why, sizeof(why))
			  : stream_live_open(&loop.stream, &o->live, why, sizeof(why));
	if (error) {
		recorder_close(loop.recorder);
		return fail(o, out, o->replay ? EXIT_FAILED : status_of(error), why);
	}
	loop.model = model_new();
	error = loop_run(&loop);
	if (!error)
		error = recorder_close(loop.recorder);
	else
		recorder_close(loop.recorder);
	if (error) {
		snprintf(why, sizeof(why), "stopped early: %s", strerror(-error));
		fail(o, out, EXIT_FAILED, why);
	}
	report(o, &context, loop.model);
	model_free(loop.model);
	stream_close(loop.stream);
	return error ? EXIT_FAILED : EXIT_OK;
}

int main(int argc, char **argv)
{
	struct options options;
	FILE *out;
	int status;

	setlocale(LC_CTYPE, "");
	options_parse(&options, argc, argv);
	if (options.check)
		return run_check();
	out = open_output(&options);
	if (!out) {
		fprintf(stderr, "pgleaktrace: cannot write %s: %s\n", options.output_file,
			strerror(errno));
		return EXIT_FAILED;
	}
	status = watch(&options, out);
	if (fflush(out) || ferror(out) || fclose(out)) {
		fprintf(stderr, "pgleaktrace: the report could not be written whole: %s\n",
			strerror(errno));
		return EXIT_FAILED;
	}
	if (options.query.cmdline)
		regfree(&options.cmdline);
	return status;
}
