/* SPDX-License-Identifier: BSD-2-Clause */
/* main.c: the pipeline: options → stream → model → view. */
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <locale.h>
#include <langinfo.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/redact.h"
#include "command.h"
#include "files.h"
#include "version.h"

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
	int status = EXIT_OK;

	for (size_t i = 0; stream_check(i, &check); i++) {
		fprintf(stderr, "%-8s %s%s%s\n", check.ok ? "ok" : "missing", check.need,
			check.ok ? "" : ": ", check.ok ? "" : check.mend);
		if (!check.ok && check.required && status == EXIT_OK)
			status = check.privilege ? EXIT_NO_PRIVILEGE : EXIT_KERNEL_LACKS;
	}
	return status;
}

static unsigned columns_of(FILE *out)
{
	struct winsize size;

	return ioctl(fileno(out), TIOCGWINSZ, &size) == 0 && size.ws_col ? size.ws_col : 100;
}

static int report(struct loop *loop)
{
	const struct options *o = loop->options;
	struct snapshot *snapshot;
	struct findings *findings;

	if (files_is_collected(o))
		return files_write_metrics(loop);
	snapshot = model_snapshot(loop->model, &o->query);
	findings = findings_of(snapshot, &o->rules);
	loop_take_resolved(loop, snapshot, findings);
	o->view->report(loop->context, snapshot, findings);
	findings_free(findings);
	snapshot_free(snapshot);
	return 0;
}

/* --fail-on judges everything the filters let through, also what --rows hides. */
static bool held_back(const struct options *o, const struct model *model)
{
	struct query query = o->query;
	struct snapshot *snapshot;
	struct findings *findings;
	char why[512];
	bool trips;

	if (!o->gate.set)
		return false;
	query.rows = 0;
	snapshot = model_snapshot(model, &query);
	findings = findings_of(snapshot, &o->rules);
	trips = gate_trips(&o->gate, snapshot, findings, why, sizeof(why));
	if (trips && !o->quiet)
		fprintf(stderr, "pgleaktrace: %s\n", why);
	findings_free(findings);
	snapshot_free(snapshot);
	return trips;
}

/* What the loop waits for. Returns an exit status, EXIT_OK when all is there. */
static int open_all(const struct options *o, FILE *out, struct loop *loop)
{
	char why[1024], reason[512];
	int error;

	if (loop->command &&
		command_prepare(loop->command, o->command, o->live.redact, why, sizeof(why)))
		return fail(o, out, EXIT_FAILED, why);
	error = o->replay ? stream_replay_open(&loop->stream, o->replay, why, sizeof(why))
			  : stream_live_open(&loop->stream, &o->live, why, sizeof(why));
	if (error)
		return fail(o, out, o->replay ? EXIT_FAILED : status_of(error), why);
	/* Only now: a run that can't begin leaves the recording of the one before. */
	if (o->record && recorder_open(&loop->recorder, o->record, reason, sizeof(reason))) {
		snprintf(why, sizeof(why), "cannot write the recording %s: %s", o->record, reason);
		return fail(o, out, EXIT_FAILED, why);
	}
	loop->recording = o->record ? xstrdup(o->record) : NULL;
	loop->model = model_for(&o->query);
	loop->diagnosis = diagnosis_new();
	return EXIT_OK;
}

static void close_all(struct loop *loop)
{
	recorder_close(loop->recorder);
	free(loop->recording);
	diagnosis_free(loop->diagnosis);
	model_free(loop->model);
	stream_close(loop->stream);
	if (loop->command)
		command_free(loop->command);
}

/* 0, or the -errno for which the recording is not whole: said once, here or when it happened. */
static int end_recording(struct loop *loop)
{
	int error = recorder_close(loop->recorder);

	loop->recorder = NULL;
	if (loop->record_error)
		return loop->record_error;
	if (error)
		fprintf(stderr, "pgleaktrace: the recording %s is cut short: %s\n", loop->recording,
			strerror(-error));
	return error;
}

/* The loop, and the recording to its end. A reader that has left is no reason to die before that;
 * afterwards, as every filter does. */
static int run_loop(struct loop *loop, int *recorded)
{
	void (*before)(int) = signal(SIGPIPE, SIG_IGN);
	int error;

	if (loop->command)
		loop->command->sigpipe = before;
	error = loop_run(loop);
	*recorded = end_recording(loop);
	signal(SIGPIPE, before);
	return error;
}

/* Runs the loop and says what broke it, if something did. */
static int run(const struct options *o, FILE *out, struct loop *loop)
{
	union event broken = {.stop = {.head = {.kind = EVENT_STOP}, .reason = STOP_BROKEN}};
	int recorded, error = run_loop(loop, &recorded);
	char why[512];

	if (o->command && loop->command->exec_error) {
		snprintf(why, sizeof(why), "cannot run %s: %s", o->command[0], strerror(-error));
		return fail(o, out, command_status(loop->command), why);
	}
	/* The command outlives a watch that broke: its end is still waited for. */
	if (loop->command && loop->command->pid && !loop->command->ended)
		command_reap(loop->command);
	if (!error)
		return recorded ? EXIT_FAILED : EXIT_OK;
	model_apply(loop->model, &broken); /* no report may call itself complete now */
	snprintf(why, sizeof(why), "stopped early: %s", strerror(-error));
	return fail(o, out, EXIT_FAILED, why);
}

static int explain(const struct options *o, FILE *out)
{
	struct view_context context = {.out = out,
		.columns = columns_of(out),
		.ascii = strcmp(nl_langinfo(CODESET), "UTF-8") != 0};

	explain_word(&context, o->explain);
	return EXIT_OK;
}

static int watch(const struct options *o, FILE *out, char **argv)
{
	char *made_by = redact_typed(argv, o->live.redact);
	struct view_context context = {
		.out = out,
		.command = made_by,
		.columns = columns_of(out),
		.ascii = strcmp(nl_langinfo(CODESET), "UTF-8") != 0,
		.detail = o->verbose,
		.explain = o->explain,
		.once = o->once,
		.quiet = o->quiet,
	};
	struct command command = {.pidfd = -1};
	struct loop loop = {
		.options = o, .context = &context, .command = o->command ? &command : NULL};
	int status = open_all(o, out, &loop);

	if (!status) {
		status = run(o, out, &loop);
		if ((status == EXIT_OK || status == EXIT_FAILED) && report(&loop))
			status = EXIT_FAILED;
		if (status == EXIT_OK && held_back(o, loop.model))
			status = o->error_status ? o->error_status : EXIT_GATE;
		else if (status == EXIT_OK && loop.command)
			status = command_status(loop.command);
	}
	close_all(&loop);
	free(made_by);
	return status;
}

/* A standard stream that was closed when we came stays as good as closed, but its number is taken: a
 * recording must not become standard error. */
static void hold_standard(void)
{
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
		if (fcntl(fd, F_GETFD) < 0)
			open("/dev/null", (fd ? O_RDONLY : O_WRONLY) | O_CLOEXEC);
}

int main(int argc, char **argv)
{
	struct options options;
	char why[512];
	FILE *out;
	int status;

	hold_standard();
	setlocale(LC_CTYPE, "");
	json_set_alloc_funcs(xmalloc, free);
	argp_program_version_hook = version_print;
	options_parse(&options, argc, argv);
	if (!options.once) /* who looks once has no next time, and is sooner done so */
		mem_return_large();
	if (options.check)
		return run_check();
	out = files_open_output(&options, why, sizeof(why));
	if (!out) {
		fprintf(stderr, "pgleaktrace: cannot write %s: %s\n", options.output_file, why);
		return EXIT_FAILED;
	}
	status = options.word_only ? explain(&options, out) : watch(&options, out, argv);
	if (fflush(out) || ferror(out) || fclose(out)) {
		fprintf(stderr, "pgleaktrace: the report could not be written whole: %s\n",
			strerror(errno));
		return EXIT_FAILED;
	}
	if (options.query.cmdline)
		regfree(&options.cmdline);
	return status;
}
