/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * vmlinux.h, cut by hand: only the kernel fields that bpf/ reads, each struct with its readers.
 * CO-RE finds the real offsets at load time, so one header serves every kernel and architecture;
 * order and padding here mean nothing. Constants come from the uapi header <linux/bpf.h>.
 */
#ifndef __VMLINUX_H__
#define __VMLINUX_H__

#include <stdbool.h>
#include <linux/bpf.h>

typedef __u16 u16;
typedef __u32 u32;
typedef __u64 u64;

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct ns_common { /* of what is named below */
	unsigned int inum;
};
struct net { /* socket.bpf.c and whoever names a server: which network namespace */
	struct ns_common ns;
};
typedef struct {
	struct net *net;
} possible_net_t;
typedef struct {
	__s64 counter;
} atomic64_t;
struct in6_addr {
	union {
		__u8 u6_addr8[16];
		__u32 u6_addr32[4];
	} in6_u;
};
struct sock_common { /* socket.bpf.c, descriptor.bpf.c: the two ends; the state: nearly all */
	__be32 skc_daddr;
	__be32 skc_rcv_saddr;
	__be16 skc_dport;
	__u16 skc_num;
	short unsigned int skc_family;
	volatile unsigned char skc_state;
	possible_net_t skc_net;
	struct in6_addr skc_v6_daddr;
	struct in6_addr skc_v6_rcv_saddr;
	atomic64_t skc_cookie; /* unix_exit.bpf.c, unix_snapshot.bpf.c */
};
struct sock { /* transition.bpf.c, ending.bpf.c: why it died; descriptor.bpf.c: what kind of socket */
	struct sock_common __sk_common;
	int sk_err;
	u16 sk_protocol;
	unsigned char sk_shutdown; /* descriptor.bpf.c, unix_exit.bpf.c: has an end of a unix socket closed */
	struct socket *sk_socket; /* unix.bpf.h: NULL once closed */
	struct pid *sk_peer_pid; /* unix_unseen.bpf.c: who called connect() */
};
struct inet_sock { /* socket.bpf.c: the local port, still set when skc_num is not */
	struct sock sk;
	__be16 inet_sport;
};
struct inet_bind_bucket { /* descriptor.bpf.c: how its port was taken */
	signed char fastreuse;
};
struct inet_connection_sock { /* descriptor.bpf.c: time of last receive, jiffies */
	struct inet_sock icsk_inet;
	struct inet_bind_bucket *icsk_bind_hash;
	struct {
		__u32 lrcvtime;
	} icsk_ack;
};
struct tcp_sock { /* ending.bpf.c, descriptor.bpf.c: traffic and time of last send, jiffies */
	struct inet_connection_sock inet_conn;
	u64 bytes_received;
	u64 bytes_acked;
	u32 lsndtime;
	__u8 bpf_sock_ops_cb_flags; /* transition.bpf.c: which of its callbacks a socket asked for */
};
struct socket { /* pgleaktrace.bpf.h, unix_exit.bpf.c: of a descriptor */
	struct sock *sk;
	struct file *file;
};
struct srcu_struct { /* pgleaktrace.bpf.h: only whether it has one */
	__u8 srcu_reader_flavor;
};
struct file;

struct qstr { /* path.bpf.c */
	const unsigned char *name;
};
struct super_block { /* unix_name.bpf.c */
	unsigned int s_dev;
};
struct inode { /* unix_name.bpf.c: a unix socket file's number and device */
	unsigned long i_ino;
	struct super_block *i_sb;
};
struct dentry { /* path.bpf.c, unix_name.bpf.c */
	struct dentry *d_parent;
	struct qstr d_name;
	struct inode *d_inode;
};
struct vfsmount { /* path.bpf.c */
	struct dentry *mnt_root;
};
struct mount { /* path.bpf.c: to cross from a mounted tree to where it is mounted */
	struct mount *mnt_parent;
	struct dentry *mnt_mountpoint;
	struct vfsmount mnt;
};
struct path { /* path.bpf.c */
	struct vfsmount *mnt;
	struct dentry *dentry;
};
struct sockaddr; /* unix_name.bpf.c */
struct sockaddr_un { /* unix_name.bpf.c */
	unsigned short sun_family;
	char sun_path[108];
};
struct unix_address { /* unix_name.bpf.c: len counts sun_family too */
	int len;
	struct sockaddr_un name[1];
};
struct unix_sock { /* unix_name.bpf.c, descriptor.bpf.c, unix.bpf.h: `peer` is the other end */
	struct sock sk;
	struct unix_address *addr;
	struct path path;
	struct sock *peer;
};
struct bpf_sock_addr_kern { /* unix.bpf.c: what connect() was given */
	struct sockaddr *uaddr;
	u32 uaddrlen;
};
typedef struct {
	atomic64_t refcnt;
} file_ref_t;
struct file { /* process.bpf.c: of mm->exe_file; unix_exit.bpf.c: of a descriptor */
	struct path f_path;
	void *private_data;
	atomic64_t f_count; /* before 6.13 */
	file_ref_t f_ref;   /* since 6.13 */
};
struct fdtable { /* unix_exit.bpf.c */
	unsigned int max_fds;
	struct file **fd;
};
struct files_struct { /* unix_exit.bpf.c */
	struct fdtable *fdt;
};
struct fs_struct { /* process.bpf.c: working directory and root */
	struct path root;
	struct path pwd;
};
struct mm_struct { /* process.bpf.c: argv and the executable */
	unsigned long arg_start;
	unsigned long arg_end;
	struct file *exe_file;
};
typedef struct {
	unsigned int val;
} kuid_t;
struct cred { /* process.bpf.c */
	kuid_t uid;
};
struct pid_namespace { /* process.bpf.c */
	struct ns_common ns;
};
struct upid { /* process.bpf.c: a pid as one namespace counts it */
	int nr;
	struct pid_namespace *ns;
};
struct hlist_node {
	struct hlist_node *next;
};
struct hlist_head {
	struct hlist_node *first;
};
enum pid_type {
	PIDTYPE_PID,
	PIDTYPE_TGID,
};
struct pid { /* process.bpf.c; unix_unseen.bpf.c: the process itself */
	unsigned int level;
	struct hlist_head tasks[4];
	struct upid numbers[1];
};
typedef struct {
	int counter;
} atomic_t;
struct signal_struct { /* process.bpf.c: is this the last thread */
	atomic_t live;
};
struct mnt_namespace { /* unix_asked.bpf.c */
	struct ns_common ns;
};
struct nsproxy { /* process.bpf.c, unix_asked.bpf.c */
	struct mnt_namespace *mnt_ns;
	struct net *net_ns;
};
struct kernfs_node { /* process.bpf.c: a cgroup's id */
	u64 id;
};
struct cgroup {
	struct kernfs_node *kn;
};
struct css_set {
	struct cgroup *dfl_cgrp; /* of cgroup2 */
};
struct task_struct { /* process_key.bpf.c: which; process.bpf.c: who; ending.bpf.c: is it exiting; unix*.bpf.c */
	unsigned int flags;
	int exit_code;
	int pid;
	int tgid;
	struct task_struct *real_parent;
	struct task_struct *group_leader;
	struct pid *thread_pid;
	struct hlist_node pid_links[4];
	u64 start_boottime;
	unsigned long min_flt;
	unsigned long maj_flt;
	unsigned long nvcsw;
	unsigned long nivcsw;
	struct files_struct *files;
	const struct cred *real_cred;
	char comm[16];
	struct fs_struct *fs;
	struct nsproxy *nsproxy;
	struct signal_struct *signal;
	struct mm_struct *mm;
	struct css_set *cgroups;
	u64 self_exec_id;
};
struct linux_binprm; /* hooks.bpf.c: only an argument's type */
struct seq_file;

#pragma clang attribute pop

/* What iterators are given: an interface of the kernel's, whole and in its order, so that nothing has to
 * be looked for. */
struct bpf_iter_meta { /* of all below */
	struct seq_file *seq;
	__u64 session_id;
	__u64 seq_num;
};
struct bpf_iter__task_file { /* snapshot.bpf.c, descriptor.bpf.c, look.bpf.c */
	struct bpf_iter_meta *meta;
	struct task_struct *task;
	u32 fd;
	struct file *file;
};
struct bpf_iter__bpf_map_elem { /* unix_snapshot.bpf.c */
	struct bpf_iter_meta *meta;
	struct bpf_map *map;
	void *key;
	void *value;
};
struct bpf_iter__bpf_sk_storage_map { /* snapshot.bpf.c, unix_snapshot.bpf.c */
	struct bpf_iter_meta *meta;
	struct bpf_map *map;
	struct sock *sk;
	void *value;
};

/* tcp_states.h, socket.h, sched.h: values that never changed and are not in BTF as enums. */
enum tcp_state {
	TCP_ESTABLISHED = 1,
	TCP_SYN_SENT = 2,
	TCP_SYN_RECV = 3,
	TCP_FIN_WAIT1 = 4,
	TCP_FIN_WAIT2 = 5,
	TCP_CLOSE = 7,
	TCP_CLOSE_WAIT = 8,
	TCP_LAST_ACK = 9,
	TCP_LISTEN = 10,
};
#define AF_UNIX	    1
#define AF_INET	    2
#define AF_INET6    10
#define SHUTDOWN_MASK 3
#define PF_EXITING  0x00000004
#define ETIMEDOUT   110
#define SEND_SHUTDOWN 2

#endif
