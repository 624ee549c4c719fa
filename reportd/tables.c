/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * tables.c - the tables of a document.  Each adds its rows up while it makes
 * them and compares with costd's total.
 */
#include "clean.h"
#include "statement.h"

#include <string.h>

/* Columns and one row of cells under construction. */
struct row {
	struct rd_column *columns; /* NULL: only cells are made */
	struct rd_cell *cells;     /* NULL: only columns are made */
	unsigned n;
};

static void
put(struct row *r, struct rd_column col, struct rd_cell cell)
{
	if (r->columns != NULL)
		r->columns[r->n] = col;
	if (r->cells != NULL)
		r->cells[r->n] = cell;
	r->n++;
}

static void
put_text(struct row *r, const char *title, const char *text)
{
	put(r, (struct rd_column){.title = title, .kind = RD_TEXT},
	    (struct rd_cell){.known = text != NULL && text[0] != '\0', .u.text = text});
}

static void
put_count(struct row *r, const char *title, uint64_t n)
{
	put(r, (struct rd_column){.title = title, .kind = RD_INT}, (struct rd_cell){.known = true, .u.n = n});
}

static void
put_money(struct row *r, const char *title, om_money m)
{
	put(r, (struct rd_column){.title = title, .kind = RD_MONEY}, (struct rd_cell){.known = true, .u.money = m});
}

static void
put_under(struct row *r, const char *title, const char *text)
{
	put_text(r, title, text);
	if (r->columns != NULL)
		r->columns[r->n - 1].under = true;
}

static void
put_figures(struct row *r, const struct rd_maker *m, const struct rd_figures *f)
{
	put_count(r, "Requests", f->requests);
	put_count(r, "Input tokens", f->prompt);
	put_count(r, "Cached tokens", f->cached);
	put_count(r, "Cache write tokens", f->cache_write);
	if (r->columns != NULL)
		r->columns[r->n - 1].sheet_only = true;
	put_count(r, "Reasoning tokens", f->reasoning);
	put_count(r, "Output tokens", f->completion);
	if (m->bill.total.unsettled > 0)
		put_count(r, "Not settled", f->unsettled);
	if (!om_money_is_zero(m->bill.total.byok))
		put_money(r, "BYOK cost (USD)", f->byok);
	put_money(r, "Cost (USD)", f->cost);
}

/* ---- tables over UsageRow ---- */

typedef enum rows_of { OF_MODELS, OF_DAYS, OF_USERS, OF_USER_MODELS } rows_of;

struct source {
	rows_of of;
	const char *name, *title, *remark, *parts;
	Om__UsageRow **rows; /* NULL among them: no usage */
	size_t n;
	const bool *quiet;
};

static void
put_keys(struct row *r, const struct rd_maker *m, rows_of of, const Om__UsageRow *u, size_t i)
{
	struct om_arena *a = m->arena;

	if (of == OF_DAYS) {
		put(r, (struct rd_column){.title = "Day", .kind = RD_DAY},
		    (struct rd_cell){.known = i < m->n_days, .u.day = m->reply->from_day + (om_day)i});
		return;
	}
	if (of == OF_USERS || of == OF_USER_MODELS) {
		const char *name = u != NULL ? rd_clean(a, u->user_name) : NULL;
		const char *id = u != NULL ? rd_clean(a, u->user) : NULL;

		if (name != NULL && name[0] == '\0')
			name = id; /* a person the ledger has no name of */
		put_text(r, "User", name);
		put_under(r, "User id", id);
	}
	if (of == OF_MODELS || of == OF_USER_MODELS) {
		const char *model = u != NULL ? rd_clean(a, u->model) : NULL;

		put_text(r, "Model", model != NULL && model[0] == '\0' ? "(model not known)" : model);
		put_under(r, "Provider", u != NULL ? rd_clean(a, u->provider) : NULL);
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

static om_status
put_charge(struct row *r, struct rd_maker *m, const struct rd_figures *f, bool count, om_err *e)
{
	om_money charge, sum;
	om_status s = rd_charge_of(m->terms, f, &charge, e);

	if (s != OM_OK)
		return s;
	if (count && f->requests > 0) {
		m->bill.charged++;
		s = om_money_add(m->bill.charges, charge, &m->bill.charges);
	}
	if (s == OM_OK)
		s = om_money_add(f->cost, charge, &sum);
	if (s != OM_OK)
		return om_fail(e, OM_INTERNAL, "the charges are too large to add up");
	put_money(r, "Minimum charge (USD)", charge);
	put_money(r, "Total (USD)", sum);
	return OM_OK;
}

static om_status
make_usage(struct rd_maker *m, const struct source *src, struct rd_table *t, om_err *e)
{
	bool charged = src->of == OF_USERS && !om_money_is_zero(m->terms->fee);
	struct rd_column *columns = om_arena_array(m->arena, RD_MAX_COLUMNS, sizeof *columns);
	struct rd_cell *total = om_arena_array(m->arena, RD_MAX_COLUMNS, sizeof *total);
	struct rd_cell *cells;
	struct rd_figures sum = {.requests = 0}, f = {.requests = 0};
	struct row head = {columns, NULL, 0};
	om_status s = OM_OK;

	if (columns == NULL || total == NULL)
		return om_fail(e, OM_NOMEM, "out of memory");
	put_keys(&head, m, src->of, NULL, SIZE_MAX);
	put_figures(&head, m, &f);
	if (charged)
		s = put_charge(&head, m, &f, false, e);
	cells = om_arena_array(m->arena, src->n * head.n + 1, sizeof *cells);
	if (cells == NULL)
		return om_fail(e, OM_NOMEM, "out of memory");
	for (size_t i = 0; s == OM_OK && i < src->n; i++) {
		const Om__UsageRow *u = src->rows[i];
		struct row r = {NULL, cells + i * head.n, 0};

		f = (struct rd_figures){.requests = 0};
		if (u != NULL)
			s = rd_figures_read(u->figures, &f, e);
		if (s == OM_OK)
			s = rd_figures_add(&sum, &f, e);
		if (s != OM_OK)
			break;
		put_keys(&r, m, src->of, u, i);
		put_figures(&r, m, &f);
		if (charged)
			s = put_charge(&r, m, &f, true, e);
	}
	if (s == OM_OK)
		s = rd_figures_same(src->parts, &sum, &m->bill.total, e);
	if (s != OM_OK)
		return s;
	if (m->arena->failed)
		return om_fail(e, OM_NOMEM, "out of memory");

	{
		struct row r = {NULL, total, 0};

		put_keys(&r, m, src->of, NULL, SIZE_MAX);
		put_figures(&r, m, &sum);
		if (charged) {
			put_money(&r, "", m->bill.charges);
			s = om_money_add(sum.cost, m->bill.charges, &m->bill.sum);
			put_money(&r, "", m->bill.sum);
		}
	}
	*t = (struct rd_table){
	    .name = src->name,
	    .title = src->title,
	    .remark = src->remark,
	    .empty = "No usage.",
	    .columns = columns,
	    .n_columns = head.n,
	    .n_rows = src->n,
	    .cells = cells,
	    .total = total,
	    .quiet = src->quiet,
	};
	return s == OM_OK ? OM_OK : om_fail(e, OM_INTERNAL, "the charges are too large to add up");
}

/* ---- the single requests ---- */

static const char *
state_text(Om__State s)
{
	switch (s) {
	case OM__STATE__STATE_OPEN:
		return "open";
	case OM__STATE__STATE_ERROR:
		return "failed";
	case OM__STATE__STATE_CANCELLED:
		return "stopped";
	case OM__STATE__STATE_FINAL:
		return "finished";
	case _OM__STATE_IS_INT_SIZE:
		break;
	}
	return "";
}

static const char *
cost_state_text(Om__CostState s)
{
	switch (s) {
	case OM__COST_STATE__COST_UNKNOWN:
		return "unknown";
	case OM__COST_STATE__COST_ESTIMATED:
		return "estimated";
	case OM__COST_STATE__COST_REPORTED:
		return "reported";
	case OM__COST_STATE__COST_LOOKED_UP:
		return "looked up";
	case _OM__COST_STATE_IS_INT_SIZE:
		break;
	}
	return "";
}

static void
put_some(struct row *r, const char *title, bool has, uint64_t n)
{
	put_count(r, title, n);
	if (r->cells != NULL)
		r->cells[r->n - 1].known = has;
}

static void
put_amount(struct row *r, const char *title, bool has, om_money m)
{
	put_money(r, title, m);
	if (r->cells != NULL)
		r->cells[r->n - 1].known = has;
}

/* put_request makes a request's columns or cells; g is empty for columns. */
static void
put_request(
    struct row *r, struct om_arena *a, bool everyone, const Om__Generation *g, const struct rd_figures *f, om_day day)
{
	put(r, (struct rd_column){.title = "Started", .kind = RD_INSTANT},
	    (struct rd_cell){.known = true, .u.at = g->started_us});
	put(r, (struct rd_column){.title = "Finished", .kind = RD_INSTANT},
	    (struct rd_cell){.known = g->has_finished_us, .u.at = g->finished_us});
	put(r, (struct rd_column){.title = "Day", .kind = RD_DAY}, (struct rd_cell){.known = true, .u.day = day});
	if (everyone) {
		put_text(r, "User", rd_clean(a, g->user_name));
		put_text(r, "User id", rd_clean(a, g->user));
	}
	put_text(r, "Model", rd_clean(a, g->model));
	put_text(r, "Provider", rd_clean(a, g->provider));
	put_text(r, "Asked for", rd_clean(a, g->requested_model));
	put_text(r, "Origin", rd_clean(a, g->origin));
	put_text(r, "Task", rd_clean(a, g->task));
	put_text(r, "State", state_text(g->state));
	put_text(r, "Cost is", cost_state_text(g->cost_state));
	put_some(r, "Input tokens", g->has_prompt_tokens, f->prompt);
	put_some(r, "Cached tokens", g->has_cached_tokens, f->cached);
	put_some(r, "Cache write tokens", g->has_cache_write_tokens, f->cache_write);
	put_some(r, "Reasoning tokens", g->has_reasoning_tokens, f->reasoning);
	put_some(r, "Output tokens", g->has_completion_tokens, f->completion);
	put_amount(r, "BYOK cost (USD)", g->byok_cost != NULL, f->byok);
	put_amount(r, "Cost (USD)", g->cost != NULL, f->cost);
	put_text(r, "Generation id", rd_clean(a, g->generation_id));
	put_text(r, "Chat id", rd_clean(a, g->chat_id));
}

static om_status
fill_request(const void *from, size_t row, struct om_arena *a, struct rd_cell *out, om_err *e)
{
	const Om__StatementReply *reply = from;
	const Om__Generation *g = reply->generations[row];
	struct row r = {NULL, out, 0};
	struct rd_figures f;
	om_day day = 0;
	om_status s = rd_figures_of_row(g, &f, e);

	if (s == OM_OK && om_day_parse(g->day, &day, NULL) != OM_OK)
		s = om_fail(e, OM_PROTOCOL, "costd sent a request with the day %.40s", g->day);
	if (s != OM_OK)
		return s;
	put_request(&r, a, reply->user == NULL, g, &f, day);
	return a->failed ? om_fail(e, OM_NOMEM, "out of memory") : OM_OK;
}

/* blank_total leaves only the sums in a row of totals. */
static void
blank_total(struct rd_cell *total, const struct rd_column *columns, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		total[i].known = columns[i].kind == RD_INT || columns[i].kind == RD_MONEY;
}

static om_status
make_requests(struct rd_maker *m, struct rd_table *t, om_err *e)
{
	const Om__StatementReply *r = m->reply;
	struct rd_column *columns = om_arena_array(m->arena, RD_MAX_COLUMNS, sizeof *columns);
	struct rd_cell *total = om_arena_array(m->arena, RD_MAX_COLUMNS, sizeof *total);
	struct rd_figures sum = {.requests = 0}, f;
	Om__Generation none = OM__GENERATION__INIT;
	struct row head = {columns, total, 0};
	om_status s = OM_OK;

	if (columns == NULL || total == NULL)
		return om_fail(e, OM_NOMEM, "out of memory");
	for (size_t i = 0; s == OM_OK && i < r->n_generations; i++) {
		s = rd_figures_of_row(r->generations[i], &f, e);
		if (s == OM_OK)
			s = rd_figures_add(&sum, &f, e);
	}
	if (s == OM_OK && r->rows_left_out == 0) {
		sum.unsettled = m->bill.total.unsettled; /* what counts as settled is costd's to say */
		s = rd_figures_same("rows", &sum, &m->bill.total, e);
	}
	if (s != OM_OK)
		return s;
	put_request(&head, m->arena, m->month->user == NULL, &none, &sum, 0);
	blank_total(total, columns, head.n);
	*t = (struct rd_table){
	    .name = "Requests",
	    .title = "Requests",
	    .empty = r->rows_left_out > 0 ? "The requests are too many for this workbook." : "No usage.",
	    .columns = columns,
	    .n_columns = head.n,
	    .n_rows = r->n_generations,
	    .total = total,
	    .sheet_only = true,
	    .fill = fill_request,
	    .from = r,
	};
	if (r->rows_left_out > 0)
		t->sheet_remark = om_arena_printf(m->arena,
		    "%llu of %llu requests are not listed here; all sums but this sheet's include them.",
		    (unsigned long long)r->rows_left_out, (unsigned long long)m->bill.total.requests);
	return m->arena->failed ? om_fail(e, OM_NOMEM, "out of memory") : OM_OK;
}

/* ---- all of them ---- */

om_status
rd_tables_make(struct rd_maker *m, const struct rd_table **out, size_t *n_out, om_err *e)
{
	const Om__StatementReply *r = m->reply;
	bool everyone = m->month->user == NULL;
	Om__UsageRow **days = NULL;
	bool *quiet = NULL;
	om_status s = spread_days(m, &days, &quiet, e);
	const struct source sources[] = {
	    {OF_USERS, "Users", "Cost per user", NULL, "users", r->users, r->n_users, NULL},
	    {OF_MODELS, "Models", "Cost per model", NULL, "models", r->models, r->n_models, NULL},
	    {OF_DAYS, "Days", "Cost per day", "Days without usage are not listed.", "days", days, m->n_days, quiet},
	    {OF_USER_MODELS, "User models", "Cost per user and model", NULL, "users and models", r->user_models,
		r->n_user_models, NULL},
	};
	const size_t most = sizeof sources / sizeof sources[0] + 1;
	struct rd_table *tables = om_arena_array(m->arena, most, sizeof *tables);
	size_t n = 0;

	*out = tables;
	*n_out = 0;
	if (s == OM_OK && tables == NULL)
		s = om_fail(e, OM_NOMEM, "out of memory");
	for (size_t i = 0; s == OM_OK && i < sizeof sources / sizeof sources[0]; i++)
		if (everyone || sources[i].of == OF_MODELS || sources[i].of == OF_DAYS)
			s = make_usage(m, &sources[i], &tables[n++], e);
	if (s == OM_OK)
		s = make_requests(m, &tables[n++], e);
	*n_out = n;
	return s;
}
