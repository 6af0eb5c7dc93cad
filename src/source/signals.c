/* SPDX-License-Identifier: BSD-2-Clause */
/* signals.c: signals as a descriptor: what each one means while the loop runs. */
#include <fcntl.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "files.h"

static int ends_watch(struct loop *l, const struct signalfd_siginfo *info)
{
	return l->command ? command_signal(l, info) : STOP_SIGNAL;
}

/* nohup(1), or a service that wants to outlive a terminal; a command has inherited it. */
static bool outlives_terminal(void)
{
	struct sigaction before;

	return !sigaction(SIGHUP, NULL, &before) && before.sa_handler == SIG_IGN;
}

/* Without a terminal that could hang up, it is the service manager's or logrotate's "reopen". */
static int hangup(struct loop *l, const struct signalfd_siginfo *info)
{
	bool asks = !l->command && !l->options->screen;
	bool outlives = outlives_terminal();
	int terminal = asks && !outlives ? open("/dev/tty", O_RDONLY | O_CLOEXEC) : -1, files;

	if (terminal >= 0)
		close(terminal);
	if (terminal >= 0 || !asks) /* a screen's terminal is gone by now */
		return outlives ? 0 : ends_watch(l, info);
	files = files_reopen(l);
	if (files < 0)
		return files;
	return files || outlives || l->options->metrics.ss_family ? 0 : STOP_SIGNAL;
}

static const struct {
	int number;
	int (*means)(struct loop *, const struct signalfd_siginfo *);
	bool only_command; /* otherwise it keeps its usual effect */
} meanings[] = {
	{SIGINT, ends_watch, false},
	{SIGTERM, ends_watch, false},
	{SIGHUP, hangup, false},
	{SIGQUIT, command_signal, true},
	{SIGUSR1, command_signal, true},
	{SIGUSR2, command_signal, true},
};
#define MEANINGS (sizeof(meanings) / sizeof(meanings[0]))

static int meaning_of(struct loop *l, const struct signalfd_siginfo *info)
{
	for (size_t i = 0; i < MEANINGS; i++)
		if (meanings[i].number == (int)info->ssi_signo)
			return meanings[i].means(l, info);
	return 0;
}

/* All that came; the first that ends the watch decides. */
static int signals_ready(struct loop *l, int fd, void *data)
{
	struct signalfd_siginfo info;
	int result = 0;

	(void)data;
	while (read(fd, &info, sizeof(info)) == sizeof(info)) {
		int meaning = meaning_of(l, &info);

		if (!result)
			result = meaning;
	}
	return result;
}

/* From here on a second Ctrl-C ends the program at once. */
static void signals_done(struct loop *l, int fd, void *data)
{
	struct signalfd_siginfo info;
	sigset_t none;

	(void)l;
	(void)data;
	while (read(fd, &info, sizeof(info)) == sizeof(info))
		;
	signal(SIGINT, SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

int signals_lend(struct loop *l)
{
	sigset_t set;
	int index;

	/* A recording is read at once: Ctrl-C just ends it. */
	if (l->options->replay && !l->options->metrics.ss_family && !l->options->screen)
		return 0;
	sigemptyset(&set);
	for (size_t i = 0; i < MEANINGS; i++)
		if (l->command || !meanings[i].only_command)
			sigaddset(&set, meanings[i].number);
	sigprocmask(SIG_BLOCK, &set, NULL);
	index = loop_lend(l, signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK), signals_ready, NULL);
	if (index >= 0)
		l->sources[index].done = signals_done;
	return index;
}
