/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * tables.c - the tables of a document.  Each adds its rows up while it makes
 * them and compares with costd's total.
 */
#include "columns.h"
#include "statement_in.h"
#include "words/clean.h"
#include "statement.pb-c.h"
#include "usage.pb-c.h"
#include "base/invariant.h"

#include <string.h>

/* ---- columns ---- */

/* hide keeps a column from the page when the table is too wide with it. */
static void
hide(struct rd_row *r, bool yes)
{
	if (r->columns != NULL && yes)
		r->columns[r->n - 1].sheet_only = true;
}

/* Where a figure's column stands: on the page too, there only while the table is not too
 * wide, or on the sheet alone. */
typedef enum where { ON_SHEET, ON_PAGE, ON_WIDE_PAGE } where;

static const struct {
	bool always; /* false: only when the month has any */
	where where;
} rules[RD_N_FIGURES] = {
    [RD_FIGURE_requests] = {true, ON_PAGE},
    [RD_FIGURE_prompt_tokens] = {true, ON_PAGE},
    [RD_FIGURE_cached_tokens] = {true, ON_WIDE_PAGE},
    [RD_FIGURE_cache_write_tokens] = {true, ON_SHEET},
    [RD_FIGURE_reasoning_tokens] = {true, ON_WIDE_PAGE},
    [RD_FIGURE_completion_tokens] = {true, ON_PAGE},
    [RD_FIGURE_unsettled] = {false, ON_PAGE},
    [RD_FIGURE_disputed_cost] = {false, ON_PAGE},
    [RD_FIGURE_byok_cost] = {false, ON_PAGE},
    [RD_FIGURE_cost] = {true, ON_PAGE},
};

/* put_figures: narrow leaves details out on a page. */
static void
put_figures(struct rd_row *r, const struct rd_maker *m, const struct rd_figures *f, bool narrow)
{
	for (rd_figure i = 0; i < RD_N_FIGURES; i++) {
		if (!rules[i].always && rd_figure_is_zero(&m->total, i))
			continue;
		rd_put_figure(r, m->locale, i, f);
		hide(r, rules[i].where == ON_SHEET || (rules[i].where == ON_WIDE_PAGE && narrow));
	}
}

/* ---- tables over UsageRow ---- */

typedef enum rows_of { OF_MODELS, OF_DAYS, OF_USERS, OF_USER_MODELS, OF_GROUPS } rows_of;

struct source {
	rows_of of;
	const char *name, *title, *remark, *parts;
	Om__UsageRow **rows; /* NULL among them: no usage */
	size_t n;
	const bool *quiet;
	const struct rd_figures *total; /* what the rows add up to; NULL: they overlap */
};

static void
put_keys(struct rd_row *r, struct rd_maker *m, rows_of of, const Om__UsageRow *u, size_t i)
{
	const struct rd_locale *t = m->locale;

	if (of == OF_DAYS) {
		rd_put_day(r, "day", t->day, i < m->n_days, m->reply->from_day + (om_day)i);
		return;
	}
	if (of == OF_GROUPS) {
		const char *group = u != NULL ? rd_clean(m->arena, u->group) : NULL;

		rd_put_text(r, "group", t->group_title, group != NULL && group[0] == '\0' ? t->no_group : group);
		return;
	}
	if (of == OF_USERS || of == OF_USER_MODELS) {
		rd_put_text(r, "user", t->user, u != NULL ? rd_user_name(m, u) : NULL);
		rd_put_under(r, "user_id", t->user_id, u != NULL ? rd_clean(m->arena, u->user) : NULL);
	}
	if (of == OF_MODELS || of == OF_USER_MODELS) {
		rd_put_text(r, "model", t->model, u != NULL ? rd_model_name(m, u) : NULL);
		rd_put_under(r, "provider", t->provider, u != NULL ? rd_clean(m->arena, u->provider) : NULL);
	}
}

/* spread_days puts the days with usage among all days of the month, NULL for
 * the others, and notes the chart's amounts. */
static om_status
spread_days(struct rd_maker *m, Om__UsageRow ***rows_out, bool **quiet_out, om_err *e)
{
	const Om__StatementReply *r = m->reply;
	Om__UsageRow **rows = om_arena_array(m->arena, m->n_days, sizeof(void *));
	bool *quiet = om_arena_array(m->arena, m->n_days, sizeof *quiet);
	struct rd_figures f;
	om_day day;

	if (rows == NULL || quiet == NULL)
		return om_fail(e, OM_NOMEM, "out of memory");
	memset(quiet, true, m->n_days * sizeof *quiet);
	for (size_t i = 0; i < r->n_days; i++) {
		const char *text = r->days[i]->day;
		om_status s = rd_figures_read(r->days[i]->figures, &f, e);

		if (s != OM_OK)
			return s;
		if (text == NULL || om_day_parse(text, &day, NULL) != OM_OK || day < r->from_day || day >= r->to_day ||
		    rows[day - r->from_day] != NULL)
			return om_fail(e, OM_PROTOCOL, "costd sent a day twice, or one of another month: %.40s",
			    text != NULL ? text : "none");
		rows[day - r->from_day] = r->days[i];
		quiet[day - r->from_day] = false;
		m->days[day - r->from_day] = f.cost;
	}
	*rows_out = rows;
	*quiet_out = quiet;
	return OM_OK;
}

static bool
charged(const struct rd_maker *m)
{
	return !om_money_is_zero(m->terms->fee) || rd_terms_mark_up(m->terms);
}

static om_status
put_charges(struct rd_row *r, struct rd_maker *m, const struct rd_charges *c, om_err *e)
{
	om_money markup;

	if (om_money_add(c->markup, c->token_markup, &markup) != OM_OK)
		return om_fail(e, OM_INTERNAL, "the charges are too large to add up");
	if (!om_money_is_zero(m->terms->fee))
		rd_put_money(r, "minimum_charge", m->locale->minimum_charge_usd, c->fee);
	if (rd_terms_mark_up(m->terms))
		rd_put_money(r, "markup", m->locale->markup_usd, markup);
	rd_put_money(r, "total", m->locale->total_usd, c->net);
	return OM_OK;
}

/* put_row makes the cells of one row and adds it to the sums. */
static om_status
put_row(
    struct rd_maker *m, const struct source *src, size_t i, struct rd_cell *cells, struct rd_figures *sum, om_err *e)
{
	const Om__UsageRow *u = src->rows[i];
	struct rd_figures f = {.requests = 0};
	struct rd_row r = {NULL, cells, 0};
	struct rd_charges c;
	om_status s = OM_OK;

	if (u != NULL)
		s = rd_figures_read(u->figures, &f, e);
	if (s == OM_OK)
		s = rd_figures_add(sum, &f, e);
	if (s == OM_OK && src->of == OF_USERS)
		s = rd_charges_of(m->terms, &f, &c, e);
	if (s == OM_OK && src->of == OF_USERS)
		s = rd_charges_add(&m->charges, &c, e);
	if (s != OM_OK)
		return s;
	put_keys(&r, m, src->of, u, i);
	put_figures(&r, m, &f, false);
	return src->of == OF_USERS && charged(m) ? put_charges(&r, m, &c, e) : OM_OK;
}

static om_status
make_usage(struct rd_maker *m, const struct source *src, struct rd_table *t, om_err *e)
{
	static const struct rd_charges none;
	bool with_charges = src->of == OF_USERS && charged(m);
	struct rd_column *columns = om_arena_array(m->arena, RD_MAX_COLUMNS, sizeof *columns);
	struct rd_cell *total = om_arena_array(m->arena, RD_MAX_COLUMNS, sizeof *total), *cells;
	struct rd_figures sum = {.requests = 0};
	struct rd_row head = {columns, NULL, 0}, foot = {NULL, total, 0};
	om_status s = OM_OK;

	if (columns == NULL || total == NULL)
		return om_fail(e, OM_NOMEM, "out of memory");
	put_keys(&head, m, src->of, NULL, SIZE_MAX);
	put_figures(&head, m, &sum, with_charges);
	if (with_charges)
		s = put_charges(&head, m, &none, e);
	cells = om_arena_array(m->arena, src->n * head.n + 1, sizeof *cells);
	if (cells == NULL)
		return om_fail(e, OM_NOMEM, "out of memory");
	for (size_t i = 0; s == OM_OK && i < src->n; i++)
		s = put_row(m, src, i, cells + i * head.n, &sum, e);
	if (s == OM_OK && src->total != NULL)
		s = rd_figures_same(src->parts, &sum, src->total, e);
	if (s != OM_OK)
		return s;
	put_keys(&foot, m, src->of, NULL, SIZE_MAX);
	put_figures(&foot, m, &sum, false);
	if (with_charges)
		s = put_charges(&foot, m, &m->charges, e);
	om_check(s != OM_OK || foot.n == head.n); /* a total under each column */
	*t = (struct rd_table){
	    .name = src->name,
	    .title = src->title,
	    .remark = src->remark,
	    .empty = m->locale->no_usage,
	    .columns = columns,
	    .n_columns = head.n,
	    .n_rows = src->n,
	    .cells = cells,
	    .total = src->total != NULL ? total : NULL,
	    .quiet = src->quiet,
	    .sheet_only = src->of == OF_USER_MODELS,
	};
	if (s == OM_OK && m->arena->failed)
		s = om_fail(e, OM_NOMEM, "out of memory");
	return s;
}

om_status
rd_models_table(struct rd_maker *m, Om__UsageRow **rows, size_t n, const struct rd_figures *total, const char *parts,
    struct rd_table *out, om_err *e)
{
	const struct source src = {OF_MODELS, "Models", m->locale->cost_per_model, NULL, parts, rows, n, NULL, total};

	return make_usage(m, &src, out, e);
}

/* ---- all of them ---- */

om_status
rd_tables_make(struct rd_maker *m, const struct rd_table **out, size_t *n_out, om_err *e)
{
	const struct rd_locale *t = m->locale;
	const Om__StatementReply *r = m->reply;
	const struct rd_figures *total = &m->total;
	bool report = rd_is_report(m), several = m->month->user == NULL;
	Om__UsageRow **days = NULL;
	bool *quiet = NULL;
	om_status s = spread_days(m, &days, &quiet, e);
	const struct source all[] = {
	    {OF_USERS, "Users", t->cost_per_user, NULL, "users", r->users, r->n_users, NULL, total},
	    {OF_GROUPS, "Groups", t->cost_per_group, t->groups_remark, "groups", r->groups, r->n_groups, NULL, NULL},
	    {OF_MODELS, "Models", t->cost_per_model, NULL, "models", r->models, r->n_models, NULL, total},
	    {OF_DAYS, "Days", t->cost_per_day, t->days_remark, "days", days, m->n_days, quiet, total},
	    {OF_USER_MODELS, "User models", t->cost_per_user_model, NULL, "users and models", r->user_models,
		r->n_user_models, NULL, total},
	};
	const bool wanted[] = {
	    report || (several && r->n_users > 0),
	    report && r->n_groups > 0,
	    true,
	    true,
	    report || (several && r->n_user_models > 0),
	};
	const size_t n_all = sizeof all / sizeof all[0];
	struct rd_table *tables = om_arena_array(m->arena, n_all + 3, sizeof *tables);
	size_t n = 0, changes = 0;

	*out = tables;
	*n_out = 0;
	if (s == OM_OK && tables == NULL)
		s = om_fail(e, OM_NOMEM, "out of memory");
	if (s == OM_OK && report)
		s = rd_changes_make(m, tables, &changes, e);
	n = changes;
	for (size_t i = 0; s == OM_OK && i < n_all; i++)
		if (wanted[i])
			s = make_usage(m, &all[i], &tables[n++], e);
	if (s == OM_OK)
		s = rd_requests_make(m, &tables[n++], e);
	*n_out = n;
	return s;
}
