/* SPDX-License-Identifier: BSD-2-Clause */
/* codec_fields.c: one table per kind of event: which field has which name and type in JSON. */
#include "base/codec_fields.h"

#define F(kind, member, name, type)                                                                \
	{                                                                                          \
		name, type, offsetof(struct event_##kind, member),                                 \
			sizeof(((struct event_##kind *)0)->member)                                 \
	}
#define PROCESS_KEY(kind, member)                                                                  \
	F(kind, member.pid, "pid", U32), F(kind, member.start, "start", U64),                      \
		F(kind, member.exec, "exec", U32)
#define SERVER_KEY(kind, member)                                                                   \
	F(kind, member.address, "server", ADDRESS), F(kind, member.port, "port", U16),             \
		F(kind, member.family, "family", U16), F(kind, member.netns, "netns", U32)
#define LEDGER_KEY(kind) PROCESS_KEY(kind, ledger.process), SERVER_KEY(kind, ledger.server)

static const struct field process_fields[] = {
	PROCESS_KEY(process, process),
	F(process, cgroup, "cgroup", ID),
	F(process, parent, "parent", U32),
	F(process, uid, "uid", U32),
	F(process, netns, "netns", U32),
	F(process, pidns, "pidns", U32),
	F(process, pid_in_ns, "pid_in_ns", U32),
	F(process, argv_length, "argv", ARGV),
	F(process, argv_truncated, "argv_truncated", U32),
	F(process, by_exec, "by_exec", U32),
	F(process, comm, "comm", TEXT),
	F(process, cwd, "cwd", TEXT),
	F(process, exe, "exe", TEXT),
	F(process, user, "user", TEXT),
	F(process, container, "container", TEXT),
	F(process, unit, "unit", TEXT),
	F(process, library, "library", TEXT),
	F(process, library_sign, "library_sign", TEXT),
	F(process, library_config, "library_config", TEXT),
	F(process, source, "source", TEXT),
	F(process, source_closes, "source_closes", U32),
	F(process, folded, "folded", RARE),
	F(process, ancestors, "ancestors", ANCESTORS),
	{0},
};
static const struct field exit_fields[] = {
	PROCESS_KEY(exit, process),
	F(exit, exit_code, "exit_code", S32),
	F(exit, by_exec, "by_exec", U32),
	{0},
};
static const struct field open_fields[] = {
	F(open, cookie, "cookie", ID),
	LEDGER_KEY(open),
	F(open, attempted_at, "attempted_at", U64),
	F(open, local, "local", ADDRESS),
	F(open, local_port, "local_port", U16),
	F(open, attribution, "attribution", U16),
	F(open, tid, "tid", U32),
	F(open, comm, "comm", CHARS),
	{0},
};
static const struct field fail_fields[] = {
	F(fail, cookie, "cookie", ID),
	LEDGER_KEY(fail),
	F(fail, attempted_at, "attempted_at", U64),
	F(fail, manner, "manner", U32),
	F(fail, error, "error", S32),
	F(fail, tid, "tid", U32),
	F(fail, comm, "comm", CHARS),
	{0},
};
static const struct field end_fields[] = {
	F(end, cookie, "cookie", ID),
	LEDGER_KEY(end),
	F(end, opened_at, "opened_at", U64),
	F(end, sent, "sent", U64),
	F(end, received, "received", U64),
	F(end, closer.pid, "closer_pid", U32),
	F(end, closer.start, "closer_start", U64),
	F(end, closer.exec, "closer_exec", U32),
	F(end, ending, "ending", U16),
	F(end, manner, "manner", U16),
	F(end, error, "error", S32),
	F(end, exit_code, "exit_code", S32),
	F(end, tid, "tid", U32),
	F(end, comm, "comm", CHARS),
	F(end, held, "held", U8),
	{0},
};
static const struct field release_fields[] = {
	F(release, cookie, "cookie", ID),
	LEDGER_KEY(release),
	{0},
};
static const struct field wire_fields[] = {
	F(wire, cookie, "cookie", ID),
	LEDGER_KEY(wire),
	F(wire, backend_pid, "backend_pid", U32),
	F(wire, encryption, "encryption", U8),
	F(wire, purpose, "purpose", U8),
	F(wire, started, "started", U8),
	F(wire, inferred, "inferred", U8),
	F(wire, sqlstate, "sqlstate", CHARS),
	F(wire, user, "user", CHARS),
	F(wire, database, "database", CHARS),
	F(wire, application, "application", CHARS),
	F(wire, message, "message", CHARS),
	{0},
};
static const struct field backend_fields[] = {
	F(backend, cookie, "cookie", ID),
	PROCESS_KEY(backend, process),
	F(backend, postmaster.pid, "postmaster_pid", U32),
	F(backend, postmaster.start, "postmaster_start", U64),
	F(backend, postmaster.exec, "postmaster_exec", U32),
	SERVER_KEY(backend, local),
	F(backend, client, "client", ADDRESS),
	F(backend, client_port, "client_port", U16),
	F(backend, state, "state", U8),
	F(backend, walsender, "walsender", U8),
	F(backend, pid_in_ns, "pid_in_ns", U32),
	F(backend, user, "user", TEXT),
	F(backend, database, "database", TEXT),
	F(backend, activity, "activity", TEXT),
	{0},
};
static const struct field server_fields[] = {
	PROCESS_KEY(server, process),
	SERVER_KEY(server, key),
	F(server, kind, "kind", U32),
	F(server, version, "version", U32),
	F(server, max_connections, "max_connections", S32),
	F(server, reserved, "reserved", S32),
	F(server, limit_source, "limit_source", TEXT),
	F(server, data_directory, "data_directory", TEXT),
	F(server, program, "program", TEXT),
	F(server, container, "container", TEXT),
	{0},
};
static const struct field place_fields[] = {
	SERVER_KEY(place, key),
	F(place, path, "path", TEXT),
	{0},
};
static const struct field snapshot_fields[] = {
	F(snapshot, begins, "begins", U32),
	F(snapshot, number, "number", U32),
	{0},
};
static const struct field socket_fields[] = {
	F(socket, cookie, "cookie", ID),
	LEDGER_KEY(socket),
	F(socket, opened_at, "opened_at", U64),
	F(socket, sent, "sent", U64),
	F(socket, received, "received", U64),
	F(socket, last_sent, "last_sent", U64),
	F(socket, last_received, "last_received", U64),
	F(socket, local, "local", ADDRESS),
	F(socket, local_port, "local_port", U16),
	F(socket, state, "state", U8),
	F(socket, open, "open", U8),
	F(socket, attribution, "attribution", U8),
	{0},
};
static const struct field holder_fields[] = {
	F(holder, cookie, "cookie", ID),
	PROCESS_KEY(holder, process),
	F(holder, fd, "fd", S32),
	{0},
};
static const struct field totals_fields[] = {
	LEDGER_KEY(totals),
	F(totals, totals.attempted, "attempted", U64),
	F(totals, totals.opened, "opened", U64),
	F(totals, totals.failed, "failed", U64),
	F(totals, totals.adopted, "adopted", U64),
	F(totals, totals.closed, "closed", U64),
	F(totals, totals.abandoned, "abandoned", U64),
	F(totals, totals.hung_up, "hung_up", U64),
	F(totals, totals.refused, "refused", U64),
	F(totals, totals.unknown, "unknown", U64),
	F(totals, totals.open, "open", S64),
	F(totals, totals.held, "held", S64),
	F(totals, totals.peak, "peak", S64),
	F(totals, gone, "gone", U32),
	{0},
};
static const struct field loss_fields[] = {
	F(loss, losses.ring_full, "ring_full", U64),
	F(loss, losses.ledger_full, "ledger_full", U64),
	F(loss, losses.sockets_full, "sockets_full", U64),
	F(loss, losses.recursion_misses, "recursion_misses", U64),
	F(loss, losses.drift, "drift", U64),
	F(loss, losses.unreadable, "unreadable", U64),
	F(loss, losses.scope_full, "scope_full", RARE),
	F(loss, losses.bad_lines, "bad_lines", U64),
	{0},
};
static const struct field session_fields[] = {
	F(session, wall, "wall", U64),
	F(session, ports, "ports", PORTS),
	F(session, host, "host", TEXT),
	F(session, kernel, "kernel", TEXT),
	F(session, version, "version", TEXT),
	{0},
};
static const struct field command_fields[] = {
	F(command, pid, "pid", U32),
	F(command, argv_length, "argv", ARGV),
	F(command, grace, "grace", U64),
	F(command, ended, "ended", U32),
	F(command, exit_code, "exit_code", S32),
	{0},
};
static const struct field stop_fields[] = {
	F(stop, reason, "reason", U32),
	{0},
};

const struct kind_row codec_kinds[EVENT_KINDS] = {
	[EVENT_PROCESS] = {"process", process_fields},
	[EVENT_EXIT] = {"exit", exit_fields},
	[EVENT_OPEN] = {"open", open_fields},
	[EVENT_FAIL] = {"fail", fail_fields},
	[EVENT_END] = {"end", end_fields},
	[EVENT_RELEASE] = {"release", release_fields},
	[EVENT_WIRE] = {"wire", wire_fields},
	[EVENT_BACKEND] = {"backend", backend_fields},
	[EVENT_SERVER] = {"server", server_fields},
	[EVENT_PLACE] = {"place", place_fields},
	[EVENT_SNAPSHOT] = {"snapshot", snapshot_fields},
	[EVENT_SOCKET] = {"socket", socket_fields},
	[EVENT_HOLDER] = {"holder", holder_fields},
	[EVENT_TOTALS] = {"totals", totals_fields},
	[EVENT_LOSS] = {"loss", loss_fields},
	[EVENT_SESSION] = {"session", session_fields},
	[EVENT_COMMAND] = {"command", command_fields},
	[EVENT_STOP] = {"stop", stop_fields},
};
