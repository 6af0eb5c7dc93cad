/* SPDX-License-Identifier: BSD-2-Clause */
/* json.h: parts of the JSON report that have a file of their own. */
#ifndef VIEW_JSON_H
#define VIEW_JSON_H

#include <jansson.h>
#include <pgleaktrace/finding.h>
#include <pgleaktrace/model.h>

/* json_value.c: what the others write their facts with. A NULL text is left out. */
json_t *json_seconds(__u64 ns);
void json_set_text(json_t *to, const char *key, const char *value);
void json_set_id(json_t *to, const char *key, __u64 id);
void json_set_counts(json_t *to, const struct counts *counts);

/* json_process.c: who, and each connection. */
void json_set_exit(json_t *to, int exit_code);
json_t *json_server(const struct server_key *key, const char *path);
json_t *json_process(const struct process_row *row, const struct event_session *session);

/* json_findings.c: what is concluded. Findings of a group, or, for NULL, of none. */
json_t *json_finding(const struct finding *finding);
json_t *json_findings(const struct findings *findings, const struct group_row *group);
json_t *json_resolved(const struct resolution *resolution, const struct event_session *session);
void json_set_findings(
	json_t *to, const struct snapshot *snapshot, const struct findings *findings);

/* json_servers.c: what is known of the server behind a row; what is not is null. */
void json_set_instance(json_t *to, const struct server_row *row, const struct snapshot *snapshot);

#endif
