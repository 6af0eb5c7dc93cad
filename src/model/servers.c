/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * servers.c: the servers on this host: who listens where, which backends they have, and which of them
 * is behind an address.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/mem.h"
#include "base/texts.h"
#include "model/state.h"

#define TCP_ESTABLISHED 1

static struct instance *instance_find(const struct model *model, const struct process_key *key)
{
	struct instance *instance;

	HASH_FIND(hh, model->instances, key, sizeof(*key), instance);
	return instance;
}

void apply_server(struct model *model, const struct event_server *e)
{
	struct instance *instance = instance_find(model, &e->process);
	struct event_server *facts;

	if (!instance) {
		instance = xcalloc(1, sizeof(*instance));
		instance->key = e->process;
		HASH_ADD(hh, model->instances, key, sizeof(instance->key), instance);
	}
	free(instance->arena);
	facts = &instance->facts;
	*facts = *e;
	instance->arena = texts_keep((const char **const[]){&facts->limit_source,
		&facts->data_directory, &facts->program, &facts->container, NULL});
	instance->seen = true;
	instance->listeners = xrealloc(
		instance->listeners, (instance->listener_count + 1) * sizeof(*instance->listeners));
	instance->listeners[instance->listener_count++] = e->key;
}

/* What is remembered of a backend that the snapshot before has found too. */
static void backend_remember(const struct instance *instance, struct backend *backend)
{
	for (size_t i = 0; i < instance->before_count; i++) {
		const struct backend *old = &instance->before[i];

		if (memcmp(&old->event.process, &backend->event.process,
			    sizeof(struct process_key)))
			continue;
		backend->joined = old->joined;
		backend->opener = old->opener;
		backend->client_cookie = old->client_cookie;
		backend->client_opened = old->client_opened;
		backend->closed_for = old->closed_for;
	}
}

void apply_backend(struct model *model, const struct event_backend *e)
{
	struct instance *instance = instance_find(model, &e->postmaster);
	struct backend *backend;

	if (!instance)
		return;
	for (size_t i = 0; i < instance->backend_count; i++)
		if (!memcmp(&instance->backends[i].event.process, &e->process, sizeof(e->process)))
			return; /* the same socket under a second descriptor */
	instance->backends = xrealloc(
		instance->backends, (instance->backend_count + 1) * sizeof(*instance->backends));
	backend = &instance->backends[instance->backend_count++];
	memset(backend, 0, sizeof(*backend));
	backend->event = *e;
	backend->arena = texts_keep((const char **const[]){
		&backend->event.user, &backend->event.database, &backend->event.activity, NULL});
	backend_remember(instance, backend);
	backend->closed_for = e->state == TCP_ESTABLISHED ? 0 : backend->closed_for + 1;
}

static void backends_free(struct backend *backends, size_t count)
{
	for (size_t i = 0; i < count; i++)
		free(backends[i].arena);
	free(backends);
}

static void instance_free(struct model *model, struct instance *instance)
{
	HASH_DEL(model->instances, instance);
	backends_free(instance->backends, instance->backend_count);
	backends_free(instance->before, instance->before_count);
	free(instance->listeners);
	free(instance->arena);
	free(instance);
}

void servers_begin(struct model *model)
{
	struct instance *instance, *next;

	HASH_ITER (hh, model->instances, instance, next) {
		backends_free(instance->before, instance->before_count);
		instance->before = instance->backends;
		instance->before_count = instance->backend_count;
		instance->backends = NULL;
		instance->backend_count = 0;
		instance->listener_count = 0;
		instance->seen = false;
	}
}

bool backend_takes_slot(const struct instance *instance, const struct backend *backend)
{
	return !backend->event.walsender || instance->facts.version < 12;
}

static void history_add(struct instance *instance, __u64 time)
{
	__u32 used = 0;

	for (size_t i = 0; i < instance->backend_count; i++)
		used += backend_takes_slot(instance, &instance->backends[i]);
	if (instance->history_count == HISTORY_MOST) {
		instance->history_count--;
		memmove(instance->history, instance->history + 1,
			instance->history_count * sizeof(*instance->history));
	}
	instance->history[instance->history_count++] = (struct sample){.time = time, .used = used};
}

void servers_end(struct model *model, __u64 time)
{
	struct instance *instance, *next;

	HASH_ITER (hh, model->instances, instance, next) {
		if (!instance->seen)
			instance_free(model, instance);
		else
			history_add(instance, time);
	}
	if (model->instances)
		backends_join(model);
}

static bool everywhere(const struct server_key *listener, const struct server_key *key)
{
	static const __u8 nothing[16], four[16] = {[10] = 0xff, [11] = 0xff};

	if (!memcmp(listener->address, nothing, sizeof(nothing)))
		return true; /* :: takes IPv4 too, unless told not to */
	return key->family == AF_INET && !memcmp(listener->address, four, sizeof(four));
}

/* 0: does not listen there; else how exactly. */
static int listens_at(const struct instance *instance, const struct server_key *key)
{
	int best = 0;

	for (size_t i = 0; i < instance->listener_count; i++) {
		const struct server_key *l = &instance->listeners[i];
		int fit = 0;

		if (l->port != key->port || l->netns != key->netns ||
			(l->family == AF_UNIX) != (key->family == AF_UNIX))
			continue;
		if (!memcmp(l->address, key->address, sizeof(l->address)))
			fit = 3;
		else if (l->family != AF_UNIX && everywhere(l, key))
			fit = l->family == key->family ? 2 : 1;
		if (fit > best)
			best = fit;
	}
	return best;
}

struct instance *state_instance(const struct model *model, const struct server_key *key)
{
	struct instance *instance, *next, *best = NULL;
	struct home *home;
	int fit = 0;

	HASH_FIND(hh, model->homes, key, sizeof(*key), home);
	instance = home ? instance_find(model, &home->instance) : NULL;
	if (instance)
		return instance;
	HASH_ITER (hh, model->instances, instance, next) {
		int this = listens_at(instance, key);

		if (this > fit) {
			fit = this;
			best = instance;
		}
	}
	return best;
}

void servers_free(struct model *model)
{
	struct instance *instance, *next;
	struct home *home, *next_home;

	HASH_ITER (hh, model->instances, instance, next)
		instance_free(model, instance);
	HASH_ITER (hh, model->homes, home, next_home) {
		HASH_DEL(model->homes, home);
		free(home);
	}
}

static void backends_copy(struct backend **to, const struct backend *from, size_t count)
{
	*to = xcalloc(count + 1, sizeof(**to));
	for (size_t i = 0; i < count; i++) {
		struct event_backend *e = &(*to)[i].event;

		(*to)[i] = from[i];
		(*to)[i].arena = texts_keep(
			(const char **const[]){&e->user, &e->database, &e->activity, NULL});
	}
}

static struct instance *instance_copy(const struct instance *from)
{
	struct instance *to = xcalloc(1, sizeof(*to));
	struct event_server *facts = &to->facts;

	*to = *from;
	to->arena = texts_keep((const char **const[]){&facts->limit_source, &facts->data_directory,
		&facts->program, &facts->container, NULL});
	to->listeners = xcalloc(from->listener_count + 1, sizeof(*to->listeners));
	if (from->listener_count)
		memcpy(to->listeners, from->listeners,
			from->listener_count * sizeof(*to->listeners));
	backends_copy(&to->backends, from->backends, from->backend_count);
	backends_copy(&to->before, from->before, from->before_count);
	return to;
}

void servers_copy(struct model *to, const struct model *from)
{
	struct instance *instance, *next;
	struct home *home, *next_home;

	HASH_ITER (hh, from->instances, instance, next) {
		struct instance *copy = instance_copy(instance);

		HASH_ADD(hh, to->instances, key, sizeof(copy->key), copy);
	}
	HASH_ITER (hh, from->homes, home, next_home) {
		struct home *copy = xcalloc(1, sizeof(*copy));

		*copy = *home;
		HASH_ADD(hh, to->homes, key, sizeof(copy->key), copy);
	}
}
