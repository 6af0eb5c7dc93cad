/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * live_places.c: where the servers of unix sockets lie: the paths that their keys stand for, and the key
 * that a path stands for, which only following it can tell (bpf/unix_asked.bpf.c).
 */
#include <bpf/bpf.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/mem.h"
#include "stream/below.h"
#include "stream/live_state.h"

/* The value of unix_places and unix_names in bpf/unix_name.bpf.c. */
#define PLACE_ROOM 128

/* Names looked for in one look: as many as unix_asked has room for. */
#define ASKED_MOST 1024

/* Behind the hash in the key of a name, as seen_by() of bpf/unix_asked.bpf.c writes it. */
struct view {
	__u32 mount_namespace;
	__u32 root; /* number of its inode */
};

/* A place that was told. */
struct live_place {
	struct server_key key;
	UT_hash_handle hh;
};

static struct view view_of(const struct server_key *key)
{
	struct view view;

	memcpy(&view, key->address + 8, sizeof(view));
	return view;
}

static bool place_read(struct live *live, const struct server_key *key, char *path)
{
	struct server_key name = *key;

	memset(path, 0, PLACE_ROOM + 1);
	if (!bpf_map_lookup_elem(live->places, key, path) ||
		!bpf_map_lookup_elem(live->names, key, path))
		return true;
	memset(name.address + 8, 0, sizeof(struct view));
	return !bpf_map_lookup_elem(live->names, &name, path);
}

void live_unix_place(struct live *live, const struct server_key *key)
{
	union event event = {
		.place = {.head = {EVENT_PLACE, sizeof(event.place), live_now()}, .key = *key}};
	struct live_place *told;
	char path[PLACE_ROOM + 1], *arena;

	if (key->family != AF_UNIX)
		return;
	HASH_FIND(hh, live->told, key, sizeof(*key), told);
	if (told || !place_read(live, key, path))
		return;
	told = xcalloc(1, sizeof(*told));
	told->key = *key;
	HASH_ADD(hh, live->told, key, sizeof(told->key), told);
	if (!path[0])
		path[0] = '@'; /* abstract, as ss and netstat show it */
	event.place.path = arena = xstrdup(path);
	live_push_owned(live, &event, arena);
}

void live_unix_free(struct live *live)
{
	struct live_place *place, *next;

	HASH_ITER (hh, live->told, place, next) {
		HASH_DEL(live->told, place);
		free(place);
	}
}

/* A process's number of what a name in /proc/PID leads to; 0: it is gone, or not to be asked. */
static __u32 number_of(const char *pid, const char *name)
{
	char path[64];
	struct stat st;

	snprintf(path, sizeof(path), "/proc/%s/%s", pid, name);
	return stat(path, &st) ? 0 : (__u32)st.st_ino;
}

static int root_open(const char *pid)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%s/root", pid);
	return open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
}

/* The root below which a name is seen as whoever asked saw it: theirs or, when they are gone, ours if
 * that is the same. -1: nobody is left to ask. */
static int root_of(struct view view, __u32 asker)
{
	char pid[16];

	snprintf(pid, sizeof(pid), "%u", asker);
	if (!view.mount_namespace || number_of(pid, "ns/mnt") == view.mount_namespace)
		return root_open(pid);
	if (number_of("self", "ns/mnt") == view.mount_namespace &&
		number_of("self", "root") == view.root)
		return root_open("self");
	return -1;
}

/* Of the folder that a path lies in, followed below the root of whoever named it. */
static int folder_of(const char *path, int root, struct stat *st)
{
	char folder[PLACE_ROOM + 1];
	const char *slash = strrchr(path, '/');
	int fd, error = -1;

	snprintf(folder, sizeof(folder), "%.*s", (int)(slash - path), path);
	fd = below_walked(root, *folder ? folder : "/", O_PATH | O_DIRECTORY);
	if (fd >= 0) {
		error = fstat(fd, st);
		close(fd);
	}
	return error;
}

/* As folder_key() of bpf/unix_name.bpf.c. */
static void key_by_folder(struct server_key *key, const struct stat *st)
{
	__u64 number = st->st_ino;
	__u32 device = major(st->st_dev) << 20 | minor(st->st_dev); /* as the kernel keeps it */

	memset(key->address, 0, sizeof(key->address));
	memcpy(key->address, &number, sizeof(number));
	memcpy(key->address + 8, &device, sizeof(device));
}

bool live_unix_find(struct live *live, struct server_key *key, __u32 pid)
{
	char path[PLACE_ROOM + 1];
	struct stat st;
	int root, error;

	if (!place_read(live, key, path) || path[0] != '/')
		return false;
	root = root_of(view_of(key), pid);
	if (root < 0)
		return false;
	error = folder_of(path, root, &st);
	close(root);
	if (error)
		return false;
	key_by_folder(key, &st);
	bpf_map_update_elem(live->names, key, path, BPF_NOEXIST);
	return true;
}

void live_unix_resolve(struct live *live)
{
	int asked = bpf_map__fd(live->skel->maps.unix_asked);
	int known = bpf_map__fd(live->skel->maps.unix_known);
	struct server_key name, server;
	__u32 pid;

	for (int i = 0; i < ASKED_MOST && !bpf_map_get_next_key(asked, NULL, &name); i++) {
		if (bpf_map_lookup_elem(asked, &name, &pid) || bpf_map_delete_elem(asked, &name))
			return;
		server = name;
		if (live_unix_find(live, &server, pid))
			bpf_map_update_elem(known, &name, &server, BPF_NOEXIST);
	}
}
