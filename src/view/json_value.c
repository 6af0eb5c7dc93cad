/* SPDX-License-Identifier: BSD-2-Clause */
/* json_value.c: values as every part of the report writes them. */
#include <stdio.h>
#include <string.h>

#include "base/codec.h"
#include "base/ns.h"
#include "view/json.h"

json_t *json_seconds(__u64 ns)
{
	return json_real((double)(ns / MILLISECOND) / 1000.0);
}

void json_set_text(json_t *to, const char *key, const char *value)
{
	if (value)
		json_object_set_new(to, key, codec_text(value, strlen(value)));
}

void json_set_id(json_t *to, const char *key, __u64 id)
{
	char number[24];

	snprintf(number, sizeof(number), "%llu", (unsigned long long)id);
	json_object_set_new(to, key, json_string(number));
}

void json_set_counts(json_t *to, const struct counts *counts)
{
	for (size_t i = 0; i < count_field_count; i++) {
		__u64 n = count_fields[i].get(counts);

		json_object_set_new(to, count_fields[i].name,
			count_fields[i].is_age ? json_seconds(n) : json_integer((json_int_t)n));
	}
}
