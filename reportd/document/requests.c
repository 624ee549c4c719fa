/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * requests.c - the table of single requests, filled row by row.  Among them stands what
 * a turn cost beyond its known requests: a cost, and no request.
 */
#include "columns.h"
#include "search_table.h"
#include "statement_in.h"
#include "source/rows.h"
#include "words/clean.h"
#include "record.pb-c.h"
#include "statement.pb-c.h"
#include "usage.pb-c.h"

#include <string.h>

static const char *
state_text(const struct rd_locale *t, Om__State s)
{
	switch (s) {
	case OM__STATE__STATE_OPEN:
		return t->state_open;
	case OM__STATE__STATE_ERROR:
		return t->state_failed;
	case OM__STATE__STATE_CANCELLED:
		return t->state_stopped;
	case OM__STATE__STATE_FINAL:
		return t->state_finished;
	case _OM__STATE_IS_INT_SIZE:
		break;
	}
	return "";
}

static const char *
cost_state_text(const struct rd_locale *t, Om__CostState s)
{
	switch (s) {
	case OM__COST_STATE__COST_UNKNOWN:
		return t->cost_unknown;
	case OM__COST_STATE__COST_ESTIMATED:
		return t->cost_estimated;
	case OM__COST_STATE__COST_REPORTED:
		return t->cost_reported;
	case OM__COST_STATE__COST_LOOKED_UP:
		return t->cost_looked_up;
	case _OM__COST_STATE_IS_INT_SIZE:
		break;
	}
	return "";
}

static bool
is_marked(const Om__Generation *g, const char *mark)
{
	for (size_t i = 0; i < g->n_marks; i++)
		if (strcmp(g->marks[i], mark) == 0)
			return true;
	return false;
}

/* cost_text says whose word the cost is, and what is doubtful about it. */
static const char *
cost_text(const struct rd_locale *t, struct om_arena *a, const Om__Generation *g)
{
	const char *text = cost_state_text(t, g->cost_state);

	if (is_marked(g, "disputed"))
		text = rd_fill(a, t->cost_disputed, text);
	if (is_marked(g, "unproven"))
		text = rd_fill(a, t->cost_unproven, text);
	return text;
}

/* put_figures: whether its cost is final stands in a request's cost_state. */
static void
put_figures(struct rd_row *r, const struct rd_locale *t, const Om__Generation *g, const struct rd_figures *f)
{
	for (rd_figure i = 0; i < RD_N_FIGURES; i++) {
		if (i == RD_FIGURE_unsettled)
			continue;
		rd_put_figure(r, t, i, f);
		if (r->cells != NULL)
			r->cells[r->n - 1].known = rd_figure_known(g, i);
	}
}

/* put_request makes a request's columns or cells; g is empty for columns. */
static void
put_request(struct rd_row *r, const struct rd_locale *t, struct om_arena *a, bool several, const Om__Generation *g,
    const struct rd_figures *f, om_day day)
{
	rd_put_instant(r, "started", t->started, true, g->started_us);
	rd_put_instant(r, "finished", t->finished, g->has_finished_us, g->finished_us);
	rd_put_day(r, "day", t->day, true, day);
	if (several) {
		rd_put_text(r, "user", t->user, rd_clean(a, g->user_name));
		rd_put_text(r, "user_id", t->user_id, rd_clean(a, g->user));
	}
	rd_put_text(r, "model", t->model, rd_clean(a, g->model));
	rd_put_text(r, "provider", t->provider, rd_clean(a, g->provider));
	rd_put_text(r, "requested_model", t->asked_for, rd_clean(a, g->requested_model));
	rd_put_text(r, "origin", t->origin, rd_clean(a, g->origin));
	rd_put_text(r, "task", t->task, rd_clean(a, g->task));
	rd_put_text(r, "state", t->state, state_text(t, g->state));
	rd_put_text(r, "cost_state", t->cost_is, cost_text(t, a, g));
	put_figures(r, t, g, f);
	rd_put_text(r, "generation_id", t->generation_id, rd_clean(a, g->generation_id));
	rd_put_text(r, "chat_id", t->chat_id, rd_clean(a, g->chat_id));
}

/* What fill_request needs after the making is over. */
struct requests {
	const Om__StatementReply *reply; /* whose rows they are, or: */
	struct rd_rows *rows;            /* where they come from, one after the other */
	uint64_t n;                      /* so many; RD_ROWS_UNKNOWN: until there are no more */
	const struct rd_locale *locale;
	bool several; /* users */
};

/* next_row gives the row; after the last it has the sums proven. */
static om_status
next_row(const struct requests *of, size_t row, const Om__Generation **out, om_err *e)
{
	om_status s;

	if (of->rows == NULL) {
		*out = of->reply->generations[row];
		return OM_OK;
	}
	s = rd_rows_next(of->rows, out, e);
	if (s == OM_OK && *out == NULL)
		return of->n == RD_ROWS_UNKNOWN
		    ? OM_NOT_FOUND
		    : om_fail(e, OM_INTERNAL, "control total: there are fewer rows than the total says");
	return s;
}

static om_status
fill_request(const void *from, size_t row, struct om_arena *a, struct rd_cell *out, om_err *e)
{
	const struct requests *of = from;
	const Om__Generation *g = NULL;
	struct rd_row r = {NULL, out, 0};
	struct rd_figures f;
	om_day day = 0;
	om_status s = next_row(of, row, &g, e);

	if (s == OM_OK)
		s = rd_figures_of_row(g, &f, e);
	if (s == OM_OK && om_day_parse(g->day, &day, NULL) != OM_OK)
		s = om_fail(e, OM_PROTOCOL, "costd sent a request with the day %.40s", g->day);
	if (s != OM_OK)
		return s;
	put_request(&r, of->locale, a, of->several, g, &f, day);
	if (of->rows != NULL && row + 1 == of->n) { /* proves the sums */
		s = rd_rows_next(of->rows, &g, e);
		if (s == OM_OK && g != NULL)
			s = om_fail(e, OM_INTERNAL, "control total: there are more rows than the total says");
		if (s != OM_OK)
			return s;
	}
	return a->failed ? om_fail(e, OM_NOMEM, "out of memory") : OM_OK;
}

/* blank_total leaves only the sums in a row of totals. */
static void
blank_total(struct rd_cell *total, const struct rd_column *columns, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		total[i].known = columns[i].kind == RD_INT || columns[i].kind == RD_MONEY;
}

om_status
rd_requests_make(struct rd_maker *m, struct rd_table *t, om_err *e)
{
	const Om__StatementReply *r = m->reply;
	struct rd_column *columns = om_arena_array(m->arena, RD_MAX_COLUMNS, sizeof *columns);
	struct rd_cell *total = om_arena_array(m->arena, RD_MAX_COLUMNS, sizeof *total);
	struct rd_figures sum = {.requests = 0}, f;
	Om__Generation none = OM__GENERATION__INIT;
	struct rd_row head = {columns, total, 0};
	struct requests *of = om_arena_alloc(m->arena, sizeof *of);
	bool all_known = true; /* each row says whether its cost is final */
	bool streamed = m->month->rows != NULL && m->month->rows->reading.n > 0;
	uint64_t left_out = streamed ? 0 : r->rows_left_out;
	om_status s = OM_OK;

	if (columns == NULL || total == NULL || of == NULL)
		return om_fail(e, OM_NOMEM, "out of memory");
	for (size_t i = 0; s == OM_OK && i < r->n_generations; i++) {
		all_known = all_known && r->generations[i]->has_unsettled;
		s = rd_figures_of_row(r->generations[i], &f, e);
		if (s == OM_OK)
			s = rd_figures_add(&sum, &f, e);
	}
	if (streamed) {
		sum = m->total; /* which the rows are proven to add up to while they are written */
	} else if (s == OM_OK && left_out == 0) {
		sum.unsettled = all_known ? sum.unsettled : m->total.unsettled;
		s = rd_figures_same("rows", &sum, &m->total, e);
	}
	if (s != OM_OK)
		return s;
	put_request(&head, m->locale, m->arena, m->month->user == NULL, &none, &sum, 0);
	*of = (struct requests){.reply = r,
	    .rows = streamed ? m->month->rows : NULL,
	    .n = streamed ? rd_n_rows(r) : r->n_generations,
	    .locale = m->locale,
	    .several = m->month->user == NULL};
	blank_total(total, columns, head.n);
	*t = (struct rd_table){
	    .name = "Requests",
	    .title = m->locale->single_requests,
	    .empty = left_out > 0 ? m->locale->too_many_requests : m->locale->no_usage,
	    .columns = columns,
	    .n_columns = head.n,
	    .n_rows = of->n,
	    .total = total,
	    .sheet_only = true,
	    .fill = fill_request,
	    .from = of,
	};
	if (left_out > 0)
		t->sheet_remark =
		    rd_fill(m->arena, m->locale->left_out, rd_count_text(m, left_out), rd_count_text(m, rd_n_rows(r)));
	return m->arena->failed ? om_fail(e, OM_NOMEM, "out of memory") : OM_OK;
}

om_status
rd_search_table_of_requests(
    const struct rd_locale *l, struct rd_rows *rows, struct om_arena *a, struct rd_table *t, om_err *e)
{
	struct rd_column *columns = om_arena_array(a, RD_MAX_COLUMNS, sizeof *columns);
	struct requests *of = om_arena_alloc(a, sizeof *of);
	struct rd_figures none_f = {.requests = 0};
	Om__Generation none = OM__GENERATION__INIT;
	struct rd_row head = {columns, NULL, 0};

	if (columns == NULL || of == NULL)
		return om_fail(e, OM_NOMEM, "out of memory");
	put_request(&head, l, a, true, &none, &none_f, 0);
	*of = (struct requests){.rows = rows, .n = RD_ROWS_UNKNOWN, .locale = l, .several = true};
	*t = (struct rd_table){
	    .name = "Requests",
	    .title = l->single_requests,
	    .empty = l->no_usage,
	    .columns = columns,
	    .n_columns = head.n,
	    .n_rows = RD_ROWS_UNKNOWN,
	    .sheet_only = true,
	    .fill = fill_request,
	    .from = of,
	};
	return a->failed ? om_fail(e, OM_NOMEM, "out of memory") : OM_OK;
}
