/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * command.c: `-- CMD` in the loop: it starts when everything is armed, ends the watch with its own
 * end, and its descendants have a grace to finish in.
 */
#include <signal.h>
#include <sys/signalfd.h>

#include "base/ns.h"
#include "command.h"
#include "loop.h"

#define LOOK_NS (50 * MILLISECOND) /* how often the grace asks whether anybody is left */

static void tell(struct loop *l)
{
	const struct command *c = l->command;
	union event event = {.command = {
				     .head = {.kind = EVENT_COMMAND, .size = sizeof(event.command)},
				     .grace = l->options->grace,
				     .pid = (__u32)c->pid,
				     .ended = c->ended,
				     .exit_code = c->exit_code,
				     .argv_length = (__u32)c->words_length,
				     .argv = c->words,
			     }};

	stream_add(l->stream, &event);
}

static __u64 open_now(const struct loop *l)
{
	const struct query all = {.older = l->options->query.older};
	struct snapshot *snapshot = model_snapshot(l->model, &all);
	__u64 open = snapshot->counts.open;

	snapshot_free(snapshot);
	return open;
}

/* Nobody of the command lives and nothing is open: waiting longer would teach nothing. Both are
 * asked, for a process leaves the scope a moment before its descriptors are closed. */
static int look_for_descendants(struct loop *l)
{
	int error;

	if (stream_scope_lives(l->stream))
		return 0;
	error = stream_snapshot(l->stream);
	if (!error)
		error = loop_take_events(l);
	if (error)
		return error;
	return open_now(l) ? 0 : STOP_COMMAND;
}

static int look_ready(struct loop *l, int fd, void *data)
{
	(void)data;
	timer_clear(fd);
	return look_for_descendants(l);
}

static int grace_over(struct loop *l, int fd, void *data)
{
	(void)l;
	(void)fd;
	(void)data;
	return STOP_COMMAND;
}

static int command_ended(struct loop *l, int fd, void *data)
{
	int result = stream_poll(l->stream);

	(void)data;
	command_reap(l->command);
	loop_take_back(l, fd);
	tell(l);
	if (!result)
		result = loop_take_events(l);
	if (!result)
		result = l->options->grace ? look_for_descendants(l) : STOP_COMMAND;
	if (result)
		return result;
	result = loop_lend(l, timer_open(LOOK_NS, true), look_ready, NULL);
	if (result >= 0)
		result = loop_lend(l, timer_open(l->options->grace, false), grace_over, NULL);
	return result < 0 ? result : 0;
}

int command_lend(struct loop *l)
{
	int error;

	if (!l->command)
		return 0;
	error = command_start(l->command);
	if (error)
		return error;
	tell(l);
	return loop_lend(l, l->command->pidfd, command_ended, NULL);
}

/* A key pressed at the terminal has reached the command as well; what was sent to us alone is passed
 * on. It ends the watch only once the command has ended. */
int command_signal(struct loop *l, const struct signalfd_siginfo *info)
{
	if (l->command->ended)
		return STOP_SIGNAL;
	if (info->ssi_code != SI_KERNEL)
		kill(l->command->pid, (int)info->ssi_signo);
	return 0;
}
