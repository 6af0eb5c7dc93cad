/* SPDX-License-Identifier: BSD-2-Clause */
/* lines.c: the live event lines: time, what, pid, age, script, detail. Called before the model
 * takes the event in, so that an end still finds its connection's opener. */
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/address.h"
#include "base/text.h"
#include "view/format.h"
#include "view/lines.h"

static void line(const struct view_context *c, const struct model *m, __u64 time, const char *what,
	const struct ledger_key *ledger, __u64 age, const char *detail)
{
	const char *script = model_script(m, &ledger->process);
	char *clean = text_clean(script ? script : "?", strlen(script ? script : "?"));
	char *words = text_clean(detail, strlen(detail)); /* what the wire said is in it */
	char clock[32], ages[24] = "-", name[256], server[160], *place;

	format_clock(clock, sizeof(clock), model_session(m), time);
	if (age)
		text_age(ages, sizeof(ages), age);
	text_cut(name, sizeof(name), clean, 32, c->ascii);
	server_text(server, sizeof(server), &ledger->server, model_path(m, &ledger->server));
	place = text_clean(server, strlen(server));
	fprintf(c->out, "%s  %-9s %7u %7s  %-32s %s%s%s\n", clock, what, ledger->process.pid, ages,
		name, place, *words ? " " : "", words);
	free(place);
	free(words);
	free(clean);
}

/* Who it was for, as the wire said: ", user alice, database shop". */
static void for_whom(char *out, size_t size, const struct event_wire *wire)
{
	*out = 0;
	if (wire && *wire->user)
		snprintf(out, size, ", user %s, database %s", wire->user, wire->database);
}

static void refusal(char *out, size_t size, const struct event_wire *wire)
{
	if (wire && *wire->sqlstate)
		snprintf(out, size, "%s (%s)", wire->sqlstate, wire->message);
	else
		snprintf(out, size, "%s", wire && wire->inferred ? "(inferred)" : "(not read)");
}

static void end_line(const struct view_context *c, const struct model *m, const struct event_end *e)
{
	const struct event_wire *wire = model_wire(m, e->cookie);
	char detail[512], how[192], bytes[64] = "", whom[192];

	if (e->ending == ENDING_REFUSED)
		refusal(how, sizeof(how), wire);
	else if (e->manner == MANNER_EXIT)
		format_exit(how, sizeof(how), e->exit_code);
	else
		snprintf(how, sizeof(how), "%s", manner_name((enum manner)e->manner));
	for_whom(whom, sizeof(whom), wire);
	if (e->ledger.server.family != AF_UNIX) /* nobody counts what goes through a unix socket */
		snprintf(bytes, sizeof(bytes), ", %llu B out, %llu B in",
			(unsigned long long)e->sent, (unsigned long long)e->received);
	snprintf(detail, sizeof(detail), "%s%s%s%s", how, whom,
		e->held ? ", descriptor still open" : "", bytes);
	line(c, m, e->head.time, ending_name((enum ending)e->ending), &e->ledger,
		e->head.time - e->opened_at, detail);
}

static void fail_line(
	const struct view_context *c, const struct model *m, const struct event_fail *e)
{
	char detail[128];

	if (e->manner == MANNER_GIVEN_UP)
		snprintf(detail, sizeof(detail), "given up while connecting");
	else
		snprintf(detail, sizeof(detail), "%s",
			e->error ? strerror(e->error) : "error not seen");
	line(c, m, e->head.time, "failed", &e->ledger, e->head.time - e->attempted_at, detail);
}

static void open_line(
	const struct view_context *c, const struct model *m, const struct event_open *e)
{
	char detail[64] = "";

	if (e->ledger.server.family != AF_UNIX)
		snprintf(detail, sizeof(detail), "from port %u", e->local_port);
	line(c, m, e->head.time, e->attribution == ATTRIBUTION_CONNECT ? "opened" : "found",
		&e->ledger, 0, detail);
}

void lines_event(const struct view_context *c, const struct model *m, const union event *event)
{
	switch (event->head.kind) {
	case EVENT_OPEN: open_line(c, m, &event->open); break;
	case EVENT_END: end_line(c, m, &event->end); break;
	case EVENT_FAIL: fail_line(c, m, &event->fail); break;
	case EVENT_RELEASE:
		line(c, m, event->head.time, "released", &event->release.ledger, 0,
			"descriptor of an ended connection closed");
		break;
	case EVENT_SNAPSHOT:
		if (!event->snapshot.begins)
			fflush(c->out);
		break;
	default: break;
	}
}

static void verdict_line(const struct view_context *c, const struct model *m, __u64 time,
	const char *what, enum rule rule, const char *subject, const char *sentence)
{
	char *clean = text_clean(subject, strlen(subject));
	char *words = text_clean(sentence, strlen(sentence));
	char clock[32], name[256];

	format_clock(clock, sizeof(clock), model_session(m), time);
	text_cut(name, sizeof(name), clean, 32, c->ascii);
	fprintf(c->out, "%s  %-9s %s: %s: %s\n", clock, what, rule_rows[rule].id, name, words);
	free(words);
	free(clean);
}

void lines_transition(
	const struct view_context *c, const struct model *m, const struct transition *t)
{
	char sentence[320];

	if (t->raised) {
		verdict_line(c, m, t->time, severity_name(t->finding->severity), t->finding->rule,
			finding_subject(t->finding), t->finding->sentence);
		return;
	}
	snprintf(sentence, sizeof(sentence), "was: %s", t->resolution->sentence);
	verdict_line(
		c, m, t->time, "resolved", t->resolution->rule, t->resolution->subject, sentence);
}
