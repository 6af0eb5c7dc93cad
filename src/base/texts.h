/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * texts.h: the strings of an event belong to its stream until the next one. Who keeps the event copies
 * them, all into one block, so that one free() ends them.
 */
#ifndef BASE_TEXTS_H
#define BASE_TEXTS_H

#include <stddef.h>
#include <pgleaktrace/event.h>

/* `texts` point to the strings and end with NULL; each is copied and then points to its copy. A string
 * that is NULL stays NULL. The block, never NULL; the caller frees it. */
char *texts_keep(const char **const texts[]);

/* The same in two steps: room for a string and its NUL, and its copy there, behind which *to goes. */
size_t text_room(const char *text);
const char *text_put(char **to, const char *text);

/* A process's strings but argv and the ancestors', which have a length of their own. */
#define IDENTITY_TEXTS 10
const char **identity_text(struct event_process *process, size_t i);

#endif
