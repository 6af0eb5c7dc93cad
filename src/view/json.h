/* SPDX-License-Identifier: BSD-2-Clause */
/* json.h: parts of the JSON report that have a file of their own. */
#ifndef VIEW_JSON_H
#define VIEW_JSON_H

#include <jansson.h>
#include <pgleaktrace/model.h>

/* json_servers.c: what is known of the server behind a row; what is not is null. */
void json_set_instance(json_t *to, const struct server_row *row, const struct snapshot *snapshot);

#endif
