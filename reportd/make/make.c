/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "make.h"

#include "make_in.h"
#include "csv/requests.h"
#include "document/statement.h"
#include "pdf/pdf.h"
#include "source/figures.h"
#include "source/kept_figures.h"
#include "source/rows.h"
#include "source/source.h"
#include "terms/kept_terms.h"
#include "envelope.pb-c.h"
#include "statement.pb-c.h"
#include "terms.pb-c.h"
#include "usage.pb-c.h"
#include "base/invariant.h"
#include "base/log.h"
#include "base/stats.h"

#include <poll.h>
#include <string.h>

#define FIGURES_BYTES ((size_t)512 * 1024 * 1024) /* costd's reply, unpacked, and the document's model */
#define FILE_BYTES    ((size_t)256 * 1024 * 1024) /* a PDF while it is made */
#define RETURN_MS     30000                       /* costd may take to come back */
#define LOOK_MS       50

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
rd_make_check(const struct rd_parts *w, const Om__JobStart *what, om_err *e)
{
	const struct rd_asked asked = {.query = what->render};
	struct rd_month m;
	rd_paper paper;

	if (what->file_case != OM__JOB_START__FILE_RENDER) {
		if (what->format != OM__FORMAT__FORMAT_CSV && what->format != OM__FORMAT__FORMAT_XLSX)
			return om_fail(e, OM_INVALID, "format: must be csv or xlsx");
		if (what->locale != NULL && rd_locale_named(what->locale) == NULL)
			return om_fail(e, OM_INVALID, "locale: must be one of %s", RD_LOCALES);
		return OM_OK;
	}
	if (!rd_job_file_has_kind(what->render->format))
		return om_fail(e, OM_INVALID, "format: must be pdf, xlsx, csv, focus or zip");
	if (what->render->format == OM__FORMAT__FORMAT_ZIP &&
	    (what->render->user != NULL || what->render->group != NULL))
		return om_fail(e, OM_INVALID, "format: only everyone's month is made as a zip");
	return rd_document_settings_month(w->settings, &asked, &m, &paper, e);
}

/* ---- documents ---- */

static om_status
write_bytes(struct rd_parts *w, struct rd_task *t, const struct rd_file *f, om_err *e)
{
	om_status s = rd_job_file_begin(w, t, false, f->n, e);

	return s == OM_OK ? rd_task_write(t, f->data, f->n, e) : s;
}

static om_status
make_pages(struct rd_parts *w, const struct rd_doc *d, rd_paper paper, struct rd_task *t, om_err *e)
{
	struct om_arena a;
	struct rd_file f;
	om_status s;

	om_arena_init(&a, FILE_BYTES);
	s = rd_write_pdf(d, w->fonts, paper, &a, &f, e);
	if (s == OM_OK)
		s = write_bytes(w, t, &f, e);
	om_arena_fini(&a);
	return s;
}

static om_status
make_rows(struct rd_parts *w, const Om__StatementReply *r, Om__Format format, struct rd_rows *rows, struct rd_task *t,
    om_err *e)
{
	const struct rd_focus focus = {.from = r->from_us, .to = r->to_us};
	om_status s = rd_job_file_begin(w, t, true, 0, e);

	if (s != OM_OK)
		return s;
	return format == OM__FORMAT__FORMAT_FOCUS ? rd_write_focus_csv(rows, &focus, t, e)
						  : rd_write_requests_csv(rows, t, e);
}

/* One document under way. */
struct document {
	struct rd_parts *w;
	const struct rd_asked *asked;
	const Om__RenderQuery *q; /* asked's */
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

	if (!d->asked->with_figures)
		return OM_OK;
	s = rd_kept_figures_pack(d->src.reply, &d->model, &figures, e);
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
		return rd_job_file_write_sheets(d->w, doc, d->paper, d->t, e);
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
	rows->progress = rd_job_file_progress(d->t);
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
		rd_job_file_describe(d->t, doc->stem,
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
	const struct rd_document_settings *h = d->w->settings;
	Om__Terms charges = OM__TERMS__INIT, *t = d->src.reply->terms;
	om_status s = OM_OK;

	if (d->asked->kept) {
		s = rd_terms_kept(h, d->asked->terms != NULL ? d->asked->terms : "", first, &d->model, &d->with, e);
		if (s == OM_OK && d->q->locale == NULL && d->with.locale != NULL)
			d->month.locale = d->with.locale;
		if (s == OM_OK && d->q->paper == NULL && d->with.paper != NULL)
			d->paper = strcmp(d->with.paper, "letter") == 0 ? RD_LETTER : RD_A4;
		return s;
	}
	if (d->asked->terms != NULL) {
		s = rd_terms_kept_charges(d->asked->terms, &d->model, &charges, e);
		t = &charges;
	}
	return s == OM_OK ? rd_terms_used(h, t, first, &d->month, d->paper, &d->model, &d->with, e) : s;
}

static om_status
fill_document(struct document *d, om_err *e)
{
	int64_t began;
	/* costd must know the settings before it names the month's terms */
	om_status s = d->asked->kept ? OM_OK : rd_offering_made(d->w->offering, e);

	if (s == OM_OK)
		s = rd_source_open(&d->src, d->asked, &d->month, &d->model, e);
	if (s == OM_OK && d->asked->kept && d->month.user != NULL && d->src.reply->user != NULL)
		d->month.user = d->src.reply->user->id; /* the document's own, whoever they are shown as since */
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
make_document(struct rd_parts *w, const struct rd_asked *asked, struct rd_task *t, om_err *e)
{
	struct document d = {.w = w,
	    .asked = asked,
	    .q = asked->query,
	    .t = t,
	    .src = {.costd = w->costd, .progress = rd_job_file_progress(t)}};
	om_status s = rd_document_settings_month(w->settings, asked, &d.month, &d.paper, e);

	if (s != OM_OK)
		return s;
	om_arena_init(&d.model, FIGURES_BYTES);
	s = fill_document(&d, e);
	om_arena_fini(&d.model);
	return s;
}

static om_status
make_once(struct rd_parts *w, const Om__JobStart *what, const struct rd_asked *more, struct rd_task *t, om_err *e)
{
	const struct rd_asked plain = {.query = what->render};
	om_status s = rd_make_check(w, what, e);

	if (s != OM_OK)
		return s;
	switch (what->file_case) {
	case OM__JOB_START__FILE_RENDER:
		return make_document(w, more != NULL ? more : &plain, t, e);
	case OM__JOB_START__FILE_USAGE:
		return rd_make_usage(w, what, t, e);
	case OM__JOB_START__FILE_GENERATIONS:
		return rd_make_generations(w, what, t, e);
	case OM__JOB_START__FILE__NOT_SET:
	default:
		break;
	}
	return om_fail(e, OM_INVALID, "a job makes a document, or a table of usage or of requests");
}

/* await_costd waits a while for a costd that is being started again. */
static om_status
await_costd(const struct rd_parts *w, struct rd_task *t, om_err *e)
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
rd_make(void *arg, const Om__JobStart *what, const struct rd_asked *more, struct rd_task *t, om_err *e)
{
	struct rd_parts *w = arg;
	om_status s;

	om_check(what->file_case != OM__JOB_START__FILE__NOT_SET);
	s = make_once(w, what, more, t, e);

	/* a reading lost half-way: once more, if no client has seen any of it */
	if (s == OM_NOT_FOUND && atomic_load(&t->rows_total) > 0 && rd_task_again(t)) {
		om_log(OM_LOG_WARN, "costd lost the rows half-way; the file is begun again", NULL);
		s = await_costd(w, t, e);
		if (s == OM_OK)
			s = make_once(w, what, more, t, e);
	}
	return s == OM_NOT_FOUND && atomic_load(&t->rows_total) > 0 ? OM_UNAVAILABLE : s;
}
