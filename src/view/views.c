/* SPDX-License-Identifier: BSD-2-Clause */
/* views.c: the list of views. A new one is a file and a line here. */
#include <string.h>

#include "view/lines.h"

const struct view *const views[] = {&text_view, &lines_view, &json_view, &ndjson_view,
	&openmetrics_view, &html_view, &trace_view, NULL};

const struct view *view_find(const char *name)
{
	for (size_t i = 0; views[i]; i++)
		if (!strcmp(views[i]->name, name))
			return views[i];
	return NULL;
}
