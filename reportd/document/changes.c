/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * changes.c - the largest changes since the month before; only the month's report has
 * them.
 */
#include "statement_in.h"
#include "words/clean.h"
#include "statement.pb-c.h"
#include "usage.pb-c.h"

#include <stdlib.h>
#include <string.h>

#define MOST_CHANGES 8

/* Rows of both months, each by its key; a key's row of one month may be absent. */
struct change {
	const char *key;
	const char *name;  /* clean */
	const char *under; /* clean; NULL: nothing beneath */
	om_money now, before;
	om_money size; /* of the difference */
};

struct changes {
	struct change *at;
	size_t n;
};

static int
by_key(const void *a, const void *b)
{
	return strcmp(((const struct change *)a)->key, ((const struct change *)b)->key);
}

static int
by_size(const void *a, const void *b)
{
	const struct change *x = a, *y = b;
	int order = om_money_cmp(y->size, x->size);

	return order != 0 ? order : strcmp(x->key, y->key);
}

static om_status
add_rows(struct rd_maker *m, bool users, Om__UsageRow **rows, size_t n, bool before, struct changes *c, om_err *e)
{
	for (size_t i = 0; i < n; i++) {
		const Om__UsageRow *u = rows[i];
		struct change *at = &c->at[c->n++];
		struct rd_figures f;
		om_status s = rd_figures_read(u->figures, &f, e);

		if (s != OM_OK)
			return s;
		at->key = users ? u->user : u->model;
		at->key = at->key != NULL ? at->key : "";
		at->name = users ? rd_user_name(m, u) : rd_model_name(m, u);
		at->under = users ? rd_clean(m->arena, u->user) : NULL;
		*(before ? &at->before : &at->now) = f.cost;
	}
	return OM_OK;
}

/* merge makes one change of all rows with the same key: a model may come from
 * several providers. */
static om_status
merge(struct changes *c, om_err *e)
{
	size_t n = 0;

	qsort(c->at, c->n, sizeof *c->at, by_key);
	for (size_t i = 0; i < c->n; i++) {
		struct change *last = n > 0 ? &c->at[n - 1] : NULL;

		if (last == NULL || strcmp(last->key, c->at[i].key) != 0)
			c->at[n++] = c->at[i];
		else if (om_money_add(last->now, c->at[i].now, &last->now) != OM_OK ||
		    om_money_add(last->before, c->at[i].before, &last->before) != OM_OK)
			return om_fail(e, OM_INTERNAL, "the costs are too large to compare");
	}
	c->n = n;
	for (size_t i = 0; i < n; i++) {
		if (om_money_sub(c->at[i].now, c->at[i].before, &c->at[i].size) != OM_OK)
			return om_fail(e, OM_INTERNAL, "the costs are too large to compare");
		if (om_money_is_negative(c->at[i].size))
			c->at[i].size.v = -c->at[i].size.v;
	}
	qsort(c->at, n, sizeof *c->at, by_size);
	while (c->n > 0 && om_money_is_zero(c->at[c->n - 1].size))
		c->n--;
	c->n = c->n < MOST_CHANGES ? c->n : MOST_CHANGES;
	return OM_OK;
}

static void
put_change(struct rd_row *r, struct rd_maker *m, bool users, const struct change *c)
{
	const struct rd_locale *t = m->locale;
	om_money diff = {c->now.v - c->before.v};

	rd_put_text(r, users ? "user" : "model", users ? t->user : t->model, c->name);
	if (users)
		rd_put_under(r, "user_id", t->user_id, c->under);
	rd_put_money(r, "before", t->before_usd, c->before);
	rd_put_money(r, "cost", t->cost_usd, c->now);
	rd_put_money(r, "change", t->change_usd, diff);
	rd_put_text(r, "change_percent", t->change, rd_change_text(m, c->now, c->before));
	if (r->columns != NULL)
		r->columns[r->n - 1].right = true;
}

static om_status
make_changes(struct rd_maker *m, bool users, struct rd_table *out, bool *made_out, om_err *e)
{
	const Om__StatementReply *r = m->reply;
	Om__UsageRow **now = users ? r->users : r->models, **before = users ? r->previous_users : r->previous_models;
	size_t n_now = users ? r->n_users : r->n_models, n_before = users ? r->n_previous_users : r->n_previous_models;
	struct changes c = {om_arena_array(m->arena, n_now + n_before + 1, sizeof *c.at), 0};
	struct rd_column *columns = om_arena_array(m->arena, RD_MAX_COLUMNS, sizeof *columns);
	struct rd_row head = {columns, NULL, 0};
	const struct change none = {.key = ""};
	struct rd_cell *cells;
	om_status s;

	*made_out = false;
	if (c.at == NULL || columns == NULL)
		return om_fail(e, OM_NOMEM, "out of memory");
	s = add_rows(m, users, now, n_now, false, &c, e);
	if (s == OM_OK)
		s = add_rows(m, users, before, n_before, true, &c, e);
	if (s == OM_OK)
		s = merge(&c, e);
	if (s != OM_OK || c.n == 0)
		return s;
	put_change(&head, m, users, &none);
	cells = om_arena_array(m->arena, c.n * head.n, sizeof *cells);
	if (cells == NULL)
		return om_fail(e, OM_NOMEM, "out of memory");
	for (size_t i = 0; i < c.n; i++) {
		struct rd_row row = {NULL, cells + i * head.n, 0};

		put_change(&row, m, users, &c.at[i]);
	}
	*out = (struct rd_table){
	    .name = users ? "Changes users" : "Changes models",
	    .title = users ? m->locale->changes_users : m->locale->changes_models,
	    .remark = rd_fill(m->arena, m->locale->changes_remark, rd_month_before(m)),
	    .empty = m->locale->no_usage,
	    .columns = columns,
	    .n_columns = head.n,
	    .n_rows = c.n,
	    .cells = cells,
	    .page_only = true,
	};
	*made_out = true;
	return m->arena->failed ? om_fail(e, OM_NOMEM, "out of memory") : OM_OK;
}

om_status
rd_changes_make(struct rd_maker *m, struct rd_table *out, size_t *n_out, om_err *e)
{
	const Om__StatementReply *r = m->reply;
	const bool known[] = {r->n_previous_models > 0, r->n_previous_users > 0}; /* else there is nothing to compare */

	*n_out = 0;
	for (int users = 1; users >= 0; users--) {
		bool made = false;
		om_status s = OM_OK;

		if (known[users])
			s = make_changes(m, users == 1, &out[*n_out], &made, e);
		if (s != OM_OK)
			return s;
		*n_out += made ? 1 : 0;
	}
	return OM_OK;
}
