/* SPDX-License-Identifier: BSD-2-Clause */
/* texts.c: see texts.h. */
#include <string.h>

#include "base/mem.h"
#include "base/texts.h"

size_t text_room(const char *text)
{
	return text ? strlen(text) + 1 : 0;
}

const char *text_put(char **to, const char *text)
{
	char *at = *to;

	if (!text)
		return NULL;
	*to = stpcpy(at, text) + 1;
	return at;
}

char *texts_keep(const char **const texts[])
{
	char *block, *to;
	size_t room = 1;

	for (size_t i = 0; texts[i]; i++)
		room += text_room(*texts[i]);
	block = to = xcalloc(1, room);
	for (size_t i = 0; texts[i]; i++)
		*texts[i] = text_put(&to, *texts[i]);
	return block;
}

static const size_t identity_texts[] = {
	offsetof(struct event_process, comm),
	offsetof(struct event_process, cwd),
	offsetof(struct event_process, exe),
	offsetof(struct event_process, user),
	offsetof(struct event_process, container),
	offsetof(struct event_process, unit),
	offsetof(struct event_process, library),
	offsetof(struct event_process, library_sign),
	offsetof(struct event_process, library_config),
	offsetof(struct event_process, source),
};
_Static_assert(sizeof(identity_texts) / sizeof(identity_texts[0]) == IDENTITY_TEXTS, "as many");

const char **identity_text(struct event_process *e, size_t i)
{
	return (const char **)(void *)((char *)e + identity_texts[i]);
}
