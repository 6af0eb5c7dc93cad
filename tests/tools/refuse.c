/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * refuse: runs a command whose bpf() calls are counted, and one of them refused.
 *
 *   refuse N CMD ARG…
 *
 * The Nth call, counted from 1 over all threads, fails with EPERM, as a security module or a container's
 * filter would have it; the others go through. N is 0: none is refused. At the end it says "refuse:
 * COUNT calls" on standard error and ends as CMD did. seccomp's filters cannot count: the filter asks
 * this program, through a descriptor that the child sends.
 */
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "tool.h"

static int filter_install(void)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_bpf, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = {sizeof(code) / sizeof(code[0]), code};
	long fd = syscall(
		SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER, &program);

	if (fd < 0)
		err(1, "seccomp");
	return (int)fd;
}

static void descriptor_send(int socket, int fd)
{
	char space[CMSG_SPACE(sizeof(int))] = "", byte = 0;
	struct iovec part = {&byte, 1};
	struct msghdr message = {.msg_iov = &part,
		.msg_iovlen = 1,
		.msg_control = space,
		.msg_controllen = sizeof(space)};
	struct cmsghdr *head = CMSG_FIRSTHDR(&message);

	head->cmsg_level = SOL_SOCKET;
	head->cmsg_type = SCM_RIGHTS;
	head->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(head), &fd, sizeof(fd));
	if (sendmsg(socket, &message, 0) != 1)
		err(1, "sendmsg");
}

static int descriptor_receive(int socket)
{
	char space[CMSG_SPACE(sizeof(int))] = "", byte;
	struct iovec part = {&byte, 1};
	struct msghdr message = {.msg_iov = &part,
		.msg_iovlen = 1,
		.msg_control = space,
		.msg_controllen = sizeof(space)};
	int fd;

	if (recvmsg(socket, &message, MSG_CMSG_CLOEXEC) != 1 || !CMSG_FIRSTHDR(&message))
		errx(1, "the child sent no descriptor");
	memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof(fd));
	return fd;
}

/* Answers until the last process of the command is gone. Returns how many asked. */
static unsigned long answer(int listener, unsigned long refused)
{
	struct pollfd wait = {.fd = listener, .events = POLLIN};
	unsigned long count = 0;

	while (poll(&wait, 1, -1) == 1 && !(wait.revents & POLLHUP)) {
		struct seccomp_notif question = {0};
		struct seccomp_notif_resp reply = {0};

		if (ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, &question))
			continue; /* it was killed meanwhile */
		reply.id = question.id;
		if (++count == refused)
			reply.error = -EPERM;
		else
			reply.flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE;
		ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &reply);
	}
	return count;
}

int main(int argc, char **argv)
{
	int ends[2], status;
	unsigned long count;
	pid_t child;

	if (argc < 3)
		errx(64, "usage: refuse N CMD ARG…");
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends))
		err(1, "socketpair");
	child = fork();
	if (child < 0)
		err(1, "fork");
	if (!child) {
		int listener = filter_install();

		descriptor_send(ends[1], listener);
		close(listener);
		execvp(argv[2], argv + 2);
		err(127, "%s", argv[2]);
	}
	count = answer(descriptor_receive(ends[0]), strtoul(argv[1], NULL, 10));
	if (waitpid(child, &status, 0) != child)
		err(1, "waitpid");
	fprintf(stderr, "refuse: %lu calls\n", count);
	if (WIFSIGNALED(status))
		return 128 + WTERMSIG(status);
	return WEXITSTATUS(status);
}
