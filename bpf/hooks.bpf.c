// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * hooks.bpf.c: every place where the kernel calls us, and nothing else. What happens there is in
 * the file named after the noun. The iterators' entries stand in snapshot.bpf.c,
 * unix_snapshot.bpf.c and look.bpf.c.
 */
#include "pgleaktrace.bpf.h"
#include "unix.bpf.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

/* Every TCP state change of the host. */
SEC("tp_btf/inet_sock_set_state")
int BPF_PROG(hook_sock_state, struct sock *sk, int oldstate, int newstate)
{
	if (!connection_watched(sk) || transition_calls_back(sk))
		return 0;
	if (oldstate == TCP_CLOSE && newstate == TCP_SYN_SENT)
		transition_attempt(sk, connection_cookie(sk));
	else
		transition_told(sk, oldstate, newstate);
	return 0;
}

/* Asked once, before anything is attached (src/stream/live_load.c): what only CO-RE can tell. */
SEC("syscall")
int ask_kernel(void *ctx)
{
	callbacks_needed = tracepoints_preempted();
	return 0;
}

/* The same from the sockets themselves, at the root of cgroup2, where a tracepoint does not do: a
 * connect() to a watched port asks to be called back at each change of state. Unlike a tracepoint's
 * program this one is never skipped. */
SEC("sockops")
int hook_socket(struct bpf_sock_ops *ctx)
{
	struct bpf_sock *sk = ctx->sk;
	struct tcp_sock *tcp;

	if (!tracepoints_preempted())
		return 1;
	if (ctx->op != BPF_SOCK_OPS_TCP_CONNECT_CB && ctx->op != BPF_SOCK_OPS_STATE_CB)
		return 1;
	if (!sk || !port_watched((__u16)bpf_ntohl(ctx->remote_port)))
		return 1;
	tcp = bpf_skc_to_tcp_sock(sk);
	if (!tcp)
		return 1;
	if (ctx->op == BPF_SOCK_OPS_STATE_CB && ctx->args[1] != TCP_SYN_SENT) {
		transition_called_back((struct sock *)tcp, (int)ctx->args[0], (int)ctx->args[1]);
		return 1;
	}
	transition_attempt((struct sock *)tcp, bpf_get_socket_cookie(ctx));
	bpf_sock_ops_cb_flags_set(
		ctx, (int)ctx->bpf_sock_ops_cb_flags | BPF_SOCK_OPS_STATE_CB_FLAG);
	return 1;
}

/* The socket itself goes: the last chance to learn that it ended. Process context whenever a
 * descriptor of an already dead connection is closed. */
SEC("tp_btf/tcp_destroy_sock")
int BPF_PROG(hook_sock_destroy, struct sock *sk)
{
	if (connection_watched(sk))
		transition_destroyed(sk);
	return 0;
}

/* Every packet of the host comes here: those of other ports must be gone at once, without a helper. */
static struct bpf_sock *packet_owner(struct __sk_buff *skb)
{
	return port_watched((__u16)bpf_ntohl(skb->remote_port)) ? skb->sk : NULL;
}

/* What this host sends and receives, at the root of cgroup2: of clients of a watched port, the first
 * words of both ends and the client's last. Returns 1: never in the way. */
SEC("cgroup_skb/egress")
int hook_egress(struct __sk_buff *skb)
{
	struct bpf_sock *sk = packet_owner(skb);

	if (sk)
		wire_egress(sk, skb);
	return 1;
}

SEC("cgroup_skb/ingress")
int hook_ingress(struct __sk_buff *skb)
{
	struct bpf_sock *sk = packet_owner(skb);

	if (sk)
		wire_ingress(sk, skb);
	return 1;
}

/* Only with `-- CMD`, see scope.bpf.c; otherwise not even loaded. */
SEC("tp_btf/sched_process_fork")
int BPF_PROG(hook_fork, struct task_struct *parent, struct task_struct *child)
{
	scope_fork(parent, child);
	return 0;
}

SEC("tp_btf/sched_process_exec")
int BPF_PROG(hook_exec, struct task_struct *task, int old_pid, struct linux_binprm *binprm)
{
	process_exec(task);
	return 0;
}

SEC("tp_btf/sched_process_exit")
int BPF_PROG(hook_exit, struct task_struct *task)
{
	process_exit(task);
	return 0;
}

/* A connect() through a unix socket, before the kernel looks for the server. The section's name is
 * only for libbpf: src/stream/live_unix.c sets the attach type, BPF_CGROUP_UNIX_CONNECT. */
SEC("cgroup/connect4")
int hook_connect_unix(struct bpf_sock_addr *ctx)
{
	return unix_connects(ctx);
}

/* getsockname() of a bound unix socket: what PostgreSQL asks of each it accepts. */
SEC("cgroup/getsockname4")
int hook_getsockname_unix(struct bpf_sock_addr *ctx)
{
	return unix_accepted(ctx);
}

/* Before a process's files are closed: of unix sockets the only sight of who takes them along. */
SEC("tp_btf/sched_process_exit")
int BPF_PROG(hook_exit_unix, struct task_struct *task)
{
	unix_exits(task);
	return 0;
}

SEC("tp_btf/sched_process_fork")
int BPF_PROG(hook_fork_unix, struct task_struct *parent, struct task_struct *child)
{
	unix_forked(parent, child);
	return 0;
}
