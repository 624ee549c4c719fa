/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * search_table.c - the rows that /usage shows, as a table.
 */
#include "search_table.h"

#include "columns.h"
#include "source/usage_key.h"
#include "words/clean.h"
#include "usage.pb-c.h"

#include <string.h>

static const char *
title_of(const struct rd_locale *l, Om__Dimension group, const char *key)
{
	const struct {
		Om__Dimension group;
		const char *title;
	} titles[] = {
	    {OM__DIMENSION__DIMENSION_DAY, l->day},
	    {OM__DIMENSION__DIMENSION_USER, l->user_id},
	    {OM__DIMENSION__DIMENSION_GROUP, l->group_title},
	    {OM__DIMENSION__DIMENSION_MODEL, l->model},
	    {OM__DIMENSION__DIMENSION_PROVIDER, l->provider},
	    {OM__DIMENSION__DIMENSION_ORIGIN, l->origin},
	    {OM__DIMENSION__DIMENSION_TASK, l->task},
	};

	for (size_t i = 0; i < sizeof titles / sizeof titles[0]; i++)
		if (titles[i].group == group)
			return titles[i].title;
	return key; /* hour, month, source: the same words as in the API */
}

static void
put_keys(
    struct rd_row *r, const struct rd_locale *l, struct om_arena *a, const Om__UsageReply *u, const Om__UsageRow *row)
{
	for (size_t i = 0; i < u->n_group_by; i++) {
		const char *key, *value = rd_usage_key(row, u->group_by[i], &key);
		om_day day = 0;

		if (u->group_by[i] == OM__DIMENSION__DIMENSION_USER)
			rd_put_text(r, "user_name", l->user, row != NULL ? rd_clean(a, row->user_name) : NULL);
		if (u->group_by[i] == OM__DIMENSION__DIMENSION_DAY)
			rd_put_day(r, key, l->day, value != NULL && om_day_parse(value, &day, NULL) == OM_OK, day);
		else
			rd_put_text(
			    r, key, title_of(l, u->group_by[i], key), value != NULL ? rd_clean(a, value) : NULL);
	}
}

static void
put_figures(struct rd_row *r, const struct rd_locale *l, const struct rd_figures *f)
{
	for (rd_figure i = 0; i < RD_N_FIGURES; i++)
		rd_put_figure(r, l, i, f);
}

/* overlaps tells whether a request may stand in several rows. */
static bool
overlaps(const Om__UsageReply *u)
{
	for (size_t i = 0; i < u->n_group_by; i++)
		if (u->group_by[i] == OM__DIMENSION__DIMENSION_GROUP)
			return true;
	return false;
}

om_status
rd_search_table_of_usage(
    const struct rd_locale *l, const Om__UsageReply *u, struct om_arena *a, struct rd_table *t, om_err *e)
{
	struct rd_column *columns = om_arena_array(a, RD_MAX_COLUMNS, sizeof *columns);
	struct rd_cell *total = om_arena_array(a, RD_MAX_COLUMNS, sizeof *total), *cells;
	struct rd_figures f = {.requests = 0}, sum;
	struct rd_row head = {columns, total, 0};
	size_t n = u->n_group_by > 0 ? u->n_rows : 1; /* without keys, the total alone */
	om_status s = rd_figures_read(u->total, &sum, e);

	if (s != OM_OK)
		return s;
	if (columns == NULL || total == NULL)
		return om_fail(e, OM_NOMEM, "out of memory");
	put_keys(&head, l, a, u, NULL);
	put_figures(&head, l, &sum);
	cells = om_arena_array(a, n * head.n + 1, sizeof *cells);
	if (cells == NULL)
		return om_fail(e, OM_NOMEM, "out of memory");
	for (size_t i = 0; s == OM_OK && i < n; i++) {
		struct rd_row r = {NULL, cells + i * head.n, 0};
		const Om__UsageRow *row = u->n_group_by > 0 ? u->rows[i] : NULL;

		s = rd_figures_read(row != NULL ? row->figures : u->total, &f, e);
		put_keys(&r, l, a, u, row);
		put_figures(&r, l, &f);
	}
	*t = (struct rd_table){
	    .name = "Usage",
	    .title = l->usage,
	    .empty = l->no_usage,
	    .columns = columns,
	    .n_columns = head.n,
	    .n_rows = n,
	    .cells = cells,
	    .total = u->n_group_by > 0 && !overlaps(u) && !u->truncated ? total : NULL,
	};
	return s == OM_OK && a->failed ? om_fail(e, OM_NOMEM, "out of memory") : s;
}
