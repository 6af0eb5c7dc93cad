/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * spawn: starts many short-lived processes, each with a command line of its own.
 *
 *   spawn LEAKER HOST PORT COUNT [PARALLEL]
 *
 * Process number I runs `LEAKER -T job-I -n N -c C -e END HOST PORT`: N is 1, 2 or 3; the even ones
 * close all they opened, the odd ones close nothing and end by exit, _exit or SIGKILL. At most
 * PARALLEL (8) live at a time, each for a few milliseconds.
 *
 * Prints {"processes", "opened", "closed", "abandoned", "jobs": [[pid, "job-I", opened, closed,
 * status], …]}; status is as wait(2) reports. A process that failed to do its part ends the run.
 */
#include <signal.h>
#include <sys/wait.h>

#include "tool.h"

struct job {
	pid_t pid;
	int opened, closed, status;
};

struct plan {
	const char *leaker, *host, *port;
	int count, parallel;
	struct job *jobs;
};

static const char *job_end(int number)
{
	static const char *const ends[] = {"exit", "_exit", "kill"};

	return number % 2 ? ends[number / 2 % 3] : "exit";
}

static _Noreturn void job_exec(const struct plan *plan, int number)
{
	const struct job *job = &plan->jobs[number];
	char tag[32], opened[12], closed[12];
	int null = open("/dev/null", O_WRONLY | O_CLOEXEC);

	snprintf(tag, sizeof(tag), "job-%d", number);
	snprintf(opened, sizeof(opened), "%d", job->opened);
	snprintf(closed, sizeof(closed), "%d", job->closed);
	dup2(null, STDOUT_FILENO);
	execl(plan->leaker, basename(plan->leaker), "-T", tag, "-n", opened, "-c", closed, "-e", job_end(number),
		plan->host, plan->port, (char *)NULL);
	_exit(127);
}

static void job_start(const struct plan *plan, int number)
{
	struct job *job = &plan->jobs[number];

	job->opened = 1 + number % 3;
	job->closed = number % 2 ? 0 : job->opened;
	job->pid = fork();
	if (job->pid < 0)
		err(1, "fork");
	if (job->pid == 0)
		job_exec(plan, number);
}

static void job_reap(const struct plan *plan)
{
	int status;
	pid_t pid = wait(&status);

	if (pid < 0)
		err(1, "wait");
	if (WIFEXITED(status) ? WEXITSTATUS(status) != 0 : WTERMSIG(status) != SIGKILL)
		errx(1, "process %d ended with status %d", pid, status);
	/* A pid may come twice in one run: the latest start is the one that ended. */
	for (int i = plan->count - 1; i >= 0; i--) {
		if (plan->jobs[i].pid == pid) {
			plan->jobs[i].status = status;
			return;
		}
	}
}

static void plan_say(const struct plan *plan)
{
	int opened = 0, closed = 0;

	for (int i = 0; i < plan->count; i++) {
		opened += plan->jobs[i].opened;
		closed += plan->jobs[i].closed;
	}
	printf("{\"processes\": %d, \"opened\": %d, \"closed\": %d, \"abandoned\": %d, \"jobs\": [",
		plan->count, opened, closed, opened - closed);
	for (int i = 0; i < plan->count; i++)
		printf("%s[%d, \"job-%d\", %d, %d, %d]", i ? ", " : "", plan->jobs[i].pid, i,
			plan->jobs[i].opened, plan->jobs[i].closed, plan->jobs[i].status);
	printf("]}\n");
}

int main(int argc, char **argv)
{
	struct plan plan = {.parallel = 8};
	int running = 0;

	if (argc < 5)
		errx(64, "usage: spawn LEAKER HOST PORT COUNT [PARALLEL]");
	plan.leaker = argv[1];
	plan.host = argv[2];
	plan.port = argv[3];
	plan.count = atoi(argv[4]);
	if (argc > 5)
		plan.parallel = atoi(argv[5]);
	if (plan.count < 1 || plan.parallel < 1)
		errx(64, "COUNT and PARALLEL are at least 1");
	plan.jobs = calloc((size_t)plan.count, sizeof(*plan.jobs));
	if (!plan.jobs)
		errx(1, "out of memory");
	for (int i = 0; i < plan.count; i++) {
		if (running == plan.parallel) {
			job_reap(&plan);
			running--;
		}
		job_start(&plan, i);
		running++;
	}
	while (running-- > 0)
		job_reap(&plan);
	plan_say(&plan);
	free(plan.jobs);
	return 0;
}
