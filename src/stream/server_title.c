/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * server_title.c: a backend's title. Its anchor is the client's port, which the socket tells: what
 * stands before it are names, what follows is what the backend does.
 */
#include <stdio.h>
#include <string.h>

#include "stream/server_title.h"

#define PREFIX    "postgres: "
#define WALSENDER "walsender "

/* Copies a part that fits; one that does not stays unknown. */
static void take(char *to, const char *from, size_t length)
{
	if (length >= TITLE_TEXT)
		length = 0;
	memcpy(to, from, length);
	to[length] = 0;
}

/* Does the word at `word` end in "(port)", or is it "[local]"? */
static bool is_client(const char *word, size_t length, __u16 port)
{
	char tail[16];
	size_t n;

	if (!port)
		return length == 7 && !memcmp(word, "[local]", 7);
	n = (size_t)snprintf(tail, sizeof(tail), "(%u)", port);
	return length > n && !memcmp(word + length - n, tail, n);
}

/* The one word that names the client; NULL: none, or more than one. */
static const char *find_client(const char *text, __u16 port, size_t *length)
{
	const char *found = NULL;

	for (const char *at = text; *at;) {
		size_t n = strcspn(at, " ");

		if (is_client(at, n, port)) {
			if (found)
				return NULL;
			found = at;
			*length = n;
		}
		at += n;
		at += strspn(at, " ");
	}
	return found;
}

/* Steps over "cluster: "; false: the names begin somewhere else than we can tell. */
static bool skip_cluster(const char **names, const char *end, const char *cluster)
{
	size_t length = cluster ? strlen(cluster) : 0;
	const char *colon;

	if (cluster && !length)
		return true;
	if (cluster) {
		if ((size_t)(end - *names) < length + 2 || memcmp(*names, cluster, length) ||
			memcmp(*names + length, ": ", 2))
			return false;
		*names += length + 2;
		return true;
	}
	colon = memmem(*names, (size_t)(end - *names), ": ", 2);
	if (!colon)
		return true;
	*names = colon + 2;
	return !memmem(*names, (size_t)(end - *names), ": ", 2);
}

/* "user database", or only "user" of physical replication. A third word makes both doubtful. */
static void take_names(struct title *out, const char *names, const char *end)
{
	const char *space = memchr(names, ' ', (size_t)(end - names));

	if (!space) {
		if (out->walsender)
			take(out->user, names, (size_t)(end - names));
		return;
	}
	if (memchr(space + 1, ' ', (size_t)(end - space - 1)))
		return;
	take(out->user, names, (size_t)(space - names));
	take(out->database, space + 1, (size_t)(end - space - 1));
}

bool title_parse(struct title *out, const char *title, const char *cluster, __u16 port)
{
	const char *names = title + strlen(PREFIX), *client, *end;
	size_t length = 0;

	memset(out, 0, sizeof(*out));
	if (strncmp(title, PREFIX, strlen(PREFIX)))
		return false;
	client = find_client(names, port, &length);
	if (!client || client == names)
		return false;
	end = client - 1;
	if (!skip_cluster(&names, end, cluster))
		return false;
	if ((size_t)(end - names) > strlen(WALSENDER) &&
		!strncmp(names, WALSENDER, strlen(WALSENDER))) {
		out->walsender = true;
		names += strlen(WALSENDER);
	}
	take_names(out, names, end);
	client += length;
	client += strspn(client, " ");
	length = strlen(client);
	while (length && client[length - 1] == ' ')
		length--;
	take(out->activity, client, length);
	return true;
}
