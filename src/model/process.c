/* SPDX-License-Identifier: BSD-2-Clause */
/* process.c: who a process is, and that it is gone. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/texts.h"
#include "model/state.h"

struct process *state_process(const struct model *model, const struct process_key *key)
{
	struct process *process;

	HASH_FIND(hh, model->processes, key, sizeof(*key), process);
	return process;
}

const char *state_script(const struct model *model, const struct process_key *key)
{
	const struct process *process = state_process(model, key);

	if (process && process->identified)
		return process->name.script;
	return is_untracked(key) ? "~untracked" : "?";
}

struct process *process_get(struct model *model, const struct process_key *key)
{
	struct process *process = state_process(model, key);

	if (process)
		return process;
	process = xcalloc(1, sizeof(*process));
	process->key = *key;
	HASH_ADD(hh, model->processes, key, sizeof(process->key), process);
	return process;
}

static size_t identity_room(const struct event_process *e)
{
	size_t room = e->argv_length + 1;

	for (size_t i = 0; i < IDENTITY_TEXTS; i++)
		room += text_room(*identity_text((struct event_process *)e, i));
	for (__u32 i = 0; i < e->ancestor_count; i++)
		room += e->ancestors[i].argv_length + 1 + text_room(e->ancestors[i].comm);
	return room;
}

static const char *copy_argv(char **to, const char *argv, __u32 length)
{
	char *at = *to;

	if (length) /* a fold without a name has none */
		memcpy(at, argv, length);
	*to += length + 1;
	return at;
}

/* Copies an identity with all its strings into one block. */
static void identity_keep(struct process *process, const struct event_process *e)
{
	struct event_process *own = &process->identity;
	char *to;

	free(process->arena);
	process->arena = to = xcalloc(1, identity_room(e));
	*own = *e;
	own->argv = copy_argv(&to, e->argv, e->argv_length);
	for (size_t i = 0; i < IDENTITY_TEXTS; i++)
		*identity_text(own, i) = text_put(&to, *identity_text(own, i));
	for (__u32 i = 0; i < e->ancestor_count; i++) {
		struct ancestor *a = &own->ancestors[i];

		a->argv = copy_argv(&to, a->argv, a->argv_length);
		a->comm = text_put(&to, a->comm);
	}
	process->identified = true;
}

int process_key_order(const struct process_key *p, const struct process_key *q)
{
	if (p->start != q->start)
		return p->start < q->start ? -1 : 1;
	if (p->pid != q->pid)
		return p->pid < q->pid ? -1 : 1;
	return p->exec < q->exec ? -1 : p->exec > q->exec;
}

void process_went(struct model *model, struct process *process)
{
	if (process->gone)
		return;
	process->gone = true;
	process->gone_in = model->snapshots;
	model->gone_count += !process->folded;
}

void process_free(struct process *process)
{
	script_free(&process->name);
	free(process->wrapper);
	free(process->arena);
	free(process);
}

/* A fold of processes that have no name is all numbers. */
static bool is_nameless(const struct event_process *e)
{
	return e->folded && !e->comm && !e->exe && !e->argv_length;
}

/* Its own command line says nothing: the script is what started it. */
static void name_multiprocessing(struct process *process, const struct event_process *e)
{
	struct script_name name;

	for (__u32 i = 0; i < e->ancestor_count; i++) {
		const struct ancestor *a = &e->ancestors[i];

		if (script_is_multiprocessing(a->argv, a->argv_length))
			continue;
		script_identify(&name, a->argv, a->argv_length, a->comm, NULL, e->cwd);
		if (name.runtime && strstr(name.runtime, "py")) {
			script_free(&process->name);
			process->name = name;
			process->worker = true;
		} else {
			script_free(&name); /* who started it is gone */
		}
		return;
	}
}

static void process_name(struct process *process, const struct event_process *e)
{
	const struct ancestor *parent = e->ancestor_count ? &e->ancestors[0] : NULL;

	script_free(&process->name);
	script_identify(&process->name, e->argv, e->argv_length, e->comm, e->exe, e->cwd);
	process->worker = parent && script_is_worker(e->argv, e->argv_length, parent->argv,
					    parent->argv_length, e->cwd);
	if (script_is_multiprocessing(e->argv, e->argv_length))
		name_multiprocessing(process, e);
}

void apply_process(struct model *model, const struct event_process *e)
{
	struct process *process = process_get(model, &e->process);

	if (e->folded && !e->process.pid) {
		process->folded = e->folded;
		process->gone = true;
		if (is_nameless(e))
			return;
	}
	identity_keep(process, e);
	process_name(process, e);
	free(process->wrapper);
	process->wrapper = NULL;
	for (__u32 i = 0; i < e->ancestor_count && !process->wrapper; i++)
		process->wrapper =
			script_wrapper(e->ancestors[i].argv, e->ancestors[i].argv_length);
}

void apply_exit(struct model *model, const struct event_exit *e)
{
	struct process *process = process_get(model, &e->process);

	process_went(model, process);
	process->exit_code = e->exit_code;
}
