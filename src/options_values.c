/* SPDX-License-Identifier: BSD-2-Clause */
/* options_values.c: the words behind the options; what is wrong with one is said at once, with an
 * example of a right one. */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/address.h"
#include "base/text.h"
#include "options_values.h"
#include "view/screen.h"

static bool has_port(const struct options *o, unsigned long port)
{
	for (__u32 i = 0; i < o->live.port_count; i++)
		if (o->live.ports[i] == port)
			return true;
	return false;
}

void parse_ports(struct argp_state *state, struct options *o, const char *text)
{
	o->live.port_count = 0;
	for (const char *at = text; *at;) {
		char *end;
		unsigned long port = strtoul(at, &end, 10);

		if (end == at || (*end && *end != ',') || port < 1 || port > 65535)
			argp_error(state, "-P %s: a port is a number from 1 to 65535", text);
		if (!has_port(o, port) && o->live.port_count == EVENT_PORTS)
			argp_error(state, "-P %s: at most %d ports", text, EVENT_PORTS);
		if (!has_port(o, port))
			o->live.ports[o->live.port_count++] = (__u16)port;
		at = *end ? end + 1 : end;
	}
	if (!o->live.port_count)
		argp_error(state, "-P: which port?");
}

void parse_unix(struct argp_state *state, struct options *o, const char *text)
{
	if (strcmp(text, "on") && strcmp(text, "off"))
		argp_error(state, "--unix %s: on or off", text);
	o->live.unix_off = !strcmp(text, "off");
}

__u64 parse_time(struct argp_state *state, const char *name, const char *text)
{
	__u64 ns;

	if (text_duration(text, &ns))
		argp_error(state, "%s %s: a time is a number with s, ms, m or h: 30, 30s, 5m", name,
			text);
	return ns;
}

void parse_duration(struct argp_state *state, struct options *o, const char *text)
{
	o->duration = parse_time(state, "-d", text);
	if (!o->duration)
		argp_error(state, "-d %s: watches for no time at all; --once looks once", text);
}

__u32 parse_number(struct argp_state *state, const char *name, const char *text, __u32 most)
{
	char *end;
	unsigned long n = strtoul(text, &end, 10);

	if (end == text || *end || n > most || *text == '-')
		argp_error(state, "%s %s: not a number from 0 to %u", name, text, most);
	return (__u32)n;
}

void parse_pid(struct argp_state *state, struct options *o, const char *text)
{
	o->query.pid = parse_number(state, "-p", text, 1 << 22);
	if (!o->query.pid)
		argp_error(state, "-p %s: a process id is greater than 0", text);
}

void parse_host(struct argp_state *state, struct options *o, const char *text)
{
	char address[64];
	const char *slash = strchr(text, '/');
	unsigned most = 128, bits;

	snprintf(address, sizeof(address), "%.*s", slash ? (int)(slash - text) : 63, text);
	if (inet_pton(AF_INET, address, o->query.host + 12) == 1) {
		memset(o->query.host, 0, 10);
		o->query.host[10] = o->query.host[11] = 0xff;
		most = 32;
	} else if (inet_pton(AF_INET6, address, o->query.host) != 1) {
		argp_error(state, "--host %s: not an IPv4 or IPv6 address", text);
	}
	bits = slash ? parse_number(state, "--host", slash + 1, most) : most;
	o->query.host_bits = bits + (128 - most);
}

/* "9187", "0.0.0.0:9187", "[::1]:9187"; without an address only this host may ask. */
void parse_metrics(struct argp_state *state, struct options *o, const char *text)
{
	if (address_parse(&o->metrics, text))
		argp_error(state,
			"--metrics %s: PORT, or ADDRESS:PORT with a numeric address: 9187, "
			"0.0.0.0:9187, [::1]:9187",
			text);
}

void parse_ring(struct argp_state *state, struct options *o, const char *text)
{
	__u64 bytes;

	if (text_size(text, &bytes) || bytes < 4096 || bytes > 1 << 30 || (bytes & (bytes - 1)))
		argp_error(state, "--ring-size %s: a power of two from 4K to 1024M", text);
	o->live.ring_size = (__u32)bytes;
}

void parse_cmdline(struct argp_state *state, struct options *o, const char *text)
{
	char why[128];
	int error = regcomp(&o->cmdline, text, REG_EXTENDED | REG_NOSUB);

	if (error) {
		regerror(error, &o->cmdline, why, sizeof(why));
		argp_error(state, "--cmdline %s: %s", text, why);
	}
	o->query.cmdline = &o->cmdline;
}

void parse_view(struct argp_state *state, struct options *o, const char *text)
{
	char names[256] = "";

	for (size_t i = 0, n = 0; views[i] && n < sizeof(names); i++)
		n += (size_t)snprintf(
			names + n, sizeof(names) - n, "%s%s", i ? ", " : "", views[i]->name);
	o->view = view_find(text);
	if (!o->view)
		argp_error(state, "-o %s: the formats are %s", text, names);
}

/* Under this name or another. One that is not there yet has only its name. */
static bool is_same_file(const char *a, const char *b)
{
	struct stat x, y;

	if (!a || !b)
		return false;
	if (stat(a, &x) || stat(b, &y))
		return !strcmp(a, b);
	return S_ISREG(x.st_mode) && x.st_ino == y.st_ino && x.st_dev == y.st_dev;
}

void check_files(struct argp_state *state, const struct options *o)
{
	if (is_same_file(o->output_file, o->replay))
		argp_error(state, "--output-file %s: that is the recording; it would be lost",
			o->output_file);
	if (is_same_file(o->output_file, o->record))
		argp_error(state, "--output-file and --record %s: a file for each", o->record);
}

/* On the screen only what can be read again goes forth and back. */
static bool is_file(const char *path)
{
	struct stat st;

	return !stat(path, &st) && S_ISREG(st.st_mode);
}

/* Half a minute's watch should not end in a terminal full of what no person reads. */
void check_view(struct argp_state *state, const struct options *o)
{
	if (o->view->opened_with && !o->output_file &&
		isatty(o->command ? STDERR_FILENO : STDOUT_FILENO))
		argp_error(state,
			"-o %s is for %s, not for a terminal: --output-file FILE, or | cat",
			o->view->name, o->view->opened_with);
}

void parse_speed(struct argp_state *state, struct options *o, const char *text)
{
	char *end;

	o->speed = strtod(text, &end);
	if (end == text || *end || !(o->speed >= 0.1 && o->speed <= 1000))
		argp_error(state, "--speed %s: a number from 0.1 to 1000", text);
}

void parse_group(struct argp_state *state, struct options *o, const char *text)
{
	int g = 0;

	while (g < GROUPS && strcmp(group_by_name((enum group_by)g), text))
		g++;
	if (g == GROUPS)
		argp_error(
			state, "-g %s: group by script, process, user, container or server", text);
	o->query.group_by = (enum group_by)g;
}

void parse_rule(struct argp_state *state, struct options *o, const char *text)
{
	const char *equals = strchr(text, '=');
	char id[32];
	enum rule rule;

	snprintf(id, sizeof(id), "%.*s", equals ? (int)(equals - text) : 31, text);
	rule = rule_find(id);
	if (!equals || rule == RULES) {
		argp_error(state, "--rule %s: ID=off, ID=on or ID=N; --explain rules names them",
			text);
		return;
	}
	o->rules.off[rule] = !strcmp(equals + 1, "off");
	if (o->rules.off[rule] || !strcmp(equals + 1, "on"))
		return;
	o->rules.threshold[rule] = parse_number(state, "--rule", equals + 1, 1000000);
	if (!o->rules.threshold[rule])
		argp_error(state, "--rule %s: a threshold is at least 1", text);
}

void parse_sort(struct argp_state *state, struct options *o, const char *text)
{
	char names[512] = "";

	for (size_t i = 0, n = 0; i < count_field_count && n < sizeof(names); i++)
		n += (size_t)snprintf(
			names + n, sizeof(names) - n, "%s%s", i ? ", " : "", count_fields[i].name);
	o->query.sort = count_field_find(text);
	if (!o->query.sort)
		argp_error(state, "-s %s: the columns are %s", text, names);
}

void parse_fail_on(struct argp_state *state, struct options *o, const char *text)
{
	char bad[64];

	if (gate_parse(&o->gate, text, bad, sizeof(bad)))
		argp_error(state,
			"--fail-on %s: \"%s\" is no severity (leak, warning, note), no rule "
			"(abandoned, idle-hoard …), and not refused or failed",
			text, bad);
}

/* A word where only options may stand. */
void refuse_word(struct argp_state *state, const char *word)
{
	const char *suffix = strrchr(word, '.');

	if (*word && word[strspn(word, "0123456789,")] == 0)
		argp_error(state, "what is \"%s\"? Did you mean the port, `-P %s`?", word, word);
	else if (suffix && !strcmp(suffix, ".ndjson"))
		argp_error(state, "what is \"%s\"? Did you mean the recording, `--replay %s`?",
			word, word);
	else
		argp_error(state,
			"what is \"%s\"? A command to watch stands behind --: `pgleaktrace -- %s`",
			word, word);
}

/* A person at a terminal who asked for no other form gets the live screen. */
static bool screen_was_asked_for(const struct options *o)
{
	const char *term = getenv("TERM");

	return !o->form_given && !o->output_file && !o->once && !o->duration && !o->check &&
	       !o->command && (!o->replay || is_file(o->replay)) && isatty(STDIN_FILENO) &&
	       isatty(STDOUT_FILENO) && term && *term && strcmp(term, "dumb");
}

/* Its description is often missing where one has come by ssh: then lines are better than nothing. */
static bool terminal_suits(const struct options *o)
{
	const char *term = getenv("TERM");

	if (screen_suits(term))
		return true;
	if (!o->quiet)
		fprintf(stderr,
			"pgleaktrace: no live screen: the terminal \"%s\" is not known on this "
			"host; TERM=xterm-256color may do\n",
			term);
	return false;
}

bool wants_screen(const struct options *o)
{
	return screen_was_asked_for(o) && terminal_suits(o);
}
