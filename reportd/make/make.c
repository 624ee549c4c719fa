/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "make.h"

#include "csv/requests.h"
#include "issue/issue.h"
#include "source/rows.h"
#include "source/source.h"
#include "words/clean.h"
#include "envelope.pb-c.h"
#include "statement.pb-c.h"
#include "terms.pb-c.h"
#include "usage.pb-c.h"
#include "base/log.h"
#include "base/stats.h"
#include "base/text.h"

#include <poll.h>
#include <stdio.h>
#include <string.h>

#define USAGE_ROWS    100000u                     /* of totals in a file, the most that costd gives */
#define FIGURES_BYTES ((size_t)512 * 1024 * 1024) /* costd's reply, unpacked, and the document's model */
#define FILE_BYTES    ((size_t)256 * 1024 * 1024) /* a PDF while it is made */
#define TEXT_BYTES    ((size_t)16 * 1024 * 1024)  /* a workbook's words while it is made */
#define ASK_MS        60000
#define RETURN_MS     30000 /* costd may take to come back */
#define LOOK_MS       50
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

static struct om_stat writing_time =
    OM_HISTOGRAM("owui_metering_document_writing_seconds", NULL, "Time to make a document from its figures.");

void
rd_make_stats(void)
{
	rd_source_stats();
	om_stat_register(&writing_time);
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
		f.changed = r->has_terms_changed_us && r->terms_changed_us > r->changed_us ? r->terms_changed_us
											   : r->changed_us;
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

/* One document under way. */
struct document {
	struct rd_workshop *w;
	const Om__RenderQuery *q;
	struct rd_task *t;
	struct rd_month month;
	rd_paper paper;
	struct rd_source src;
	struct rd_made_with with;
	struct om_arena model;
};

/* keep_figures keeps what an issued document is to be known by. */
static om_status
keep_figures(struct document *d, om_err *e)
{
	ProtobufCBinaryData figures;
	om_status s;

	if (!d->q->has_with_figures || !d->q->with_figures)
		return OM_OK;
	s = rd_issue_figures(d->src.reply, &d->model, &figures, e);
	return s == OM_OK ? rd_task_set_figures(d->t, figures.data, figures.len, d->with.kept, e) : s;
}

static om_status
write_file(struct document *d, const struct rd_doc *doc, om_err *e)
{
	switch (d->q->format) {
	case OM__FORMAT__FORMAT_CSV:
	case OM__FORMAT__FORMAT_FOCUS:
		return make_rows(d->w, d->src.reply, d->q->format, d->month.rows, d->t, e);
	case OM__FORMAT__FORMAT_ZIP:
		return rd_make_archive(d->w, &d->month, &d->src, &d->with.terms, d->paper, d->t, e);
	case OM__FORMAT__FORMAT_XLSX:
		return make_sheets(d->w, doc, d->paper, d->t, e);
	case OM__FORMAT__FORMAT_PDF:
	case _OM__FORMAT_IS_INT_SIZE:
		break;
	}
	return make_pages(d->w, doc, d->paper, d->t, e);
}

/* open_rows finds the single requests, where the file shows them. */
static om_status
open_rows(struct document *d, struct rd_rows *rows, const struct rd_figures *total, om_err *e)
{
	const Om__StatementReply *r = d->src.reply;
	om_status s;

	if (!rd_shows_rows(d->q->format))
		return OM_OK;
	d->month.rows = rows;
	if (rd_n_rows(r) == 0)
		return OM_OK;
	s = rd_source_rows(&d->src, d->q->format, rows, e);
	rows->total = r->rows_left_out == 0 || d->src.reading.n > 0 ? total : NULL;
	rows->task = d->t;
	rd_task_expect(d->t, d->src.reading.n > 0 ? rd_n_rows(r) : r->n_generations);
	return s;
}

static om_status
write_document(struct document *d, om_err *e)
{
	const Om__StatementReply *r = d->src.reply;
	struct rd_rows rows = {.last = true};
	const struct rd_doc *doc = NULL;
	struct rd_figures total;
	om_status s = rd_figures_read(r->total, &total, e);

	if (s == OM_OK)
		s = open_rows(d, &rows, &total, e);
	if (s == OM_OK)
		s = rd_statement_new(r, &d->month, &d->with.terms, &d->model, &doc, e);
	if (s == OM_OK)
		s = keep_figures(d, e);
	if (s == OM_OK) {
		say(d->t, doc->stem,
		    rd_fill(&d->model, doc->locale->document_title, doc->title, doc->month, doc->subject), d->q->format,
		    r, d->q->format == OM__FORMAT__FORMAT_ZIP ? NULL : doc);
		s = write_file(d, doc, e);
	}
	if (s != OM_OK && rows.lost)
		s = om_fail(e, OM_NOT_FOUND, "costd lost the rows half-way; ask again");
	rd_rows_end(&rows);
	d->month.rows = NULL;
	return s;
}

/* find_terms: those that an issued document kept, or those of the month; language and
 * paper of what was kept, unless others are asked for. */
static om_status
find_terms(struct document *d, om_err *e)
{
	om_day first = om_day_from_civil(d->month.year, d->month.month, 1);
	const struct rd_house *h = d->w->house;
	Om__Terms charges = OM__TERMS__INIT, *t = d->src.reply->terms;
	om_status s = OM_OK;

	if (d->q->has_figures) {
		s = rd_terms_kept(h, d->q->terms != NULL ? d->q->terms : "", first, &d->model, &d->with, e);
		if (s == OM_OK && d->q->locale == NULL && d->with.locale != NULL)
			d->month.locale = d->with.locale;
		if (s == OM_OK && d->q->paper == NULL && d->with.paper != NULL)
			d->paper = strcmp(d->with.paper, "letter") == 0 ? RD_LETTER : RD_A4;
		return s;
	}
	if (d->q->terms != NULL) {
		s = rd_terms_kept_charges(d->q->terms, &d->model, &charges, e);
		t = &charges;
	}
	return s == OM_OK ? rd_terms_used(h, t, first, &d->month, d->paper, &d->model, &d->with, e) : s;
}

static om_status
fill_document(struct document *d, om_err *e)
{
	int64_t began;
	/* costd must know the settings before it names the month's terms */
	om_status s = d->q->has_figures ? OM_OK : rd_offering_made(d->w->offering, e);

	if (s == OM_OK)
		s = rd_source_open(&d->src, d->q, &d->month, &d->model, e);
	if (s == OM_OK)
		s = rd_task_go_on(d->t, e);
	if (s == OM_OK)
		s = rd_month_set_zone(&d->month, d->src.zone, &d->model, e);
	if (s == OM_OK)
		s = find_terms(d, e);
	if (s == OM_OK) {
		began = om_mono_ms();
		s = write_document(d, e);
		om_stat_observe_us(&writing_time, (om_mono_ms() - began) * 1000);
	}
	rd_source_close(&d->src);
	return s;
}

static om_status
make_document(struct rd_workshop *w, const Om__RenderQuery *q, struct rd_task *t, om_err *e)
{
	struct document d = {.w = w, .q = q, .t = t, .src = {.costd = w->costd, .task = t}};
	om_status s = rd_house_month(w->house, q, &d.month, &d.paper, e);

	if (s != OM_OK)
		return s;
	om_arena_init(&d.model, FIGURES_BYTES);
	s = fill_document(&d, e);
	om_arena_fini(&d.model);
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
	    .issuer = w->house->issuer.name != NULL ? &w->house->issuer : &nobody,
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
