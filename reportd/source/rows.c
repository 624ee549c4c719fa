/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "rows.h"

#include "envelope.pb-c.h"
#include "base/invariant.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PAGE_ROWS    2000u /* of a reading */
#define SEARCH_ROWS  1000u /* costd gives no more at once */
#define PAGE_BYTES   ((size_t)64 * 1024 * 1024)
#define ASK_MS       60000
#define REPORT_EVERY 256u /* rows */

void
rd_rows_of_reply(struct rd_rows *r, const Om__StatementReply *reply)
{
	*r = (struct rd_rows){.given = reply->generations, .n_given = reply->n_generations, .last = true};
	r->page = r->given;
	r->n_page = r->n_given;
}

void
rd_rows_of_reading(struct rd_rows *r, const struct rd_reading *of)
{
	*r = (struct rd_rows){.reading = *of};
}

void
rd_rows_of_search(struct rd_rows *r, struct om_wire_client *costd, Om__GenerationsQuery *q)
{
	*r = (struct rd_rows){.costd = costd, .search = q, .most = q->has_limit ? q->limit : 0};
}

static om_status
ask_reading(struct rd_rows *r, Om__RowsReply **out, om_err *e)
{
	Om__Request req = OM__REQUEST__INIT;
	Om__RowsQuery q = OM__ROWS_QUERY__INIT;
	Om__Reply *rep = NULL;
	om_status s;

	q.reading_id = rd_reading_id(&r->reading);
	q.has_limit = 1;
	q.limit = PAGE_ROWS;
	q.page = r->pages;
	req.body_case = OM__REQUEST__BODY_ROWS;
	req.rows = &q;
	s = om_wire_call(r->reading.costd, &req, ASK_MS, &r->arena, &rep, e);
	if (s == OM_OK && rep->body_case != OM__REPLY__BODY_ROWS)
		s = om_fail(e, OM_PROTOCOL, "costd answered something else");
	*out = s == OM_OK ? rep->rows : NULL;
	return s;
}

void
rd_rows_end(struct rd_rows *r)
{
	om_arena_fini(&r->arena);
	free(r->cursor);
	r->cursor = NULL;
}

static om_status
next_of_reading(struct rd_rows *r, om_err *e)
{
	Om__RowsReply *rows = NULL;
	om_status s = ask_reading(r, &rows, e);

	if (s == OM_TIMEOUT || s == OM_UNAVAILABLE) { /* the last page may be asked for again */
		om_arena_fini(&r->arena);
		om_arena_init(&r->arena, PAGE_BYTES);
		s = ask_reading(r, &rows, e);
	}
	r->lost = s == OM_NOT_FOUND || s == OM_UNAVAILABLE;
	if (s == OM_NOT_FOUND)
		return om_fail(e, OM_UNAVAILABLE, "costd lost the rows half-way; ask again");
	if (s != OM_OK)
		return s;
	r->pages++;
	r->page = rows->rows;
	r->n_page = rows->n_rows;
	r->last = rows->done;
	return r->n_page > 0 || r->last ? OM_OK : om_fail(e, OM_PROTOCOL, "costd sent an empty page");
}

static om_status
next_of_search(struct rd_rows *r, om_err *e)
{
	Om__Request req = OM__REQUEST__INIT;
	Om__GenerationsQuery q = *r->search;
	Om__Reply *rep = NULL;
	uint64_t left = r->most > 0 ? r->most - r->count : SEARCH_ROWS;
	om_status s;

	if (r->cursor != NULL)
		q.cursor = r->cursor;
	q.has_limit = 1;
	q.limit = left < SEARCH_ROWS ? (uint32_t)left : SEARCH_ROWS;
	req.body_case = OM__REQUEST__BODY_GENERATIONS;
	req.generations = &q;
	s = om_wire_call(r->costd, &req, ASK_MS, &r->arena, &rep, e);
	if (s == OM_OK && rep->body_case != OM__REPLY__BODY_GENERATIONS)
		s = om_fail(e, OM_PROTOCOL, "costd answered something else");
	if (s != OM_OK)
		return s;
	free(r->cursor);
	r->cursor = rep->generations->next_cursor != NULL ? strdup(rep->generations->next_cursor) : NULL;
	if (rep->generations->next_cursor != NULL && r->cursor == NULL)
		return om_fail(e, OM_NOMEM, "out of memory");
	if (r->timezone[0] != '\0' && strcmp(r->timezone, rep->generations->timezone) != 0)
		return om_fail(e, OM_UNAVAILABLE, "the time zone changed while the file was made");
	r->zone = rep->generations->zone;
	(void)snprintf(r->timezone, sizeof r->timezone, "%s", rep->generations->timezone);
	r->page = rep->generations->items;
	r->n_page = rep->generations->n_items;
	r->last = r->cursor == NULL || (r->most > 0 && r->count + r->n_page >= r->most);
	return OM_OK;
}

static om_status
turn_page(struct rd_rows *r, om_err *e)
{
	om_status s = r->progress.go_on != NULL ? r->progress.go_on(r->progress.arg, e) : OM_OK;

	om_check(r->at == r->n_page && (r->search != NULL || r->reading.n > 0));
	if (s != OM_OK)
		return s;
	om_arena_fini(&r->arena);
	om_arena_init(&r->arena, PAGE_BYTES);
	r->at = 0;
	r->n_page = 0;
	return r->search != NULL ? next_of_search(r, e) : next_of_reading(r, e);
}

static void
report_rows(const struct rd_rows *r, uint64_t n)
{
	if (r->progress.rows_read != NULL)
		r->progress.rows_read(r->progress.arg, n);
}

/* prove compares the sum of all rows with the total. */
static om_status
prove(struct rd_rows *r, om_err *e)
{
	if (r->total == NULL)
		return OM_OK;
	if (r->unsettled_unknown)
		r->sum.unsettled = r->total->unsettled;
	return rd_figures_same("rows", &r->sum, r->total, e);
}

om_status
rd_rows_peek(struct rd_rows *r, om_err *e)
{
	return r->pages == 0 && r->n_page == 0 && !r->last ? turn_page(r, e) : OM_OK;
}

om_status
rd_rows_next(struct rd_rows *r, const Om__Generation **out, om_err *e)
{
	struct rd_figures f;
	om_status s = OM_OK;

	om_check(r->at <= r->n_page);
	*out = NULL;
	while (s == OM_OK && r->at == r->n_page && !r->last)
		s = turn_page(r, e);
	if (s != OM_OK)
		return s;
	if (r->at == r->n_page) {
		report_rows(r, r->count % REPORT_EVERY);
		return prove(r, e);
	}
	*out = r->page[r->at++];
	r->count++;
	if (r->count % REPORT_EVERY == 0)
		report_rows(r, REPORT_EVERY);
	if (r->total == NULL)
		return OM_OK;
	r->unsettled_unknown = r->unsettled_unknown || !(*out)->has_unsettled;
	s = rd_figures_of_row(*out, &f, e);
	return s == OM_OK ? rd_figures_add(&r->sum, &f, e) : s;
}
