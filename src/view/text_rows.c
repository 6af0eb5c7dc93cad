/* SPDX-License-Identifier: BSD-2-Clause */
/* text_rows.c: a process and its connections, for people. */
#include <stdlib.h>
#include <sys/socket.h>

#include "base/address.h"
#include "base/mem.h"
#include "base/text.h"
#include "view/format.h"
#include "view/prose.h"
#include "view/text_rows.h"

static const char *ending_detail(const struct connection_row *row, char *out, size_t size)
{
	char exit[32];

	if (row->manner == MANNER_EXIT) {
		format_exit(exit, sizeof(exit), row->exit_code);
		snprintf(out, size, "%s by pid %u (%s)", ending_name(row->ending), row->closer.pid,
			exit);
	} else if (row->closer.pid) {
		snprintf(out, size, "%s by pid %u (%s)", ending_name(row->ending), row->closer.pid,
			manner_name(row->manner));
	} else if (row->ended_at) {
		snprintf(out, size, "%s (%s)%s", ending_name(row->ending), manner_name(row->manner),
			row->held ? ", descriptor still open" : "");
	} else {
		char use[32];

		format_use(use, sizeof(use), row);
		snprintf(out, size, "open, %s", use);
	}
	return out;
}

/* One fact of the wire, after the ones before it. */
static void print_fact(const struct view_context *c, bool *any, const char *what, const char *value)
{
	if (!*value)
		return;
	fputs(*any ? ", " : "                ", c->out);
	fprintf(c->out, "%s%s", what, *what ? " " : "");
	prose_name(c, value, 64);
	*any = true;
}

static void print_wire(const struct view_context *c, const struct connection_row *row)
{
	char backend[16] = "";
	bool any = false;

	if (row->backend_pid)
		snprintf(backend, sizeof(backend), "%u", row->backend_pid);
	if (row->ending == ENDING_REFUSED)
		print_fact(
			c, &any, "refused", row->refusal_inferred ? "(inferred)" : row->sqlstate);
	print_fact(c, &any, "", row->message);
	if (row->purpose != PURPOSE_SESSION && row->purpose != PURPOSE_UNKNOWN)
		print_fact(c, &any, "for", purpose_name(row->purpose));
	print_fact(c, &any, "user", row->user);
	print_fact(c, &any, "database", row->database);
	print_fact(c, &any, "application", row->application);
	print_fact(c, &any, "backend", backend);
	print_fact(c, &any, "", row->activity);
	if (row->encryption > ENCRYPTION_NONE)
		print_fact(c, &any, "over", encryption_name(row->encryption));
	if (any)
		fputc('\n', c->out);
}

static void print_connection(const struct view_context *c, const struct connection_row *row)
{
	char age[24], server[160], detail[160];

	text_age_from(age, sizeof(age), row->age, row->at_least, c->ascii);
	server_text(server, sizeof(server), &row->server, row->server_path);
	fprintf(c->out, "            %s  ", age);
	if (row->server.family != AF_UNIX)
		fprintf(c->out, "port %u -> ", row->local_port);
	prose_name(c, server, sizeof(server));
	fprintf(c->out, "  %s", ending_detail(row, detail, sizeof(detail)));
	for (size_t i = 0; i < row->holder_count; i++)
		fprintf(c->out, "%spid %u fd %d", i ? ", " : "; held by ", row->holders[i].pid,
			row->holders[i].fd);
	fputc('\n', c->out);
	print_wire(c, row);
}

/* "user app, in /srv/shop, unit shop.service; parents npm 310, sh 280" */
static void print_identity(const struct view_context *c, const struct event_process *e, bool folded)
{
	const char *cwd = folded ? NULL : e->cwd ? e->cwd : "?";
	char *words =
		xasprintf("user %s%s%s%s%s%s%.12s", e->user ? e->user : "?", cwd ? ", in " : "",
			cwd ? cwd : "", e->unit ? ", unit " : "", e->unit ? e->unit : "",
			e->container ? ", container " : "", e->container ? e->container : "");

	for (__u32 i = 0; !folded && i < e->ancestor_count; i++) {
		char *longer = xasprintf("%s%s%s %u", words, i ? ", " : "; parents ",
			e->ancestors[i].comm ? e->ancestors[i].comm : "?", e->ancestors[i].pid);

		free(words);
		words = longer;
	}
	prose_words(c, 12, words);
	free(words);
}

static void print_process_name(const struct view_context *c, const struct process_row *p)
{
	char exit[32], folded[48];

	if (p->folded) {
		format_folded(folded, sizeof(folded), p->folded);
		fprintf(c->out, "        %s, together\n", folded);
		return;
	}
	fprintf(c->out, "        pid %u", p->key.pid);
	if (p->gone) {
		format_exit(exit, sizeof(exit), p->exit_code);
		fprintf(c->out, " (gone, %s)", exit);
	}
	fputs(": ", c->out);
	if (p->identity) {
		char *argv = format_argv(p->identity);

		prose_name(c, *argv ? argv : "(no command line)",
			c->columns > 40 ? c->columns - 24 : 24);
		free(argv);
	} else {
		fputs("(gone before it could be read)", c->out);
	}
	fputc('\n', c->out);
}

static void print_connections(const struct view_context *c, const struct process_row *p)
{
	for (size_t i = 0; i < p->connection_count; i++)
		print_connection(c, &p->connections[i]);
}

void text_process(const struct view_context *c, const struct process_row *p)
{
	print_process_name(c, p);
	if (p->identity)
		print_identity(c, p->identity, p->folded);
	print_connections(c, p);
}
