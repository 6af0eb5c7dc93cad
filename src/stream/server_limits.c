/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * server_limits.c: see server_limits.h. PostgreSQL takes a setting from its command line, else from
 * postgresql.auto.conf, else from postgresql.conf and what it includes, else its default; none of
 * the settings read here can change while it runs. So a file is believed only if it has not been
 * touched since the server read it.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/ns.h"
#include "stream/below.h"
#include "stream/server_conf.h"
#include "stream/server_limits.h"

#define FILE_MOST (1u << 20)
#define READ_ONLY (O_RDONLY | O_NONBLOCK | O_NOCTTY) /* of what may be a pipe or a terminal */

static int read_all(int fd, char *buffer, size_t size, size_t *length)
{
	ssize_t n;

	*length = 0;
	while (*length < size && (n = read(fd, buffer + *length, size - *length)) != 0) {
		if (n < 0 && errno != EINTR)
			return -errno;
		*length += n > 0 ? (size_t)n : 0;
	}
	return 0;
}

int server_file_read(int directory, const char *path, char **text, size_t *length, __u64 *changed)
{
	int fd = below_open(directory, path, READ_ONLY), error;
	struct stat st;

	if (fd < 0)
		return fd;
	error = fstat(fd, &st) ? -errno : !S_ISREG(st.st_mode) ? -EINVAL : 0;
	if (!error && st.st_size > (off_t)FILE_MOST)
		error = -EFBIG;
	if (!error) {
		*text = xcalloc(1, (size_t)st.st_size + 1);
		error = read_all(fd, *text, (size_t)st.st_size, length);
		if (error)
			free(*text);
	}
	if (!error && changed)
		*changed = (__u64)st.st_ctim.tv_sec * SECOND + (__u64)st.st_ctim.tv_nsec;
	close(fd);
	return error;
}

/* Castagnoli's CRC, bit by bit: 300 bytes once per server. */
static __u32 crc32c(const unsigned char *bytes, size_t length)
{
	__u32 crc = 0xffffffff;

	for (size_t i = 0; i < length; i++) {
		crc ^= bytes[i];
		for (int bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (crc & 1 ? 0x82f63b78 : 0);
	}
	return ~crc;
}

/* pg_control of 64-bit builds; between the versions only its end has moved. */
static const struct layout {
	__u32 version; /* pg_control_version */
	size_t crc;
} layouts[] = {
	{1300, 288}, /* PostgreSQL 13 to 17 */
	{1800, 292}, /* 18 */
};
#define CONTROL_VERSION         8
#define CONTROL_STATE           16
#define CONTROL_MAX_CONNECTIONS 180
#define CONTROL_MAX_ALIGN       204
#define CONTROL_FLOAT           208
#define STATE_IN_PRODUCTION     6

static __u32 number_at(const char *bytes, size_t offset)
{
	__u32 n;

	memcpy(&n, bytes + offset, sizeof(n));
	return n;
}

int control_parse(struct control *out, const void *bytes, size_t size)
{
	const struct layout *layout = NULL;
	double real;

	for (size_t i = 0; i < sizeof(layouts) / sizeof(layouts[0]); i++)
		if (size >= layouts[i].crc + 4 &&
			number_at(bytes, CONTROL_VERSION) == layouts[i].version)
			layout = &layouts[i];
	if (!layout || number_at(bytes, layout->crc) != crc32c(bytes, layout->crc))
		return -EINVAL;
	memcpy(&real, (const char *)bytes + CONTROL_FLOAT, sizeof(real));
	if (number_at(bytes, CONTROL_MAX_ALIGN) != 8 || real < 1234566.5 || real > 1234567.5)
		return -EINVAL; /* another architecture's alignment */
	out->max_connections = (__s32)number_at(bytes, CONTROL_MAX_CONNECTIONS);
	out->in_production = number_at(bytes, CONTROL_STATE) == STATE_IN_PRODUCTION;
	return out->max_connections > 0 ? 0 : -EINVAL;
}

void server_limits_control(struct server_limits *limits, const struct server_place *place)
{
	struct control control;
	char *bytes;
	size_t length;

	if (server_file_read(place->data, "global/pg_control", &bytes, &length, NULL))
		return;
	if (!control_parse(&control, bytes, length) && control.in_production) {
		limits->max_connections = control.max_connections;
		limits->source = "pg_control";
	}
	free(bytes);
}

static __u32 read_version(const struct server_place *place)
{
	char *text;
	size_t length;
	unsigned long version;

	if (server_file_read(place->data, "PG_VERSION", &text, &length, NULL))
		return 0;
	version = strtoul(text, NULL, 10);
	free(text);
	return version < 1000 ? (__u32)version : 0;
}

/* A configuration being read: what is set, where, and whether all of it could be read. */
struct reading {
	const struct server_place *place;
	struct settings *settings;
	__u64 when; /* the server had read it by then; ns since 1970 */
};

/* It writes postmaster.opts once, right after it has read its configuration. Its own start says
 * less: in a container the same process has often written that configuration before its exec. */
static __u64 reading_time(const struct server_place *place)
{
	int fd = below_open(place->data, "postmaster.opts", READ_ONLY);
	__u64 written = 0;
	struct stat st;

	if (fd < 0)
		return place->started;
	if (!fstat(fd, &st) && S_ISREG(st.st_mode))
		written = (__u64)st.st_mtim.tv_sec * SECOND + (__u64)st.st_mtim.tv_nsec;
	close(fd);
	/* One of an earlier run: this server is just about to write its own. */
	return written > place->started ? written : place->started;
}

static int conf_read(struct reading *r, int directory, const char *path, int depth);

static int by_name(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name); /* as PostgreSQL sorts them */
}

static int is_conf(const struct dirent *entry)
{
	size_t n = strlen(entry->d_name);

	return entry->d_name[0] != '.' && n > 5 && !strcmp(entry->d_name + n - 5, ".conf");
}

static int conf_read_folder(struct reading *r, int directory, const char *path, int depth)
{
	int fd = below_open(directory, path, READ_ONLY | O_DIRECTORY), error = 0;
	struct dirent **entries;
	char self[32];
	struct stat st;
	int n;

	if (fd < 0)
		return fd;
	/* An entry that came or went leaves its mark on the folder. */
	if (fstat(fd, &st) ||
		(__u64)st.st_ctim.tv_sec * SECOND + (__u64)st.st_ctim.tv_nsec > r->when)
		error = -ESTALE;
	snprintf(self, sizeof(self), "/proc/self/fd/%d", fd);
	n = scandir(self, &entries, is_conf, by_name);
	close(fd);
	for (int i = 0; i < n; i++) {
		char *child = xasprintf("%s/%s", path, entries[i]->d_name);
		int failed = conf_read(r, directory, child, depth + 1);

		if (failed)
			error = failed;
		free(child);
		free(entries[i]);
	}
	if (n >= 0)
		free(entries);
	return n < 0 ? -errno : error;
}

/* A path in a configuration file is relative to that file. */
static char *path_beside(const char *file, const char *path)
{
	const char *slash = strrchr(file, '/');

	if (*path == '/' || !slash)
		return xstrdup(path);
	return xasprintf("%.*s/%s", (int)(slash - file), file, path);
}

static int conf_include(
	struct reading *r, int directory, const char *file, const struct conf_line *line, int depth)
{
	char *path = path_beside(file, line->value);
	int from = *line->value == '/' ? r->place->root : directory, error;

	if (!strcasecmp(line->name, "include_dir"))
		error = conf_read_folder(r, from, path, depth);
	else
		error = conf_read(r, from, path, depth + 1);
	if (error == -ENOENT && !strcasecmp(line->name, "include_if_exists"))
		error = 0;
	free(path);
	return error;
}

static int conf_read(struct reading *r, int directory, const char *path, int depth)
{
	struct conf_line line;
	const char *at;
	char *text;
	size_t length;
	__u64 changed;
	int error, result = 0;

	if (depth > 10)
		return -ELOOP; /* PostgreSQL's own limit */
	error = server_file_read(directory, path, &text, &length, &changed);
	if (error)
		return error;
	if (changed > r->when)
		result = -ESTALE;
	for (at = text; (error = conf_next(&at, &line)) != 0;) {
		if (error < 0)
			result = error;
		else if (conf_is_include(&line))
			error = conf_include(r, directory, path, &line, depth);
		else
			settings_put(r->settings, line.name, line.value);
		if (error < 0)
			result = error;
	}
	free(text);
	return result;
}

/* postgresql.conf lies where config_file says, else in -D, else in the data directory. */
static int conf_read_main(struct reading *r, const struct settings *command)
{
	const char *file = command->value[SETTING_CONFIG_FILE];
	const char *folder = command->value[SETTING_FOLDER];
	char *path;
	int error;

	if (file && *file)
		return *file == '/' ? conf_read(r, r->place->root, file, 0) : -ENOENT;
	if (!folder || *folder != '/')
		return conf_read(r, r->place->data, "postgresql.conf", 0);
	path = xasprintf("%s/postgresql.conf", folder);
	error = conf_read(r, r->place->root, path, 0);
	free(path);
	return error;
}

struct level {
	const char *name;
	struct settings settings;
	bool doubt; /* it may say more than could be read, or other than when the server started */
};
enum { COMMAND, AUTO, MAIN, LEVELS };

/* What a setting is, by the first level that has it; NULL: not known. */
static const char *setting_find(
	const struct level *levels, enum setting which, const char *preset, const char **source)
{
	for (int i = 0; i < LEVELS; i++) {
		if (levels[i].doubt)
			return NULL;
		if (levels[i].settings.value[which]) {
			*source = levels[i].name;
			return levels[i].settings.value[which];
		}
	}
	*source = "default";
	return preset;
}

static __s32 number_find(
	const struct level *levels, enum setting which, const char *preset, const char **source)
{
	const char *text = setting_find(levels, which, preset, source);
	char *end;
	long n;

	if (!text)
		return -1;
	errno = 0;
	n = strtol(text, &end, 0);
	if (errno || end == text || *end || n < 0 || n > 262143)
		return -1;
	return (__s32)n;
}

static void limits_from(struct server_limits *out, const struct level *levels)
{
	const char *source = NULL, *ignored, *cluster;
	__s32 super = number_find(levels, SETTING_SUPERUSER_RESERVED, "3", &ignored);
	__s32 other = out->version < 16 ? 0 : number_find(levels, SETTING_RESERVED, "0", &ignored);

	out->max_connections = number_find(levels, SETTING_MAX_CONNECTIONS, "100", &source);
	out->source = out->max_connections < 0 ? NULL : source;
	out->reserved = super < 0 || other < 0 ? -1 : super + other;
	cluster = setting_find(levels, SETTING_CLUSTER_NAME, "", &ignored);
	out->cluster_known = cluster && strlen(cluster) < sizeof(out->cluster);
	if (out->cluster_known)
		snprintf(out->cluster, sizeof(out->cluster), "%s", cluster);
}

void server_limits_read(struct server_limits *out, const struct server_place *place)
{
	struct level levels[LEVELS] = {[COMMAND] = {.name = "command line"},
		[AUTO] = {.name = "postgresql.auto.conf"},
		[MAIN] = {.name = "postgresql.conf"}};
	__u64 when = reading_time(place);
	struct reading automatic = {place, &levels[AUTO].settings, when};
	struct reading main = {place, &levels[MAIN].settings, when};
	int error;

	memset(out, 0, sizeof(*out));
	out->max_connections = out->reserved = -1;
	out->version = read_version(place);
	if (!out->version)
		return;
	levels[COMMAND].doubt =
		!settings_argv(&levels[COMMAND].settings, place->argv, place->argv_length);
	error = conf_read(&automatic, place->data, "postgresql.auto.conf", 0);
	levels[AUTO].doubt = error && error != -ENOENT;
	levels[MAIN].doubt = conf_read_main(&main, &levels[COMMAND].settings) != 0;
	limits_from(out, levels);
	server_limits_control(out, place);
	for (int i = 0; i < LEVELS; i++)
		settings_free(&levels[i].settings);
}
