/* SPDX-License-Identifier: BSD-2-Clause */
/* evidence.c: the numbers that prove a finding; one name means the same in every rule. */
#include <string.h>

#include "diagnose/diagnose.h"

static const struct {
	const char *name, *help;
} rows[] = {
	{"abandoned", "connections that were open when their process ended"},
	{"backend_pid", "the server's process that has the oldest such slot"},
	{"client_pid", "the process that had the other end of it"},
	{"clients", "connections to it; not there where its own port is not watched"},
	{"concurrent", "most of its processes with a connection at once"},
	{"connections", "connections it was judged by"},
	{"culprit_idle", "of culprit_open: idle"},
	{"culprit_open", "connections open at the script that holds the most"},
	{"culprit_peak", "most connections that this script had open at once"},
	{"fd_leak", "descriptors still open a second after the server's goodbye"},
	{"folders", "different folders that its processes run in"},
	{"grace", "how long the command's children had"},
	{"holder_pid", "a process that has one and did not open it"},
	{"idle", "of the open ones: unused for longer than `older`, no query running"},
	{"inherited", "connections that only others than their opener have"},
	{"killed", "of the abandoned ones: their process was killed by a signal"},
	{"max_connections", "slots that the server has"},
	{"older", "how long without a byte counts as idle (--older)"},
	{"oldest", "age of the oldest open one; of slots: since the client's end"},
	{"open", "connections open now"},
	{"opened", "connections it opened while watched"},
	{"opener_pid", "the process that opened it"},
	{"orphan_slots", "slots whose client has been gone for a second or more"},
	{"others", "slots that everybody else takes now"},
	{"peak", "most open at once"},
	{"per_minute", "growth of the open ones"},
	{"pid", "the process that does it the most"},
	{"process_peak", "most connections of one of its processes"},
	{"processes", "processes with open connections"},
	{"product", "processes x process_peak"},
	{"recommended_limit",
		"(max_connections - reserved - others) / concurrent: connections for each"},
	{"refused", "connections turned away because the slots were taken"},
	{"reserved", "slots for superusers and pg_use_reserved_connections"},
	{"rise", "open now, less those open at the start of `window`"},
	{"safe_processes", "(max_connections - reserved - others) / process_peak: as many may run"},
	{"slots", "slots there is room for"},
	{"unused", "of the open ones: no byte in the last quarter of `window`"},
	{"window", "how long it was watched for this"},
	{"workers", "processes whose parent runs the same script: a server with its workers"},
};

const char *evidence_help(const char *name)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (!strcmp(rows[i].name, name))
			return rows[i].help;
	return "";
}

void prove(struct finding *f, const char *name, __u64 number, bool is_age)
{
	if (f->evidence_count < EVIDENCE_MOST)
		f->evidence[f->evidence_count++] = (struct evidence){name, number, is_age};
}
