/* SPDX-License-Identifier: BSD-2-Clause */
/* names.c: the closed sets and the columns of counts, each declared once for every view. */
#include <string.h>

#include <pgleaktrace/model.h>

static const char *const endings[] = {
	"open", "closed", "abandoned", "hung_up", "refused", "unknown"};
static const char *const manners[] = {"", "close", "reset by client", "exec", "exit",
	"server closed", "reset", "timeout", "given up", "error"};
static const char *const attributions[] = {"unknown", "connect", "snapshot", "inherited"};
static const char *const groupings[] = {"script", "process", "user", "container", "server"};
static const char *const encryptions[] = {"", "none", "tls", "gss"};
static const char *const purposes[] = {"", "session", "cancel", "replication"};
static const char *const server_kinds[] = {"unknown", "postgresql", "relay"};

_Static_assert(sizeof(endings) / sizeof(endings[0]) == ENDINGS, "a name per ending");
_Static_assert(sizeof(manners) / sizeof(manners[0]) == MANNERS, "a name per manner");
_Static_assert(sizeof(attributions) / sizeof(attributions[0]) == ATTRIBUTIONS, "a name each");
_Static_assert(sizeof(groupings) / sizeof(groupings[0]) == GROUPS, "a name per grouping");
_Static_assert(sizeof(encryptions) / sizeof(encryptions[0]) == ENCRYPTIONS, "a name each");
_Static_assert(sizeof(purposes) / sizeof(purposes[0]) == PURPOSES, "a name per purpose");
_Static_assert(sizeof(server_kinds) / sizeof(server_kinds[0]) == SERVER_KINDS, "a name each");

const char *ending_name(enum ending ending)
{
	return endings[ending];
}

const char *manner_name(enum manner manner)
{
	return manners[manner];
}

const char *attribution_name(enum attribution attribution)
{
	return attributions[attribution];
}

const char *group_by_name(enum group_by group_by)
{
	return groupings[group_by];
}

const char *encryption_name(enum encryption encryption)
{
	return encryptions[encryption];
}

const char *purpose_name(enum purpose purpose)
{
	return purposes[purpose];
}

const char *server_kind_name(enum server_kind kind)
{
	return server_kinds[kind];
}

#define GETTER(name)                                                                               \
	static __u64 get_##name(const struct counts *counts)                                       \
	{                                                                                          \
		return counts->name;                                                               \
	}
GETTER(adopted)
GETTER(opened)
GETTER(open)
GETTER(idle)
GETTER(closed)
GETTER(abandoned)
GETTER(hung_up)
GETTER(refused)
GETTER(unknown)
GETTER(failed)
GETTER(fd_leak)
GETTER(peak)
GETTER(oldest)

const struct count_field count_fields[] = {
	{"adopted", "ADOPTED", "already open when the tracer came", get_adopted, false, false},
	{"open", "OPEN", "open now", get_open, false, true},
	{"idle", "IDLE",
		"open, and unused for longer than --older: no byte either way, no query running",
		get_idle, false, true},
	{"oldest", "OLDEST", "age of the oldest open connection", get_oldest, true, true},
	{"opened", "OPENED", "established while watching", get_opened, false, true},
	{"closed", "CLOSED", "closed by a running holder", get_closed, false, true},
	{"abandoned", "ABANDONED", "closed by the kernel: the last holder exited", get_abandoned,
		false, true},
	{"hung_up", "HUNG UP", "ended by the server first", get_hung_up, false, true},
	{"refused", "REFUSED", "ended by a FATAL error before a session", get_refused, false,
		false},
	{"unknown", "UNKNOWN", "end not seen", get_unknown, false, false},
	{"failed", "FAILED", "connect() that never reached a server", get_failed, false, true},
	{"fd_leak", "FD LEAK", "ended by the server, descriptor never closed", get_fd_leak, false,
		false},
	{"peak", "PEAK", "most open at once; one that is refused counts while it lasts", get_peak,
		false, true},
};
const size_t count_field_count = sizeof(count_fields) / sizeof(count_fields[0]);

const struct count_field *count_field_find(const char *name)
{
	for (size_t i = 0; i < count_field_count; i++)
		if (!strcmp(count_fields[i].name, name))
			return &count_fields[i];
	return NULL;
}
