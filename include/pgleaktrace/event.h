/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * event.h: everything the program can learn, one struct per kind of fact.
 *
 * The kernel side (bpf/) writes these records into a ring buffer and through iterators; the live
 * stream adds what /proc and the server's files say; a recording holds them as NDJSON. The model
 * believes nothing that did not arrive as one of them, which is why a replay gives the same report.
 *
 *   bpf/ ──ring, iterators──▶ src/stream/ ──union event──▶ src/model/
 *
 * Conventions: times are nanoseconds of the boot clock (CLOCK_BOOTTIME); pids are tgids of the
 * initial pid namespace; ports are host byte order; addresses are 16 bytes, IPv4 as ::ffff:a.b.c.d;
 * 0 and "" mean "not known". Kinds are append-only: a recording of an older version still plays.
 */
#ifndef PGLEAKTRACE_EVENT_H
#define PGLEAKTRACE_EVENT_H

#include <linux/types.h>

#define EVENT_COMM 16	  /* TASK_COMM_LEN */
#define EVENT_ARGV 4096	  /* most of argv that connect() captures; more is flagged as truncated */
#define EVENT_PATH 1024	  /* path components captured for cwd and exe, together */
#define EVENT_NAME 64	  /* NAMEDATALEN: user, database, application_name */
#define EVENT_MESSAGE 128 /* as much of a FATAL message as is kept */
#define EVENT_PORTS 16	  /* most ports watched at once */

enum event_kind {
	EVENT_NONE = 0,
	/* from the kernel, through the ring buffer */
	EVENT_PROCESS = 1, /* who a process is (kernel: struct process_capture) */
	EVENT_EXIT = 2,	   /* a known process ended, or became another by exec */
	EVENT_OPEN = 3,	   /* a connection was established, or adopted by the snapshot */
	EVENT_FAIL = 4,	   /* a connect() never reached a server */
	EVENT_END = 5,	   /* a connection ended: how, and by whom */
	EVENT_RELEASE = 6, /* the last descriptor of a hung-up connection was closed */
	EVENT_WIRE = 7,	   /* what the start of the conversation said */
	/* from the iterators: one look at everything that is open */
	EVENT_SNAPSHOT = 8, /* a look begins or ends */
	EVENT_SOCKET = 9,   /* a connection that is alive: state, bytes, last traffic */
	EVENT_HOLDER = 10,  /* a process that has a connection in its fd table now */
	EVENT_BACKEND = 11, /* a server process behind a connection, client alive or not */
	EVENT_SERVER = 12,  /* who listens on a watched port or socket, and how many it lets in */
	/* the books */
	EVENT_TOTALS = 13, /* the ledger of one process with one server */
	EVENT_LOSS = 14,   /* what could not be seen */
	/* the frame */
	EVENT_SESSION = 15, /* first event of every stream: when, where, watching what */
	EVENT_STOP = 16,    /* last event: why the stream ended */
	/* appended */
	EVENT_PLACE = 17, /* the path behind a unix server's key */
	EVENT_COMMAND = 18, /* `-- CMD` began or ended */
	EVENT_KINDS
};

/* First member of every event. `size` is the record's length in the ring, tail included. */
struct event_head {
	__u32 kind; /* enum event_kind */
	__u32 size;
	__u64 time; /* when it happened */
};

/*
 * A process image: what one pid ran between two execs. pid + start time is the process (a reused
 * pid has another start time); `exec` counts its execs, so that a connection that outlives an exec
 * stays with the script that opened it. Mirrors task_struct.{tgid,start_boottime,self_exec_id}.
 */
struct process_key {
	__u64 start; /* start of the thread group leader */
	__u32 pid;
	__u32 exec;
};

/*
 * A server as clients address it. `netns` is the client's network namespace: 127.0.0.1 is another
 * server in another namespace. A unix socket is known by the folder that it lies in, the same from every
 * mount namespace and after a restart of the server; EVENT_PLACE gives the path.
 */
struct server_key {
	__u8 address[16]; /* AF_UNIX: the folder's inode number (8 bytes), device (4), 0; abstract, or
			   * not found: hash of its name, then of which mount namespace and root */
	__u16 port;	  /* AF_UNIX: the number in .s.PGSQL.<port> */
	__u16 family; /* AF_INET (also v4-mapped IPv6), AF_INET6, AF_UNIX */
	__u32 netns;  /* inode number of the namespace; AF_UNIX: 0 unless abstract */
};

/* One ledger: the connections of one process image to one server. */
struct ledger_key {
	struct process_key process;
	struct server_key server;
};

/*
 * What a ledger counts. The kernel updates it before it tells anybody, so lost events can't make
 * it wrong. `adopted + opened == open + closed + abandoned + hung_up + refused + unknown`, always.
 */
struct totals {
	__u64 attempted; /* connect() calls that sent a SYN */
	__u64 opened;	 /* … that were established */
	__u64 failed;	 /* … that never were, given up included */
	__u64 adopted;	 /* already open when the tracer came */
	__u64 closed;	 /* by a running holder, exec's close-on-exec included */
	__u64 abandoned; /* by the kernel, when the last holder exited or was killed */
	__u64 hung_up;	 /* by the server's side first: FIN, RST, time-out */
	__u64 refused;	 /* by a FATAL error before the session started (told apart by the wire) */
	__u64 unknown;	 /* end not seen; found missing by a reconcile */
	__s64 open;	 /* now */
	__s64 held;	 /* ended by the server, descriptor still held by a client: the fd leak */
	__s64 peak;	 /* most open at once, those refused in the end too */
};

/* How a connection ended; DESIGN §4 "the books balance": each ends exactly one way. */
enum ending {
	ENDING_NONE = 0,
	ENDING_CLOSED,
	ENDING_ABANDONED,
	ENDING_HUNG_UP,
	ENDING_REFUSED,
	ENDING_UNKNOWN,
	ENDINGS
};

/* The detail behind an ending or a failure. */
enum manner {
	MANNER_NONE = 0,
	MANNER_CLOSE,	 /* close(), or shutdown() of the sending side */
	MANNER_RESET_BY_CLIENT, /* close() with unread data or SO_LINGER 0: sent RST */
	MANNER_EXEC,	 /* close-on-exec */
	MANNER_EXIT,	 /* last holder exited: exit_code says how */
	MANNER_FIN,	 /* server closed first */
	MANNER_RESET,	 /* server (or a middlebox) sent RST */
	MANNER_TIMEOUT,	 /* no answer: retransmissions or keep-alives ran out */
	MANNER_GIVEN_UP, /* closed by its opener while still connecting */
	MANNER_ERROR,	 /* connect failed: `error` is the errno */
	MANNERS
};

/* How we know whose connection it is. */
enum attribution {
	ATTRIBUTION_UNKNOWN = 0,
	ATTRIBUTION_CONNECT,   /* seen in connect(): the opener itself */
	ATTRIBUTION_SNAPSHOT,  /* adopted: the first holder found; the only one */
	ATTRIBUTION_INHERITED, /* adopted: several holders, or opener known to be another */
	ATTRIBUTIONS
};

/* EVENT_PROCESS as the kernel captures it; never leaves src/stream/. Tail: argv, then paths. */
struct process_capture {
	struct event_head head;
	struct process_key process;
	__u64 cgroup;	   /* cgroup v2 id */
	__u32 parent;	   /* real parent's pid */
	__u32 uid;	   /* real uid, initial user namespace */
	__u32 netns, pidns;
	__u32 pid_in_ns;   /* pid as its own pid namespace counts it */
	__u32 argv_length; /* bytes in tail */
	__u32 argv_full;   /* bytes the process has; more than argv_length: truncated */
	__u16 cwd_length;  /* bytes in tail after argv: components, leaf first, each with its NUL */
	__u16 exe_length;  /* bytes in tail after cwd, same form */
	__u8 cwd_whole, exe_whole; /* 1 if the walk reached the root */
	__u8 by_exec;	   /* a known process became this image by exec */
	__u8 unused[5];
	char comm[EVENT_COMM]; /* thread group leader's */
	char tail[];
};

/*
 * A server's socket as the snapshot finds it; never leaves src/stream/, which tells postmasters,
 * backends and relays apart. EVENT_SERVER: it listens; EVENT_BACKEND: it was accepted.
 */
struct server_capture {
	struct event_head head;
	__u64 cookie; /* its own */
	__u64 peer;   /* unix, accepted: the client's cookie */
	struct process_key holder, parent; /* who has it, and that process's parent */
	struct server_key local;
	__u8 client[16];
	__u16 client_port;
	__u8 state;   /* as event_backend.state */
	__u8 unused[5];
};

/* An ancestor that was alive when a process was looked up in /proc. */
struct ancestor {
	__u32 pid;
	__u32 argv_length;
	const char *argv; /* NUL-separated */
	const char *comm;
};
#define EVENT_ANCESTORS 8

/*
 * EVENT_PROCESS as everybody after the live stream sees it. Strings belong to the stream and live
 * until its next event; argv is already redacted unless --no-redact; NULL: not known.
 */
struct event_process {
	struct event_head head;
	struct process_key process;
	__u64 cgroup;
	__u32 parent, uid, netns, pidns, pid_in_ns;
	__u32 argv_length;
	__u32 argv_truncated; /* 1: the process has more */
	__u32 by_exec;
	__u32 ancestor_count;
	const char *argv;
	const char *comm;
	const char *cwd;       /* absolute, as the process sees it */
	const char *exe;       /* absolute */
	const char *user;      /* name of uid on this host */
	const char *container; /* 64 hex digits or shorter, from the cgroup path */
	const char *unit;      /* systemd unit, from the cgroup path */
	const char *library;   /* client library id (docs/LIBRARIES.md), "" when looked for and not found */
	const char *library_sign;   /* what proved it: a mapped file, a package folder */
	const char *library_config; /* pool size configured, as found: "connection_limit=3 in .env" */
	const char *source;	    /* "scripts/seed.js:2: new PrismaClient()" lines, newline-separated */
	__u32 source_closes;	    /* 1 the file disconnects somewhere, 2 it does not, 0 not looked */
	__u64 folded; /* that many gone processes like this one, as one (pid 0; no comm: not named); 0: itself */
	struct ancestor ancestors[EVENT_ANCESTORS]; /* nearest first */
};

/* EVENT_EXIT: the image is gone. */
struct event_exit {
	struct event_head head;
	struct process_key process;
	__s32 exit_code; /* as wait(2) reports: status << 8 | signal */
	__u32 by_exec;	 /* 1: not dead, it became another image */
};

/* EVENT_OPEN: `head.time` is when it was established (adopted: when it was found). */
struct event_open {
	struct event_head head;
	__u64 cookie;
	struct ledger_key ledger; /* opener (adopted: first holder) and server */
	__u64 attempted_at;	  /* connect(); 0 if adopted */
	__u8 local[16];
	__u16 local_port;
	__u16 attribution; /* enum attribution */
	__u32 tid;	   /* thread that called connect() */
	char comm[EVENT_COMM]; /* … and its name */
};

/* EVENT_FAIL: an attempt that was never established. */
struct event_fail {
	struct event_head head;
	__u64 cookie;
	struct ledger_key ledger;
	__u64 attempted_at;
	__u32 manner; /* MANNER_ERROR, MANNER_TIMEOUT or MANNER_GIVEN_UP */
	__s32 error;  /* errno; 0 when given up or not known */
	__u32 tid;
	__u32 unused;
	char comm[EVENT_COMM];
};

/* EVENT_END: the one end of a connection. */
struct event_end {
	struct event_head head;
	__u64 cookie;
	struct ledger_key ledger;
	__u64 opened_at;
	__u64 sent, received; /* payload bytes acknowledged / received */
	struct process_key closer; /* who closed it; pid 0 when the server or the network did */
	__u16 ending;	 /* enum ending */
	__u16 manner;	 /* enum manner */
	__s32 error;	 /* errno the socket died of */
	__s32 exit_code; /* of the closer, with MANNER_EXIT */
	__u32 tid;	 /* closing thread */
	char comm[EVENT_COMM]; /* … and its name */
	__u8 held;	       /* 1: a client still has a descriptor */
	__u8 unused[7];
};

/* EVENT_RELEASE: the descriptor of an ended connection is gone too. */
struct event_release {
	struct event_head head;
	__u64 cookie;
	struct ledger_key ledger;
};

enum encryption { ENCRYPTION_UNKNOWN = 0, ENCRYPTION_NONE, ENCRYPTION_TLS, ENCRYPTION_GSS, ENCRYPTIONS };

/* What a connection was opened for. A cancel request is neither churn nor leak. */
enum purpose { PURPOSE_UNKNOWN = 0, PURPOSE_SESSION, PURPOSE_CANCEL, PURPOSE_REPLICATION, PURPOSES };

/*
 * EVENT_WIRE: what the conversation said before the session started, plain text only. Several may
 * come for one connection; each adds to the ones before, and an empty field says nothing.
 */
struct event_wire {
	struct event_head head;
	__u64 cookie;
	struct ledger_key ledger;
	__u32 backend_pid; /* BackendKeyData, as the server's host counts it */
	__u8 encryption;   /* enum encryption */
	__u8 purpose;	   /* enum purpose */
	__u8 started;	   /* 1: admitted, the session began */
	__u8 inferred;	   /* 1: a refusal told by the connection's shape, not read */
	char sqlstate[8];  /* of the ErrorResponse before the session, "53300" */
	char user[EVENT_NAME], database[EVENT_NAME], application[EVENT_NAME];
	char message[EVENT_MESSAGE];
};

/* EVENT_SNAPSHOT: brackets one look. Between the two: SOCKET, HOLDER, BACKEND, SERVER, TOTALS, LOSS. */
struct event_snapshot {
	struct event_head head;
	__u32 begins; /* 1 begins, 0 ends */
	__u32 number; /* 1, 2, 3 … */
};

/* EVENT_SOCKET: a tracked connection that is alive, whoever holds it (in flight included). */
struct event_socket {
	struct event_head head;
	__u64 cookie;
	struct ledger_key ledger;
	__u64 opened_at;
	__u64 sent, received;
	__u64 last_sent, last_received; /* 0: never */
	__u8 local[16];
	__u16 local_port;
	__u8 state;  /* TCP_* of tcp_states.h */
	__u8 open;   /* 1 open, 0 connecting or ended and still held */
	__u8 attribution;
	__u8 unused[3];
};

/* EVENT_HOLDER: the connection is in this process's fd table now. */
struct event_holder {
	struct event_head head;
	__u64 cookie;
	struct process_key process;
	__s32 fd;
	__u32 unused;
};

/*
 * EVENT_BACKEND: a child of a postmaster that has the server's end of a connection: one slot taken.
 * Strings belong to the stream, NULL: not known (update_process_title=off). From its title.
 */
struct event_backend {
	struct event_head head;
	__u64 cookie; /* unix: the client's socket; TCP: 0, joined by the addresses */
	struct process_key process;
	struct process_key postmaster;
	struct server_key local; /* the server's end of the socket, as the server sees it */
	__u8 client[16];	 /* the client's end; zero for unix */
	__u16 client_port;
	__u8 state; /* TCP_* of the server's end: CLOSE_WAIT when the client is gone */
	__u8 walsender; /* 1: replication; takes none of max_connections' slots from version 12 on */
	__u8 unused[4];
	__u32 pid_in_ns; /* the backend's pid as its server counts it; 0: not known */
	__u32 unused2;
	const char *user, *database;
	const char *activity; /* "idle", "idle in transaction", "SELECT": the title's last words */
};

enum server_kind {
	SERVER_UNKNOWN = 0,
	SERVER_POSTGRESQL, /* a postmaster: limits may be known */
	SERVER_RELAY,	   /* a pooler or proxy: pgbouncer, docker-proxy, ssh … */
	SERVER_KINDS
};

/* EVENT_SERVER: one listening socket of one server; several of one server share the process. */
struct event_server {
	struct event_head head;
	struct server_key key; /* where it listens; address zero: everywhere */
	struct process_key process; /* postmaster or relay */
	__u32 kind;		    /* enum server_kind */
	__u32 version;		    /* major, 15; 0: not known */
	__s32 max_connections;	    /* -1: not known */
	__s32 reserved;		    /* for superusers and pg_use_reserved_connections; -1: not known */
	const char *limit_source;   /* "pg_control", "postgresql.auto.conf", "command line"; NULL */
	const char *data_directory; /* NULL: not known */
	const char *program;	    /* name of the listening program, "postgres", "pgbouncer" */
	const char *container;	    /* id, as of a process; NULL: in none */
};

/* EVENT_PLACE: where a unix server's socket lies: "/run/postgresql/.s.PGSQL.5432", "@name". */
struct event_place {
	struct event_head head;
	struct server_key key;
	const char *path;
};

/* EVENT_TOTALS: one ledger as it stands. */
struct event_totals {
	struct event_head head;
	struct ledger_key ledger; /* process.pid 0: what could not be attributed (maps full) */
	struct totals totals;
	__u32 gone; /* 1: the image is dead and nothing of it is open: final numbers */
	__u32 unused;
};

/* EVENT_LOSS: cumulative since the start; all zero means complete. */
struct losses {
	__u64 ring_full;	/* detail records that found no room: totals are still exact */
	__u64 ledger_full;	/* connections booked as "not attributed" */
	__u64 sockets_full;	/* connections that could not be tracked in the kernel */
	__u64 recursion_misses; /* softirq transitions the kernel skipped: inferred afterwards */
	__u64 drift;		/* connections whose end only a reconcile found */
	__u64 unreadable;	/* processes that neither the kernel's record nor /proc could name */
	__u64 scope_full;	/* processes of the command that could not be followed */
	__u64 bad_lines;	/* lines of a recording that could not be understood */
};

struct event_loss {
	struct event_head head;
	struct losses losses;
};

/* EVENT_SESSION: opens every stream. */
struct event_session {
	struct event_head head;
	__u64 wall;	     /* wall clock at head.time, ns since 1970 UTC */
	__u16 ports[EVENT_PORTS];
	__u32 port_count;
	const char *host, *kernel, *version; /* uname nodename, release; pgleaktrace's version */
};

/* EVENT_COMMAND: the command whose descendants alone are followed; once when it begins, once when it
 * has ended. argv is redacted as a process's is. */
struct event_command {
	struct event_head head;
	__u64 grace; /* ns that its descendants have to finish after it */
	__u32 pid;
	__u32 ended;	 /* 0 it begins, 1 it has ended */
	__s32 exit_code; /* as wait(2) reports */
	__u32 argv_length;
	const char *argv; /* NUL-separated; belongs to the stream */
};

/* EVENT_STOP: closes every stream that ended in order. */
struct event_stop {
	struct event_head head;
	__u32 reason; /* enum stop_reason */
	__u32 unused;
};

enum stop_reason {
	STOP_NONE = 0,
	STOP_DURATION,
	STOP_SIGNAL,
	STOP_ONCE,
	STOP_TRUNCATED, /* replay: the recording ends in the middle */
	STOP_COMMAND, /* the command ended, and its grace is over */
	STOP_BROKEN,  /* something failed: what came after is not known */
	STOPS
};

union event {
	struct event_head head;
	struct event_process process;
	struct event_exit exit;
	struct event_open open;
	struct event_fail fail;
	struct event_end end;
	struct event_release release;
	struct event_wire wire;
	struct event_snapshot snapshot;
	struct event_socket socket;
	struct event_holder holder;
	struct event_backend backend;
	struct event_server server;
	struct event_totals totals;
	struct event_loss loss;
	struct event_session session;
	struct event_stop stop;
	struct event_place place;
	struct event_command command;
};

/* Both sides of the ring must agree to the byte. */
_Static_assert(sizeof(struct event_head) == 16, "event_head");
_Static_assert(sizeof(struct process_key) == 16, "process_key");
_Static_assert(sizeof(struct server_key) == 24, "server_key");
_Static_assert(sizeof(struct ledger_key) == 40, "ledger_key");
_Static_assert(sizeof(struct totals) == 96, "totals");
_Static_assert(sizeof(struct process_capture) == 96, "process_capture");
_Static_assert(sizeof(struct server_capture) == 112, "server_capture");
_Static_assert(sizeof(struct event_open) == 112, "event_open");
_Static_assert(sizeof(struct event_fail) == 104, "event_fail");
_Static_assert(sizeof(struct event_end) == 144, "event_end");
_Static_assert(sizeof(struct event_socket) == 128, "event_socket");
_Static_assert(sizeof(struct event_holder) == 48, "event_holder");
_Static_assert(sizeof(struct event_wire) == 400, "event_wire");

#endif
