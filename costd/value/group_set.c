/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "group_set.h"

#include "base/invariant.h"
#include "base/json.h"

#include <stdlib.h>
#include <string.h>

#define TEXT_BYTES ((size_t)1024 * 1024)

static int
cmp(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

const char *
cd_group_set_text(char *const *groups, size_t n, struct om_arena *a)
{
	char **sorted = om_arena_array(a, n + 1, sizeof *sorted);
	const char *text = NULL, *last = "";
	struct om_buf b;
	struct om_jw w;
	size_t kept = 0;

	if (sorted == NULL)
		return NULL;
	for (size_t i = 0; i < n; i++)
		sorted[i] = groups[i];
	if (n > 1)
		qsort(sorted, n, sizeof *sorted, cmp);
	om_buf_init(&b, TEXT_BYTES);
	om_jw_init(&w, &b);
	om_jw_open(&w, '[');
	for (size_t i = 0; i < n; i++) {
		if (strcmp(sorted[i], last) == 0)
			continue;
		om_jw_text(&w, sorted[i]);
		last = sorted[i];
		kept++;
	}
	om_check(kept <= n);
	om_jw_close(&w, ']');
	if (kept == 0)
		text = "";
	else if (om_buf_done(&b, NULL) == OM_OK)
		text = om_arena_strndup(a, b.data, b.len);
	om_buf_fini(&b);
	return text;
}

om_status
cd_group_set_read(const char *text, size_t n, char ***groups_out, size_t *n_out, struct om_arena *a, om_err *e)
{
	json_t *list = NULL;
	om_status s = OM_OK;

	*groups_out = NULL;
	*n_out = 0;
	if (text == NULL || n == 0)
		return OM_OK;
	s = om_json_parse(text, n, &list, e);
	if (s != OM_OK)
		return s;
	*groups_out = om_arena_array(a, json_array_size(list) + 1, sizeof **groups_out);
	for (size_t i = 0; *groups_out != NULL && i < json_array_size(list); i++) {
		const char *g = json_string_value(json_array_get(list, i));

		if (g != NULL)
			(*groups_out)[(*n_out)++] = om_arena_strdup(a, g);
	}
	json_decref(list);
	return a->failed ? om_fail(e, OM_NOMEM, "out of memory") : OM_OK;
}
