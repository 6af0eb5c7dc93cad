/* SPDX-License-Identifier: BSD-2-Clause */
/* codec.h: an event as a JSON object and back; the one form of recordings and of -o ndjson. */
#ifndef BASE_CODEC_H
#define BASE_CODEC_H

#include <jansson.h>
#include <pgleaktrace/event.h>

#define CODEC_SCHEMA "pgleaktrace/1"

/* A new reference, or NULL for a kind that has no JSON form. Foreign bytes become valid UTF-8. */
json_t *codec_encode(const union event *event);

/*
 * Fills *event; its strings point into `object` and, for argv, into *arena, which the caller frees
 * with the event. 0; -ENOMSG: a kind we don't know; -EINVAL: not an event.
 */
int codec_decode(json_t *object, union event *event, char **arena);

/* Foreign bytes as a JSON string (bytes that are no UTF-8 become "\\xNN"), and NUL-separated argv as
 * an array of them. New references. */
json_t *codec_text(const char *text, size_t length);
json_t *codec_argv(const char *argv, size_t length);

#endif
