/* SPDX-License-Identifier: BSD-2-Clause */
/* command.c: fork, become the user, exec; and how it ended. */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/redact.h"
#include "base/text.h"
#include "command.h"

static void gather_words(struct command *c, bool redact)
{
	size_t length;
	char *words = text_arguments(c->argv, &length);

	c->words = words;
	c->words_length = length;
	if (!redact)
		return;
	c->words = redact_argv(words, length, &c->words_length);
	free(words);
}

/* A number from the environment and nothing else; false: it is set, but no id. */
static bool read_id(const char *name, unsigned *id)
{
	const char *text = getenv(name);
	char *end;
	unsigned long n;

	if (!text || *text < '0' || *text > '9')
		return false;
	errno = 0;
	n = strtoul(text, &end, 10);
	if (errno || *end || n >= 0xffffffffu)
		return false;
	*id = (unsigned)n;
	return true;
}

static void gather_user(struct command *c)
{
	const struct passwd *pw = getpwuid(c->uid);
	int count = 0;

	c->groups = xcalloc(1, sizeof(gid_t));
	c->groups[0] = c->gid;
	c->group_count = 1;
	if (!pw)
		return;
	c->name = xstrdup(pw->pw_name);
	c->home = xstrdup(pw->pw_dir);
	c->shell = xstrdup(pw->pw_shell);
	getgrouplist(c->name, c->gid, NULL, &count); /* fails, and says how many */
	c->groups = xrealloc(c->groups, (size_t)(count ? count : 1) * sizeof(gid_t));
	if (count && getgrouplist(c->name, c->gid, c->groups, &count) >= 0)
		c->group_count = count;
}

int command_prepare(struct command *c, char *const *argv, bool redact, char *why, size_t size)
{
	unsigned uid, gid;

	*c = (struct command){.argv = argv, .pidfd = -1};
	gather_words(c, redact);
	if (geteuid() != 0 || !getenv("SUDO_UID"))
		return 0;
	if (!read_id("SUDO_UID", &uid) || !read_id("SUDO_GID", &gid)) {
		snprintf(why, size,
			"SUDO_UID and SUDO_GID do not say which user runs the command; unset "
			"SUDO_UID to run it as root");
		return -EINVAL;
	}
	if (!uid) /* root called sudo */
		return 0;
	c->as_user = true;
	c->uid = uid;
	c->gid = gid;
	gather_user(c);
	return 0;
}

/* In the child. What sudo made root's becomes the user's again. */
static int become_user(const struct command *c)
{
	if (!c->as_user)
		return 0;
	if (setgroups((size_t)c->group_count, c->groups) || setresgid(c->gid, c->gid, c->gid) ||
		setresuid(c->uid, c->uid, c->uid))
		return -errno;
	if (!c->name)
		return 0;
	setenv("HOME", c->home, 1);
	setenv("USER", c->name, 1);
	setenv("LOGNAME", c->name, 1);
	setenv("SHELL", *c->shell ? c->shell : "/bin/sh", 1);
	return 0;
}

static _Noreturn void run_child(const struct command *c, int report)
{
	sigset_t none;
	int error = become_user(c);

	signal(SIGPIPE, c->sigpipe);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	if (!error) {
		execvp(c->argv[0], c->argv);
		error = -errno;
	}
	if (write(report, &error, sizeof(error)) < 0) /* the parent is gone: nobody to tell */
		_exit(COMMAND_CANNOT_RUN);
	_exit(COMMAND_CANNOT_RUN);
}

int command_start(struct command *c)
{
	int pipes[2], error = 0;
	ssize_t n;

	if (pipe2(pipes, O_CLOEXEC))
		return -errno;
	c->pid = fork();
	if (c->pid < 0)
		error = -errno;
	else if (!c->pid)
		run_child(c, pipes[1]);
	close(pipes[1]);
	do /* an exec that succeeds closes the other end */
		n = error ? 0 : read(pipes[0], &error, sizeof(error));
	while (n < 0 && errno == EINTR);
	close(pipes[0]);
	if (error && c->pid > 0) {
		waitpid(c->pid, NULL, 0);
		c->exec_error = error;
	}
	if (error) {
		c->pid = 0;
		return error;
	}
	c->pidfd = (int)syscall(SYS_pidfd_open, c->pid, 0);
	return c->pidfd < 0 ? -errno : 0;
}

void command_reap(struct command *c)
{
	if (waitpid(c->pid, &c->exit_code, 0) == c->pid)
		c->ended = true;
}

int command_status(const struct command *c)
{
	if (c->exec_error)
		return c->exec_error == -ENOENT ? COMMAND_NOT_FOUND : COMMAND_CANNOT_RUN;
	return WIFSIGNALED(c->exit_code) ? COMMAND_SIGNALLED + WTERMSIG(c->exit_code)
					 : WEXITSTATUS(c->exit_code);
}

void command_free(struct command *c)
{
	free(c->words);
	free(c->groups);
	free(c->name);
	free(c->home);
	free(c->shell);
}
