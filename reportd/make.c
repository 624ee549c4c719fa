/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "make.h"

#include "clean.h"
#include "issue.h"
#include "log.h"
#include "rows.h"
#include "sink_csv.h"
#include "stats.h"
#include "text.h"

#include <poll.h>
#include <stdio.h>
#include <string.h>

#define MAX_ROWS      100000u                     /* of requests that come with the totals */
#define USAGE_ROWS    100000u                     /* of totals in a file, the most that costd gives */
#define FIGURES_BYTES ((size_t)512 * 1024 * 1024) /* costd's reply, unpacked, and the document's model */
#define FILE_BYTES    ((size_t)256 * 1024 * 1024) /* a PDF while it is made */
#define TEXT_BYTES    ((size_t)16 * 1024 * 1024)  /* a workbook's words while it is made */
#define ASK_MS        60000
#define RETURN_MS     30000 /* costd may take to come back */
#define LOOK_MS       50
#define ROOM_MS       75000 /* costd ends a reading that nobody asks about after 60 s */
#define PAUSE_MS      200
#define SMALL_FILE    ((uint64_t)4 * 1024 * 1024)      /* room on the disk wanted for what is not estimated */
#define NO_DATE       ((om_time)315532800 * OM_SECOND) /* 1980, as in a ZIP: the same figures give the same bytes */
#define TEXT_CSV      "text/csv; charset=utf-8"
#define TEXT_XLSX     "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"

static const struct {
	const char *end, *content_type;
} kinds[] = {
    [OM__FORMAT__FORMAT_PDF] = {"pdf", "application/pdf"},
    [OM__FORMAT__FORMAT_XLSX] = {"xlsx", TEXT_XLSX},
    [OM__FORMAT__FORMAT_CSV] = {"csv", TEXT_CSV},
    [OM__FORMAT__FORMAT_FOCUS] = {"focus.csv", TEXT_CSV},
    [OM__FORMAT__FORMAT_ZIP] = {"zip", "application/zip"},
};

#define FORMATS (sizeof kinds / sizeof kinds[0])

static struct om_stat asking_time =
    OM_HISTOGRAM("owui_metering_document_figures_seconds", NULL, "Time to get a document's figures from costd.");
static struct om_stat writing_time =
    OM_HISTOGRAM("owui_metering_document_writing_seconds", NULL, "Time to make a document from its figures.");

om_status
rd_workshop_init(struct rd_workshop *w, om_err *e)
{
	(void)w;
	(void)e;
	om_stat_register(&asking_time);
	om_stat_register(&writing_time);
	return OM_OK;
}

void
rd_workshop_fini(struct rd_workshop *w)
{
	(void)w; /* nothing is held between documents */
}

/* ---- the question ---- */

om_status
rd_make_check(const struct rd_workshop *w, const Om__JobStart *what, om_err *e)
{
	struct rd_month m;
	rd_paper paper;

	if (what->render == NULL) {
		if (what->format != OM__FORMAT__FORMAT_CSV && what->format != OM__FORMAT__FORMAT_XLSX)
			return om_fail(e, OM_INVALID, "format: must be csv or xlsx");
		if (what->locale != NULL && rd_locale_named(what->locale) == NULL)
			return om_fail(e, OM_INVALID, "locale: must be one of %s", RD_LOCALES);
		return OM_OK;
	}
	if ((unsigned)what->render->format >= FORMATS)
		return om_fail(e, OM_INVALID, "format: must be pdf, xlsx, csv, focus or zip");
	if (what->render->format == OM__FORMAT__FORMAT_ZIP &&
	    (what->render->user != NULL || what->render->group != NULL))
		return om_fail(e, OM_INVALID, "format: only everyone's month is made as a zip");
	return rd_house_month(w->house, what->render, &m, &paper, e);
}

om_status
rd_ask_statement(struct rd_workshop *w, const struct rd_month *m, uint32_t max_rows, bool open_reading,
    struct om_arena *a, Om__StatementReply **out, unsigned *at_out, om_err *e)
{
	Om__Request req = OM__REQUEST__INIT;
	Om__StatementQuery q = OM__STATEMENT_QUERY__INIT;
	int64_t began = om_mono_ms();
	Om__Reply *rep;
	om_status s;

	q.user = m->user != NULL ? om_arena_strdup(a, m->user) : NULL;
	q.group = m->group != NULL ? om_arena_strdup(a, m->group) : NULL;
	if (a->failed)
		return om_fail(e, OM_NOMEM, "out of memory");
	q.year = (uint32_t)m->year;
	q.month = (uint32_t)m->month;
	q.max_rows = max_rows;
	q.has_open_reading = open_reading;
	q.open_reading = open_reading;
	req.body_case = OM__REQUEST__BODY_STATEMENT;
	req.statement = &q;
	s = om_fleet_call(w->costd, &req, ASK_MS, a, &rep, at_out, e);
	om_stat_observe_us(&asking_time, (om_mono_ms() - began) * 1000);
	if (s != OM_OK)
		return s;
	if (rep->body_case != OM__REPLY__BODY_STATEMENT)
		return om_fail(e, OM_PROTOCOL, "costd answered something else");
	*out = rep->statement;
	return OM_OK;
}

/* ---- what is said of the file ---- */

static void
copy_text(char *out, size_t room, const char *text, bool as_name)
{
	size_t n = strlen(text);

	if (n >= room) { /* cut between characters */
		for (n = room - 1; n > 0 && ((unsigned char)text[n] & 0xc0) == 0x80; n--)
			continue;
	}
	memcpy(out, text, n);
	out[n] = '\0';
	for (char *p = out; as_name && *p != '\0'; p++)
		if (*p == '/' || *p == '\\')
			*p = '-';
}

static void
say(struct rd_task *t, const char *stem, const char *shown, Om__Format format, const Om__StatementReply *r,
    const struct rd_doc *d)
{
	struct rd_task_facts f = {.content_type = kinds[format].content_type};
	char text[RD_TASK_NAME];

	(void)snprintf(f.name, sizeof f.name, "%.180s.%s", stem, kinds[format].end);
	copy_text(text, sizeof text - 12, shown, true);
	(void)snprintf(f.shown, sizeof f.shown, "%.186s.%s", text, kinds[format].end);
	if (d != NULL) {
		(void)om_money_text_fixed(d->due, d->digits, f.total);
		(void)snprintf(f.currency, sizeof f.currency, "%.7s", d->currency);
		f.unsettled = d->unsettled;
	}
	if (r != NULL && r->has_changed_us)
		f.changed = r->changed_us;
	if (r != NULL && r->user != NULL && r->user->name != NULL)
		copy_text(f.user_name, sizeof f.user_name, r->user->name, false);
	rd_task_set_facts(t, &f);
}

/* ---- documents ---- */

static om_status
put_file(struct rd_workshop *w, struct rd_task *t, const struct rd_file *f, om_err *e)
{
	om_status s = rd_task_folder(t, w->work, f->n + SMALL_FILE, e);

	if (s == OM_OK)
		s = rd_task_begin(t, false, e);
	return s == OM_OK ? rd_task_write(t, f->data, f->n, e) : s;
}

static om_status
make_pages(struct rd_workshop *w, const struct rd_doc *d, rd_paper paper, struct rd_task *t, om_err *e)
{
	struct om_arena a;
	struct rd_file f;
	om_status s;

	om_arena_init(&a, FILE_BYTES);
	s = rd_write_pdf(d, w->fonts, paper, &a, &f, e);
	if (s == OM_OK)
		s = put_file(w, t, &f, e);
	om_arena_fini(&a);
	return s;
}

static om_status
make_sheets(struct rd_workshop *w, const struct rd_doc *d, rd_paper paper, struct rd_task *t, om_err *e)
{
	const struct rd_xlsx_opts how = {.work = w->work, .paper = paper};
	struct om_arena a;
	om_status s;

	om_arena_init(&a, TEXT_BYTES);
	s = rd_write_xlsx(d, &how, t, &a, e);
	om_arena_fini(&a);
	return s;
}

static om_status
make_rows(struct rd_workshop *w, const Om__StatementReply *r, Om__Format format, struct rd_rows *rows,
    struct rd_task *t, om_err *e)
{
	const struct rd_focus focus = {.from = r->from_us, .to = r->to_us};
	om_status s = rd_task_folder(t, w->work, SMALL_FILE, e);

	if (s == OM_OK)
		s = rd_task_begin(t, true, e);
	if (s != OM_OK)
		return s;
	return format == OM__FORMAT__FORMAT_FOCUS ? rd_write_focus_csv(rows, &focus, t, e)
						  : rd_write_requests_csv(rows, t, e);
}

static bool
shows_rows(Om__Format format)
{
	return format == OM__FORMAT__FORMAT_CSV || format == OM__FORMAT__FORMAT_FOCUS ||
	    format == OM__FORMAT__FORMAT_XLSX;
}

/* open_rows finds where the single requests come from. */
static om_status
open_rows(
    struct rd_workshop *w, const Om__StatementReply *r, unsigned at, Om__Format format, struct rd_rows *rows, om_err *e)
{
	if (r->has_reading_id)
		return rd_rows_of_reading(rows, om_fleet_at(w->costd, at), r->reading_id, e);
	rd_rows_of_reply(rows, r);
	if (r->rows_left_out > 0 && format != OM__FORMAT__FORMAT_XLSX)
		return om_fail(e, OM_TOO_LARGE, "the month has %llu rows, too many for this file",
		    (unsigned long long)rd_n_rows(r));
	return OM_OK;
}

/* keep_figures keeps what an issued document is to be known by. */
static om_status
keep_figures(const Om__StatementReply *r, struct om_arena *a, struct rd_task *t, om_err *e)
{
	ProtobufCBinaryData figures;
	om_status s = rd_issue_figures(r, a, &figures, e);

	return s == OM_OK ? rd_task_set_figures(t, figures.data, figures.len, e) : s;
}

static om_status
write_file(struct rd_workshop *w, const Om__RenderQuery *q, const struct rd_month *m, rd_paper paper,
    const Om__StatementReply *r, const struct rd_doc *d, struct rd_task *t, om_err *e)
{
	switch (q->format) {
	case OM__FORMAT__FORMAT_CSV:
	case OM__FORMAT__FORMAT_FOCUS:
		return make_rows(w, r, q->format, m->rows, t, e);
	case OM__FORMAT__FORMAT_ZIP:
		return rd_make_archive(w, m, r, paper, t, e);
	case OM__FORMAT__FORMAT_XLSX:
		return make_sheets(w, d, paper, t, e);
	case OM__FORMAT__FORMAT_PDF:
	case _OM__FORMAT_IS_INT_SIZE:
		break;
	}
	return make_pages(w, d, paper, t, e);
}

static om_status
write_document(struct rd_workshop *w, const Om__RenderQuery *q, struct rd_month *m, rd_paper paper,
    const Om__StatementReply *r, unsigned at, struct om_arena *model, struct rd_task *t, om_err *e)
{
	struct rd_rows rows = {.last = true};
	const struct rd_doc *d = NULL;
	struct rd_figures total;
	om_status s = rd_figures_read(r->total, &total, e);

	if (s == OM_OK && shows_rows(q->format) && rd_n_rows(r) > 0) {
		s = open_rows(w, r, at, q->format, &rows, e);
		rows.total = r->rows_left_out == 0 || r->has_reading_id ? &total : NULL;
		rows.task = t;
		rd_task_expect(t, r->has_reading_id ? rd_n_rows(r) : r->n_generations);
	}
	m->rows = shows_rows(q->format) ? &rows : NULL;
	if (s == OM_OK)
		s = rd_statement_new(r, m, &w->house->terms, model, &d, e);
	if (s == OM_OK && q->has_with_figures && q->with_figures)
		s = keep_figures(r, model, t, e);
	if (s == OM_OK) {
		say(t, d->stem, rd_fill(model, d->locale->document_title, d->title, d->month, d->subject), q->format, r,
		    q->format == OM__FORMAT__FORMAT_ZIP ? NULL : d);
		s = write_file(w, q, m, paper, r, d, t, e);
	}
	if (s != OM_OK && rows.lost)
		s = om_fail(e, OM_NOT_FOUND, "costd lost the rows half-way; ask again");
	rd_rows_end(&rows);
	m->rows = NULL;
	return s;
}

/* ask_reading has the rows kept open, as soon as costd has room for that. */
static om_status
ask_reading(struct rd_workshop *w, const struct rd_month *m, struct rd_task *t, struct om_arena *a,
    Om__StatementReply **out, unsigned *at, om_err *e)
{
	int64_t until = om_mono_ms() + ROOM_MS;
	om_status s = rd_ask_statement(w, m, 0, true, a, out, at, e);

	while (s == OM_THROTTLED && om_mono_ms() < until && !om_fleet_hurried(w->costd)) {
		(void)poll(NULL, 0, PAUSE_MS);
		s = rd_task_go_on(t, e);
		if (s == OM_OK)
			s = rd_ask_statement(w, m, 0, true, a, out, at, e);
	}
	return s == OM_THROTTLED ? OM_UNAVAILABLE : s;
}

/* ask_fitting asks for the single requests where the file shows them: kept
 * open to be read page by page, or with the totals, or, when they do not fit
 * into one message and the file can do without, not at all. */
static om_status
ask_fitting(struct rd_workshop *w, const struct rd_month *m, Om__Format format, struct rd_task *t, struct om_arena *a,
    Om__StatementReply **out, unsigned *at, om_err *e)
{
	Om__StatementReply *with_rows = NULL;
	om_status s;

	if (!shows_rows(format))
		return rd_ask_statement(w, m, 0, false, a, out, at, e);
	s = ask_reading(w, m, t, a, out, at, e);
	if (s != OM_OK || (*out)->has_reading_id || rd_n_rows(*out) == 0)
		return s;
	s = rd_ask_statement(w, m, MAX_ROWS, false, a, &with_rows, at, e);
	if (s == OM_OK)
		*out = with_rows;
	return s == OM_TOO_LARGE && format == OM__FORMAT__FORMAT_XLSX ? OM_OK : s;
}

static om_status
make_document(struct rd_workshop *w, const Om__RenderQuery *q, struct rd_task *t, om_err *e)
{
	Om__StatementReply *r = NULL;
	struct om_arena model;
	struct rd_month m;
	rd_paper paper;
	unsigned at = 0;
	int64_t began;
	om_status s = rd_house_month(w->house, q, &m, &paper, e);

	if (s != OM_OK)
		return s;
	om_arena_init(&model, FIGURES_BYTES);
	s = ask_fitting(w, &m, q->format, t, &model, &r, &at, e);
	if (s == OM_OK)
		s = rd_task_go_on(t, e);
	if (s == OM_OK)
		s = rd_month_set_zone(&m, r->zone, &model, e);
	if (s == OM_OK) {
		began = om_mono_ms();
		s = write_document(w, q, &m, paper, r, at, &model, t, e);
		om_stat_observe_us(&writing_time, (om_mono_ms() - began) * 1000);
	}
	om_arena_fini(&model);
	return s;
}

/* ---- what the read calls show ---- */

/* make_found writes one table as a workbook without a summary. */
static om_status
make_found(struct rd_workshop *w, const struct rd_locale *l, const char *title, const struct rd_table *table,
    const struct om_zone_table *zone, struct rd_task *t, om_err *e)
{
	static const struct rd_issuer nobody = {.name = NULL};
	const struct rd_doc d = {
	    .kind = RD_REPORT,
	    .locale = l,
	    .zone = zone,
	    .issuer = w->house->terms.issuer.name != NULL ? &w->house->terms.issuer : &nobody,
	    .title = title,
	    .month = "",
	    .subject = l->all_users,
	    .currency = "USD",
	    .digits = 2,
	    .created = NO_DATE,
	    .tables = table,
	    .n_tables = 1,
	};

	return make_sheets(w, &d, w->house->paper, t, e);
}

static const struct rd_locale *
locale_of(const struct rd_workshop *w, const Om__JobStart *what)
{
	return what->locale != NULL ? rd_locale_named(what->locale) : w->house->locale;
}

static om_status
write_usage(struct rd_workshop *w, const Om__JobStart *what, const Om__UsageReply *u, struct om_arena *a,
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
		s = rd_found_usage(l, u, a, &table, e);
		if (s == OM_OK)
			s = make_found(w, l, l->usage, &table, &om_zone_utc, t, e);
	} else {
		s = rd_task_folder(t, w->work, SMALL_FILE, e);
		if (s == OM_OK)
			s = rd_task_begin(t, true, e);
		if (s == OM_OK)
			s = rd_write_usage_csv(u, t, e);
	}
	rd_task_progress(t, u->n_rows);
	return s;
}

static om_status
make_usage(struct rd_workshop *w, const Om__JobStart *what, struct rd_task *t, om_err *e)
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
	om_arena_init(&a, FIGURES_BYTES);
	req.body_case = OM__REQUEST__BODY_USAGE;
	req.usage = &all;
	s = om_fleet_call(w->costd, &req, ASK_MS, &a, &rep, &at, e);
	if (s == OM_OK && rep->body_case != OM__REPLY__BODY_USAGE)
		s = om_fail(e, OM_PROTOCOL, "costd answered something else");
	if (s == OM_OK) {
		say(t, stem, stem, what->format, NULL, NULL);
		s = write_usage(w, what, rep->usage, &a, t, e);
	}
	om_arena_fini(&a);
	return s;
}

static om_status
write_found(struct rd_workshop *w, const Om__JobStart *what, struct rd_rows *rows, struct rd_task *t, om_err *e)
{
	const struct rd_locale *l = locale_of(w, what);
	struct om_zone_table zone;
	struct rd_table table;
	struct om_arena a;
	om_status s;

	if (what->format == OM__FORMAT__FORMAT_CSV) {
		s = rd_task_folder(t, w->work, SMALL_FILE, e);
		if (s == OM_OK)
			s = rd_task_begin(t, true, e);
		return s == OM_OK ? rd_write_requests_csv(rows, t, e) : s;
	}
	om_arena_init(&a, TEXT_BYTES);
	s = rd_found_requests(l, rows, &a, &table, e);
	if (s == OM_OK)
		s = rd_rows_peek(rows, e); /* which brings the zone */
	if (s == OM_OK)
		s = rd_zone_of_reply(rows->zone, &a, &zone, e);
	if (s == OM_OK)
		s = make_found(w, l, l->single_requests, &table, &zone, t, e);
	om_arena_fini(&a);
	return s;
}

static om_status
make_generations(struct rd_workshop *w, const Om__JobStart *what, struct rd_task *t, om_err *e)
{
	const char *stem = what->stem != NULL ? what->stem : "requests";
	struct rd_rows rows;
	om_status s;

	say(t, stem, stem, what->format, NULL, NULL);
	rd_rows_of_search(&rows, om_fleet_at(w->costd, 0), what->generations);
	rows.task = t;
	s = write_found(w, what, &rows, t, e);
	rd_rows_end(&rows);
	return s;
}

static om_status
make_once(struct rd_workshop *w, const Om__JobStart *what, struct rd_task *t, om_err *e)
{
	om_status s = rd_make_check(w, what, e);

	if (s != OM_OK)
		return s;
	if (what->render != NULL)
		return make_document(w, what->render, t, e);
	return what->usage != NULL ? make_usage(w, what, t, e) : make_generations(w, what, t, e);
}

/* await_costd waits a while for a costd that is being started again. */
static om_status
await_costd(const struct rd_workshop *w, struct rd_task *t, om_err *e)
{
	int64_t until = om_mono_ms() + RETURN_MS;
	om_status s = rd_task_go_on(t, e);

	while (s == OM_OK && om_fleet_connected(w->costd) == 0 && !om_fleet_hurried(w->costd) && om_mono_ms() < until) {
		(void)poll(NULL, 0, LOOK_MS);
		s = rd_task_go_on(t, e);
	}
	return s;
}

om_status
rd_make(void *arg, const Om__JobStart *what, struct rd_task *t, om_err *e)
{
	struct rd_workshop *w = arg;
	om_status s = make_once(w, what, t, e);

	/* a reading lost half-way: once more, if nobody has seen any of it */
	if (s == OM_NOT_FOUND && atomic_load(&t->rows_total) > 0 && rd_task_again(t)) {
		om_log(OM_LOG_WARN, "the rows were lost half-way; once more", NULL);
		s = await_costd(w, t, e);
		if (s == OM_OK)
			s = make_once(w, what, t, e);
	}
	return s == OM_NOT_FOUND && atomic_load(&t->rows_total) > 0 ? OM_UNAVAILABLE : s;
}
