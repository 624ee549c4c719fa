/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * usage.c - what a search found, as one table: totals, or single requests.
 */
#include "make_in.h"

#include "csv/requests.h"
#include "document/search_table.h"
#include "source/rows.h"
#include "envelope.pb-c.h"
#include "jobs.pb-c.h"
#include "usage.pb-c.h"

#define USAGE_ROWS  100000u                     /* of totals in a file, the most that costd gives */
#define REPLY_BYTES ((size_t)512 * 1024 * 1024) /* costd's reply, unpacked, and the table */
#define TABLE_BYTES ((size_t)16 * 1024 * 1024)  /* a table's texts while it is made */
#define ASK_MS      60000
#define NO_DATE     ((om_time)315532800 * OM_SECOND) /* 1980, as in a ZIP: the same figures give the same bytes */

/* write_table writes one table as a workbook without a summary. */
static om_status
write_table(struct rd_parts *w, const struct rd_locale *l, const char *title, const struct rd_table *table,
    const struct om_zone_table *zone, struct rd_task *t, om_err *e)
{
	static const struct rd_issuer no_issuer = {.name = NULL};
	const struct rd_doc d = {
	    .kind = RD_REPORT,
	    .locale = l,
	    .zone = zone,
	    .issuer = w->settings->issuer.name != NULL ? &w->settings->issuer : &no_issuer,
	    .title = title,
	    .month = "",
	    .subject = l->all_users,
	    .currency = "USD",
	    .digits = 2,
	    .created = NO_DATE,
	    .tables = table,
	    .n_tables = 1,
	};

	return rd_job_file_write_sheets(w, &d, w->settings->paper, t, e);
}

static const struct rd_locale *
locale_of(const struct rd_parts *w, const Om__JobStart *what)
{
	return what->locale != NULL ? rd_locale_named(what->locale) : w->settings->locale;
}

static om_status
write_usage(struct rd_parts *w, const Om__JobStart *what, const Om__UsageReply *u, struct om_arena *a,
    struct rd_task *t, om_err *e)
{
	const struct rd_locale *l = locale_of(w, what);
	struct rd_table table;
	om_status s;

	if (u->truncated && !what->usage->has_limit)
		return om_fail(
		    e, OM_TOO_LARGE, "there are more than %u rows of totals; ask for fewer days or keys", USAGE_ROWS);
	rd_task_expect(t, u->n_rows);
	if (what->format == OM__FORMAT__FORMAT_XLSX) {
		s = rd_search_table_of_usage(l, u, a, &table, e);
		if (s == OM_OK)
			s = write_table(w, l, l->usage, &table, &om_zone_utc, t, e);
	} else {
		s = rd_job_file_begin(w, t, true, 0, e);
		if (s == OM_OK)
			s = rd_write_usage_csv(u, t, e);
	}
	rd_task_progress(t, u->n_rows);
	return s;
}

om_status
rd_make_usage(struct rd_parts *w, const Om__JobStart *what, struct rd_task *t, om_err *e)
{
	const char *stem = what->stem != NULL ? what->stem : "usage";
	Om__UsageQuery all = *what->usage;
	Om__Request req = OM__REQUEST__INIT;
	Om__Reply *rep = NULL;
	struct om_arena a;
	unsigned at;
	om_status s;

	if (!all.has_limit) {
		all.has_limit = 1;
		all.limit = USAGE_ROWS;
	}
	om_arena_init(&a, REPLY_BYTES);
	req.body_case = OM__REQUEST__BODY_USAGE;
	req.usage = &all;
	s = om_fleet_call(w->costd, &req, ASK_MS, &a, &rep, &at, e);
	if (s == OM_OK && rep->body_case != OM__REPLY__BODY_USAGE)
		s = om_fail(e, OM_PROTOCOL, "costd answered something else");
	if (s == OM_OK) {
		rd_job_file_describe(t, stem, stem, what->format, NULL, NULL);
		s = write_usage(w, what, rep->usage, &a, t, e);
	}
	om_arena_fini(&a);
	return s;
}

static om_status
write_requests(struct rd_parts *w, const Om__JobStart *what, struct rd_rows *rows, struct rd_task *t, om_err *e)
{
	const struct rd_locale *l = locale_of(w, what);
	struct om_zone_table zone;
	struct rd_table table;
	struct om_arena a;
	om_status s;

	if (what->format == OM__FORMAT__FORMAT_CSV) {
		s = rd_job_file_begin(w, t, true, 0, e);
		return s == OM_OK ? rd_write_requests_csv(rows, t, e) : s;
	}
	om_arena_init(&a, TABLE_BYTES);
	s = rd_search_table_of_requests(l, rows, &a, &table, e);
	if (s == OM_OK)
		s = rd_rows_peek(rows, e); /* which brings the zone */
	if (s == OM_OK)
		s = rd_zone_of_reply(rows->zone, &a, &zone, e);
	if (s == OM_OK)
		s = write_table(w, l, l->single_requests, &table, &zone, t, e);
	om_arena_fini(&a);
	return s;
}

om_status
rd_make_generations(struct rd_parts *w, const Om__JobStart *what, struct rd_task *t, om_err *e)
{
	const char *stem = what->stem != NULL ? what->stem : "requests";
	struct rd_rows rows;
	om_status s;

	rd_job_file_describe(t, stem, stem, what->format, NULL, NULL);
	rd_rows_of_search(&rows, om_fleet_at(w->costd, 0), what->generations);
	rows.progress = rd_job_file_progress(t);
	s = write_requests(w, what, &rows, t, e);
	rd_rows_end(&rows);
	return s;
}
