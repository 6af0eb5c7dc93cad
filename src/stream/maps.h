/* SPDX-License-Identifier: BSD-2-Clause */
/* maps.h: the shared objects that a process has mapped. */
#ifndef STREAM_MAPS_H
#define STREAM_MAPS_H

/* Calls `found` for each file with ".so" in its path that is mapped, at least once; `file` is
 * /proc/PID/maps. A process with tens of thousands of mappings is not read to the end. */
void maps_each(const char *file, void (*found)(void *data, const char *path), void *data);

#endif
