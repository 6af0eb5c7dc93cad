/* SPDX-License-Identifier: BSD-2-Clause */
/* place.c: where the sockets of unix servers lie: a path for a key. */
#include <stdlib.h>

#include "base/mem.h"
#include "model/state.h"

void apply_place(struct model *model, const struct event_place *e)
{
	struct place *place;

	HASH_FIND(hh, model->places, &e->key, sizeof(e->key), place);
	if (place || !e->path)
		return;
	place = xcalloc(1, sizeof(*place));
	place->key = e->key;
	place->path = xstrdup(e->path);
	HASH_ADD(hh, model->places, key, sizeof(place->key), place);
}

const char *state_path(const struct model *model, const struct server_key *key)
{
	struct place *place;

	HASH_FIND(hh, model->places, key, sizeof(*key), place);
	return place ? place->path : NULL;
}

void places_free(struct model *model)
{
	struct place *place, *next;

	HASH_ITER (hh, model->places, place, next) {
		HASH_DEL(model->places, place);
		free(place->path);
		free(place);
	}
}
