/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "source.h"

#include "figures.h"
#include "kept_figures.h"
#include "rows.h"
#include "envelope.pb-c.h"
#include "base/invariant.h"
#include "base/stats.h"

#include <poll.h>
#include <string.h>

#define MAX_ROWS 100000u /* of requests that come with the totals */
#define ASK_MS   60000
#define ROOM_MS  75000 /* costd ends a reading that is not asked about for 60 s */
#define PAUSE_MS 200

static struct om_stat asking_time =
    OM_HISTOGRAM("owui_metering_document_figures_seconds", NULL, "Time to get a document's figures from costd.");

void
rd_source_stats(void)
{
	om_stat_register(&asking_time);
}

bool
rd_shows_rows(Om__Format format)
{
	return format == OM__FORMAT__FORMAT_CSV || format == OM__FORMAT__FORMAT_FOCUS ||
	    format == OM__FORMAT__FORMAT_XLSX;
}

/* ---- asking ---- */

typedef enum asking { PLAIN, OPEN, HOLD } asking;

/* call asks the process that has the reading, or any. */
static om_status
call(struct rd_source *src, Om__Request *req, struct om_arena *a, Om__Reply **rep, unsigned *at, om_err *e)
{
	int64_t began = om_mono_ms();
	om_status s;

	if (src->reading.n > 0)
		s = om_wire_call(src->reading.costd, req, ASK_MS, a, rep, e);
	else
		s = om_fleet_call(src->costd, req, ASK_MS, a, rep, at, e);
	om_stat_observe_us(&asking_time, (om_mono_ms() - began) * 1000);
	if (s == OM_OK && (*rep)->body_case != OM__REPLY__BODY_STATEMENT)
		s = om_fail(e, OM_PROTOCOL, "costd answered something else");
	return s;
}

/* in_reading proves that costd answered from the snapshot that was named. */
static om_status
in_reading(const struct rd_source *src, const Om__StatementReply *r, om_err *e)
{
	if (src->reading.n == 0 ||
	    (r->reading_id.len == src->reading.n && memcmp(r->reading_id.data, src->reading.id, src->reading.n) == 0))
		return OM_OK;
	return om_fail(
	    e, OM_UNAVAILABLE, "costd is older than this reportd: it answers from another snapshot; update it");
}

static om_status
ask(struct rd_source *src, const struct rd_month *m, uint32_t max_rows, asking how, struct om_arena *a,
    Om__StatementReply **out, om_err *e)
{
	Om__StatementQuery q = OM__STATEMENT_QUERY__INIT;
	Om__Request req = OM__REQUEST__INIT;
	bool given = src->reading.n > 0;
	Om__Reply *rep = NULL;
	unsigned at = 0;
	om_status s;

	q.user = m->user != NULL ? om_arena_strdup(a, m->user) : NULL;
	q.group = m->group != NULL ? om_arena_strdup(a, m->group) : NULL;
	if (a->failed)
		return om_fail(e, OM_NOMEM, "out of memory");
	q.year = (uint32_t)m->year;
	q.month = (uint32_t)m->month;
	q.max_rows = max_rows;
	q.has_open_reading = q.open_reading = how != PLAIN && !given;
	q.has_hold = q.hold = how == HOLD && !given;
	q.has_reading_id = given;
	q.reading_id = rd_reading_id(&src->reading);
	req.body_case = OM__REQUEST__BODY_STATEMENT;
	req.statement = &q;
	s = call(src, &req, a, &rep, &at, e);
	if (s == OM_OK)
		s = in_reading(src, rep->statement, e);
	if (s == OM_OK)
		s = rd_statement_check(rep->statement, e);
	if (s == OM_OK && !given && rep->statement->has_reading_id)
		s = rd_reading_set(&src->reading, src->costd, at, rep->statement->reading_id, e);
	if (s == OM_OK)
		*out = rep->statement;
	return s;
}

/* ask_open has the snapshot kept open, as soon as costd has room for that. */
static om_status
ask_open(struct rd_source *src, const struct rd_month *m, asking how, struct om_arena *a, Om__StatementReply **out,
    om_err *e)
{
	int64_t until = om_mono_ms() + ROOM_MS;
	om_status s = ask(src, m, 0, how, a, out, e);

	while (s == OM_THROTTLED && om_mono_ms() < until && !om_fleet_hurried(src->costd)) {
		(void)poll(NULL, 0, PAUSE_MS);
		s = src->progress.go_on != NULL ? src->progress.go_on(src->progress.arg, e) : OM_OK;
		if (s == OM_OK)
			s = ask(src, m, 0, how, a, out, e);
	}
	return s == OM_THROTTLED ? OM_UNAVAILABLE : s;
}

/* ask_fitting asks for the single requests where the file shows them: kept open to be
 * read page by page, or with the totals, or, when they do not fit into one message and
 * the file can do without, not at all. */
static om_status
ask_fitting(struct rd_source *src, const struct rd_month *m, Om__Format format, struct om_arena *a, om_err *e)
{
	Om__StatementReply *with_rows = NULL;
	om_status s;

	if (format == OM__FORMAT__FORMAT_ZIP)
		return ask_open(src, m, HOLD, a, &src->reply, e);
	if (!rd_shows_rows(format))
		return ask(src, m, 0, PLAIN, a, &src->reply, e);
	s = ask_open(src, m, OPEN, a, &src->reply, e);
	if (s != OM_OK || src->reading.n > 0 || rd_n_rows(src->reply) == 0)
		return s;
	s = ask(src, m, MAX_ROWS, PLAIN, a, &with_rows, e);
	if (s == OM_OK)
		src->reply = with_rows;
	return s == OM_TOO_LARGE && format == OM__FORMAT__FORMAT_XLSX ? OM_OK : s;
}

/* ---- what a document kept ---- */

/* graft adds to the kept figures the rows, and the tables that were too large to keep,
 * from the ledger; they must amount to the same total. */
static om_status
graft(struct rd_source *src, Om__StatementReply *kept, const char *number, om_err *e)
{
	Om__StatementReply *now = src->reply;
	bool people = rd_kept_figures_lack_people(kept);
	struct rd_figures was, is;
	om_err why;
	om_status s = rd_figures_read(kept->total, &was, e);

	if (s == OM_OK)
		s = rd_figures_read(now->total, &is, e);
	if (s != OM_OK)
		return s;
	if (!people) /* a request may have been settled at the cost it had */
		is.unsettled = was.unsettled;
	if (rd_figures_same("rows", &is, &was, &why) != OM_OK || rd_n_rows(kept) != rd_n_rows(now))
		return om_fail(e, OM_CONFLICT,
		    "the ledger has changed since %.30s was issued, so that its rows are other ones now; issue a "
		    "correction instead",
		    number != NULL ? number : "the document");
	kept->n_generations = now->n_generations;
	kept->generations = now->generations;
	kept->rows_left_out = now->rows_left_out;
	kept->has_reading_id = now->has_reading_id;
	kept->reading_id = now->reading_id;
	if (people) {
		kept->n_user_models = now->n_user_models;
		kept->user_models = now->user_models;
	}
	return OM_OK;
}

/* open_kept: a document stays its person's, also when they are shown as another one since. */
static om_status
open_kept(struct rd_source *src, const struct rd_asked *asked, const struct rd_month *m, struct om_arena *a, om_err *e)
{
	const Om__RenderQuery *q = asked->query;
	struct rd_month own = *m;
	Om__StatementReply *kept = NULL;
	om_status s = rd_kept_figures_unpack(&asked->figures, a, &kept, e);

	if (s == OM_OK)
		s = rd_statement_check(kept, e);
	if (s != OM_OK)
		return s;
	if (own.user != NULL && kept->user != NULL)
		own.user = kept->user->id;
	/* a cancellation then goes without a page for each person */
	if (rd_shows_rows(q->format) || (rd_kept_figures_lack_people(kept) && asked->issue.cancels == NULL)) {
		s = ask_fitting(src, &own, q->format, a, e);
		if (s == OM_OK)
			s = graft(src, kept, asked->issue.number, e);
	}
	src->reply = kept;
	src->kept = true;
	src->zone = asked->zone;
	return s;
}

om_status
rd_source_open(
    struct rd_source *src, const struct rd_asked *asked, const struct rd_month *m, struct om_arena *a, om_err *e)
{
	om_status s;

	src->borrowed = asked->reading.n > 0;
	src->reading = asked->reading;
	if (asked->kept)
		return open_kept(src, asked, m, a, e);
	s = ask_fitting(src, m, asked->query->format, a, e);
	src->zone = s == OM_OK ? src->reply->zone : NULL;
	return s;
}

void
rd_source_close(struct rd_source *src)
{
	if (!src->borrowed)
		rd_reading_end(&src->reading);
}

om_status
rd_source_rows(struct rd_source *src, Om__Format format, struct rd_rows *out, om_err *e)
{
	om_check(src->reply != NULL && rd_shows_rows(format));
	if (src->reading.n > 0) {
		rd_rows_of_reading(out, &src->reading);
		out->unsettled_unknown = src->kept; /* what is settled may have changed since */
		return OM_OK;
	}
	rd_rows_of_reply(out, src->reply);
	if (src->reply->rows_left_out > 0 && format != OM__FORMAT__FORMAT_XLSX)
		return om_fail(e, OM_TOO_LARGE, "the month has %llu rows, too many for this file",
		    (unsigned long long)rd_n_rows(src->reply));
	return OM_OK;
}

om_status
rd_source_other(
    struct rd_source *src, const struct rd_month *m, struct om_arena *a, Om__StatementReply **out, om_err *e)
{
	if (src->reading.n == 0)
		return om_fail(
		    e, OM_UNAVAILABLE, "costd is older than this reportd: it keeps no snapshot open; update it");
	return ask(src, m, 0, PLAIN, a, out, e);
}
