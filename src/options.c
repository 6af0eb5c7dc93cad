/* SPDX-License-Identifier: BSD-2-Clause */
/* options.c: the option table, and which option sets what; values are read in options_values.c. */
#include <argp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/ns.h"
#include "options_values.h"

#define GRACE_UNSET (~0ull)

enum key {
	KEY_ONCE = 256,
	KEY_COMM,
	KEY_CMDLINE,
	KEY_CGROUP,
	KEY_CONTAINER,
	KEY_HOST,
	KEY_OLDER,
	KEY_MAX_CONNECTIONS,
	KEY_OUTPUT_FILE,
	KEY_RECORD,
	KEY_REPLAY,
	KEY_SPEED,
	KEY_NO_COLOR,
	KEY_NO_REDACT,
	KEY_NO_SOURCE,
	KEY_RULE,
	KEY_CHECK,
	KEY_METRICS,
	KEY_RING_SIZE,
	KEY_MAX_TRACKED,
	KEY_FAIL_ON,
	KEY_ERROR_EXITCODE,
	KEY_GRACE,
	KEY_NO_WIRE,
	KEY_UNIX,
	KEY_EXPLAIN,
	KEY_KILL_PLAN,
};

const struct argp_option options_rows[] = {
	{0, 0, 0, 0, "What to watch, and for how long:", 1},
	{"port", 'P', "PORT[,PORT...]", 0, "PostgreSQL's port (default 5432)", 1},
	{"unix", KEY_UNIX, "on|off", 0,
		"unix sockets of these ports too (default on): opened, closed and abandoned are "
		"exact, refusals are inferred, bytes are not seen there",
		1},
	{"duration", 'd', "TIME", 0, "report after TIME: 30, 30s, 5m, 2h (default: until Ctrl-C)",
		1},
	{"once", KEY_ONCE, 0, 0, "report what is open now, at once", 1},
	{"interval", 'i', "TIME", 0,
		"look at everything that is open every TIME (default 1s), or less often where "
		"looking would take more than 1 % of a core",
		1},
	{"no-wire", KEY_NO_WIRE, 0, 0,
		"read nothing of what client and server say: no database user, no SQLSTATE", 1},
	{0, 0, 0, 0, "What to show of it:", 2},
	{"pid", 'p', "PID", 0, "only this process", 2},
	{"user", 'u', "USER", 0, "only this user's processes (name or number)", 2},
	{"comm", KEY_COMM, "PATTERN", 0, "only processes of this name (shell pattern)", 2},
	{"cmdline", KEY_CMDLINE, "REGEX", 0, "only command lines that match", 2},
	{"cgroup", KEY_CGROUP, "TEXT", 0, "only containers or systemd units whose name has TEXT",
		2},
	{"container", KEY_CONTAINER, "TEXT", 0,
		"only containers whose id has TEXT, as `docker ps` shows it; -g container lists "
		"them",
		2},
	{"host", KEY_HOST, "ADDR[/LEN]", 0, "only servers at this address", 2},
	{"older", KEY_OLDER, "TIME", 0, "idle for longer counts as IDLE (default 60s)", 2},
	{"max-connections", KEY_MAX_CONNECTIONS, "N", 0,
		"how many connections a server on another host lets in", 2},
	{"rule", KEY_RULE, "ID=off|on|N", 0,
		"turn a finding off or on, or set its threshold; --explain ID says what it counts",
		2},
	{"group-by", 'g', "WHAT", 0, "script (default), process, user, container or server", 2},
	{"sort", 's', "KEY", 0,
		"open, idle, oldest, opened, closed, abandoned, … (default: worst first)", 2},
	{"rows", 'r', "N", 0, "at most N rows (default 0: all)", 2},
	{0, 0, 0, 0, "How to show it:", 3},
	{"output", 'o', "FORMAT", 0, "", 3}, /* help from the table of views */
	{"output-file", KEY_OUTPUT_FILE, "FILE", 0,
		"write to FILE (mode 0600) instead of standard output", 3},
	{"verbose", 'v', 0, 0, "processes and connections too; libbpf's messages", 3},
	{"explain", KEY_EXPLAIN, "SCRIPT|RULE", 0,
		"the long form of a script's findings, of a rule or of a client library "
		"(\"rules\", "
		"\"libraries\": all); of a script in one look, unless -d, --replay or a command",
		3},
	{"kill-plan", KEY_KILL_PLAN, 0, 0,
		"print what could be typed to end the culprits; nothing is run; looks as --explain",
		3},
	{"metrics", KEY_METRICS, "[ADDR:]PORT", 0,
		"serve metrics for Prometheus over HTTP (default address 127.0.0.1)", 3},
	{"quiet", 'q', 0, 0, "only the table; no notes on standard error", 3},
	{"no-color", KEY_NO_COLOR, 0, 0, "no colours on the live screen (as NO_COLOR=1)", 3},
	{"no-source", KEY_NO_SOURCE, 0, 0,
		"do not read scripts (and .env) for where they create clients", 3},
	{"no-redact", KEY_NO_REDACT, 0, 0, "leave passwords in command lines", 3},
	{0, 0, 0, 0, "Recordings:", 4},
	{"record", KEY_RECORD, "FILE", 0, "write all that is seen to FILE (mode 0600)", 4},
	{"replay", KEY_REPLAY, "FILE", 0,
		"from a recording instead of the kernel, without root: played on a terminal, else "
		"a report",
		4},
	{"speed", KEY_SPEED, "N", 0, "play it N times as fast (default 1)", 4},
	{0, 0, 0, 0, "Under a command (-- CMD ARG…), and as a gate:", 5},
	{"grace", KEY_GRACE, "TIME", 0, "how long CMD's children may finish after it (default 2s)",
		5},
	{"fail-on", KEY_FAIL_ON, "WHAT[,WHAT…]", 0,
		"exit 23 if it stands at the end: leak, warning (and graver), a rule's name, "
		"refused, failed",
		5},
	{"error-exitcode", KEY_ERROR_EXITCODE, "N", 0, "instead of 23", 5},
	{0, 0, 0, 0, "Other:", 6},
	{0, 'h', 0, OPTION_HIDDEN, 0, 6}, /* as --help */
	{"check", KEY_CHECK, 0, 0, "can it run here? say what is missing and what mends it", 6},
	{"ring-size", KEY_RING_SIZE, "BYTES", 0,
		"kernel buffer for details: 64K, 4M (default 512K; 4M where each event is written)",
		6},
	{"max-tracked", KEY_MAX_TRACKED, "N", 0,
		"most processes counted one by one at once, about 450 bytes of kernel memory for "
		"each, and four times as many unix connections (default 16384); what comes beyond "
		"is counted together, as ~untracked",
		6},
	{0},
};

const char options_doc[] =
	"Which script is holding my PostgreSQL connections?\v"
	"EXAMPLES\n"
	"  sudo pgleaktrace                     live; Ctrl-C ends with the report\n"
	"  sudo pgleaktrace -d 30               watch for 30 seconds, then report\n"
	"  sudo pgleaktrace --once -v           who holds what, right now\n"
	"  sudo pgleaktrace --kill-plan         what could be typed to get slots back\n"
	"  sudo pgleaktrace -P 5432,6432 -d 5m  PostgreSQL and pgbouncer\n"
	"  pgleaktrace --replay incident.ndjson a recording, without root\n"
	"  sudo pgleaktrace --fail-on leak -- npm test\n"
	"                                       what did the tests leak? 23 if they did\n\n"
	"Exit status: 0 it ran, 1 it failed, 64 wrong usage, 69 the kernel lacks a need, 77 not "
	"enough privilege. That connections leak is no failure, unless --fail-on says so: 23. With "
	"-- CMD: its own status, 128 + N if signal N ended it, 127 not found, 126 cannot be run.";

/* A recording's processes need not live; a watched one must. */
static void check_pid(struct argp_state *state, const struct options *o)
{
	char path[64];
	struct stat st;

	snprintf(path, sizeof(path), "/proc/%u", o->query.pid);
	if (o->query.pid && !o->replay && stat(path, &st))
		argp_error(state, "-p %u: no such process; did you mean the port, `-P %u`?",
			o->query.pid, o->query.pid);
}

/* Series have their labels whatever a report groups or narrows; they must not seem to follow it. */
static void check_metrics(struct argp_state *state, const struct options *o)
{
	const struct query *q = &o->query;

	if (o->metrics.ss_family && o->once)
		argp_error(state,
			"--metrics serves until a signal; --once looks once: one of the two");
	if (strcmp(o->view->name, "openmetrics"))
		return;
	if (q->group_by || query_narrows(q))
		argp_error(state,
			"-o openmetrics counts everything by script: no -g, -p, -u, --comm, "
			"--cmdline, --cgroup, --container or --host");
}

/* Both are answers of their own, to what is there now unless something longer was asked for. */
static void check_plans(struct argp_state *state, struct options *o)
{
	const char *name = o->kill_plan ? "--kill-plan" : "--explain";

	if (!o->explain && !o->kill_plan)
		return;
	if (o->form_given || (o->explain && o->kill_plan) || o->metrics.ss_family)
		argp_error(state, "%s is a form of its own: no -o, no --metrics%s", name,
			o->kill_plan ? ", no --explain" : "");
	if (o->query.group_by != GROUP_SCRIPT && o->query.group_by != GROUP_PROCESS)
		argp_error(state, "%s is about scripts: no -g %s", name,
			group_by_name(o->query.group_by));
	o->view = o->explain ? &explain_view : &kill_view;
	o->form_given = true;
	if (o->once || o->duration || o->replay || o->command)
		return;
	if (o->explain && explain_knows(o->explain))
		o->word_only = true;
	else
		o->once = o->live.brief = true;
}

/* What stands behind `--` is the command, whatever it looks like. */
static void parse_command(struct argp_state *state, struct options *o)
{
	if (!state->quoted || state->next < state->quoted)
		refuse_word(state, state->argv[state->next]);
	o->command = state->argv + state->next;
	o->live.scoped = true;
	state->next = state->argc;
}

static void check_command(struct argp_state *state, struct options *o)
{
	if (state->quoted && !o->command)
		argp_error(state, "-- what? The command to run stands behind it");
	if (o->command && (o->replay || o->once || o->duration))
		argp_error(state,
			"-- %s: it is watched from its start to its end: no --replay, --once or -d",
			o->command[0]);
	if (!o->command && o->grace != GRACE_UNSET)
		argp_error(state, "--grace: after which command? (-- CMD)");
	if (o->grace == GRACE_UNSET)
		o->grace = 2 * SECOND;
	if (o->error_status && !o->gate.set)
		argp_error(state, "--error-exitcode: on what? (--fail-on)");
}

/* Writing takes ten times as long as counting: then more has to wait meanwhile. */
static bool writes_events(const struct options *o)
{
	if (o->record || o->view->streams)
		return true;
	return o->view->event && !o->duration && !o->once && !o->screen;
}

/* What goes together, and what is wanted when nothing was said of it. */
static void check_all(struct argp_state *state, struct options *o)
{
	check_command(state, o);
	check_plans(state, o);
	check_view(state, o);
	check_files(state, o);
	check_pid(state, o);
	o->screen = wants_screen(o);
	if (o->speed != 1 && !o->replay)
		argp_error(state, "--speed is for --replay");
	if (!o->live.max_tracked)
		argp_error(state, "--max-tracked 0: at least 1");
	check_metrics(state, o);
	if (!o->live.ring_size)
		o->live.ring_size = writes_events(o) ? 4 << 20 : 512 << 10;
	if (o->once && o->duration)
		argp_error(state, "--once looks once; -d watches: one of the two");
	if (o->replay && (o->record || o->once || o->duration))
		argp_error(state, "--replay plays a whole recording: no --record, --once or -d");
}

static error_t parse_gate(int key, char *arg, struct argp_state *state, struct options *o)
{
	switch (key) {
	case KEY_FAIL_ON: parse_fail_on(state, o, arg); break;
	case KEY_ERROR_EXITCODE:
		o->error_status = (int)parse_number(state, "--error-exitcode", arg, 255);
		if (!o->error_status)
			argp_error(state, "--error-exitcode 0: from 1 to 255");
		break;
	case KEY_GRACE: o->grace = parse_time(state, "--grace", arg); break;
	case ARGP_KEY_ARGS: parse_command(state, o); break;
	default: return ARGP_ERR_UNKNOWN;
	}
	return 0;
}

static error_t parse_show(int key, char *arg, struct argp_state *state, struct options *o)
{
	switch (key) {
	case 'p': parse_pid(state, o, arg); break;
	case 'u': o->query.user = arg; break;
	case KEY_COMM: o->query.comm = arg; break;
	case KEY_CMDLINE: parse_cmdline(state, o, arg); break;
	case KEY_CGROUP: o->query.cgroup = arg; break;
	case KEY_CONTAINER: o->query.container = arg; break;
	case KEY_HOST: parse_host(state, o, arg); break;
	case KEY_OLDER: o->query.older = parse_time(state, "--older", arg); break;
	case KEY_MAX_CONNECTIONS:
		o->query.max_connections = parse_number(state, "--max-connections", arg, 262143);
		if (!o->query.max_connections)
			argp_error(state, "--max-connections 0: at least 1");
		break;
	case KEY_RULE: parse_rule(state, o, arg); break;
	case 'g': parse_group(state, o, arg); break;
	case 's': parse_sort(state, o, arg); break;
	case 'r': o->query.rows = parse_number(state, "-r", arg, 1000000); break;
	default: return parse_gate(key, arg, state, o);
	}
	return 0;
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct options *o = state->input;

	switch (key) {
	case 'P': parse_ports(state, o, arg); break;
	case 'd': parse_duration(state, o, arg); break;
	case KEY_UNIX: parse_unix(state, o, arg); break;
	case KEY_ONCE: o->once = o->live.brief = true; break;
	case 'i':
		o->interval = parse_time(state, "-i", arg);
		if (o->interval < 100 * MILLISECOND)
			argp_error(state, "-i %s: at least 100ms", arg);
		break;
	case 'o':
		parse_view(state, o, arg);
		o->form_given = true;
		break;
	case KEY_OUTPUT_FILE: o->output_file = arg; break;
	case 'v': o->verbose = o->live.verbose = true; break;
	case 'q': o->quiet = true; break;
	case KEY_EXPLAIN: o->explain = arg; break;
	case KEY_KILL_PLAN: o->kill_plan = true; break;
	case KEY_NO_WIRE: o->live.wire = false; break;
	case KEY_NO_SOURCE: o->live.source = false; break;
	case KEY_NO_REDACT: o->live.redact = false; break;
	case KEY_RECORD: o->record = arg; break;
	case KEY_REPLAY: o->replay = arg; break;
	case KEY_SPEED: parse_speed(state, o, arg); break;
	case KEY_NO_COLOR: o->no_color = true; break;
	case 'h': argp_state_help(state, state->out_stream, ARGP_HELP_STD_HELP); break;
	case KEY_METRICS: parse_metrics(state, o, arg); break;
	case KEY_CHECK: o->check = true; break;
	case KEY_RING_SIZE: parse_ring(state, o, arg); break;
	case KEY_MAX_TRACKED:
		o->live.max_tracked = parse_number(state, "--max-tracked", arg, 1 << 20);
		break;
	case ARGP_KEY_END: check_all(state, o); break;
	default: return parse_show(key, arg, state, o);
	}
	return 0;
}

/* What --help says of the formats comes from the views themselves; argp frees the text. */
char *options_help_filter(int key, const char *text, void *input)
{
	char *help = NULL;
	size_t size = 0;
	FILE *out;

	(void)input;
	if (key != 'o' && key != ARGP_KEY_HELP_POST_DOC)
		return (char *)text;
	out = xmemstream(&help, &size);
	if (key != 'o')
		fputs("FORMATS\n", out);
	for (size_t i = 0; views[i]; i++)
		if (key == 'o')
			fprintf(out, "%s%s%s", i ? ", " : "", views[i]->name,
				i ? "" : " (default)");
		else
			fprintf(out, "  %-12s %s\n", views[i]->name, views[i]->help);
	if (key != 'o')
		fprintf(out, "\n%s", text);
	xmemstream_close(out, &help);
	return help;
}

static const struct options defaults = {
	.live = {.ports = {5432},
		.port_count = 1,
		.max_tracked = 16384,
		.wire = true,
		.redact = true,
		.source = true},
	.query = {.older = MINUTE},
	.interval = SECOND,
	.grace = GRACE_UNSET,
	.speed = 1,
};

void options_parse(struct options *options, int argc, char **argv)
{
	static const struct argp argp = {.options = options_rows,
		.parser = parse,
		.args_doc = "[-- CMD [ARG...]]",
		.doc = options_doc,
		.help_filter = options_help_filter};

	argp_err_exit_status = EXIT_BAD_USAGE;
	*options = defaults;
	options->view = views[0];
	argp_parse(&argp, argc, argv, 0, NULL, options);
}
