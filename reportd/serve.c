/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "serve.h"

#include "app.h"
#include "describe.h"
#include "issue.h"
#include "log.h"
#include "stats.h"

#include <string.h>

#define MAX_ROWS      100000u                     /* of requests in a workbook */
#define FIGURES_BYTES ((size_t)512 * 1024 * 1024) /* costd's reply, unpacked, and the document's model */
#define LEAST_MS      50                          /* no use to ask costd with less time left */
#define ZONE_TRIES    8

static struct om_stat made[2][2] = {
    {OM_COUNTER("owui_metering_documents_total", "kind=\"statement\",format=\"pdf\"", "Documents made."),
	OM_COUNTER("owui_metering_documents_total", "kind=\"statement\",format=\"xlsx\"", "Documents made.")},
    {OM_COUNTER("owui_metering_documents_total", "kind=\"report\",format=\"pdf\"", "Documents made."),
	OM_COUNTER("owui_metering_documents_total", "kind=\"report\",format=\"xlsx\"", "Documents made.")},
};
static struct om_stat failed =
    OM_COUNTER("owui_metering_document_failures_total", NULL, "Documents that could not be made.");
static struct om_stat bytes_made =
    OM_COUNTER("owui_metering_document_bytes_total", NULL, "Bytes of the documents made.");
static struct om_stat asking_time =
    OM_HISTOGRAM("owui_metering_document_figures_seconds", NULL, "Time to get a document's figures from costd.");
static struct om_stat writing_time =
    OM_HISTOGRAM("owui_metering_document_writing_seconds", NULL, "Time to make a document from its figures.");

om_status
rd_server_init(struct rd_server *srv, om_err *e)
{
	if (pthread_rwlock_init(&srv->zone, NULL) != 0)
		return om_fail(e, OM_NOMEM, "cannot make a lock");
	for (int i = 0; i < 4; i++)
		om_stat_register(&made[i / 2][i % 2]);
	om_stat_register(&failed);
	om_stat_register(&bytes_made);
	om_stat_register(&asking_time);
	om_stat_register(&writing_time);
	return om_zone_open("UTC", e);
}

void
rd_server_fini(struct rd_server *srv)
{
	(void)pthread_rwlock_destroy(&srv->zone);
}

/* ---- the reporting zone ---- */

static om_status
hold_zone(struct rd_server *srv, const char *name, om_err *e)
{
	om_status s;
	om_err why;

	for (int i = 0; i < ZONE_TRIES; i++) {
		(void)pthread_rwlock_rdlock(&srv->zone);
		if (strcmp(om_zone_name(), name) == 0)
			return OM_OK;
		(void)pthread_rwlock_unlock(&srv->zone);
		(void)pthread_rwlock_wrlock(&srv->zone);
		s = om_zone_open(name, &why);
		(void)pthread_rwlock_unlock(&srv->zone);
		if (s != OM_OK)
			return om_fail(e, OM_INTERNAL, "costd's time zone %.60s: %.120s; is tzdata installed here?",
			    name, why.text);
	}
	return om_fail(e, OM_INTERNAL, "costd's replies name different time zones");
}

static void
release_zone(struct rd_server *srv)
{
	(void)pthread_rwlock_unlock(&srv->zone);
}

/* ---- a document ---- */

static om_status
ask(struct rd_server *srv, const struct rd_month *m, uint32_t max_rows, int64_t deadline_ms, struct om_arena *a,
    Om__StatementReply **out, om_err *e)
{
	Om__Request req = OM__REQUEST__INIT;
	Om__StatementQuery q = OM__STATEMENT_QUERY__INIT;
	int64_t left = deadline_ms - om_mono_ms();
	int64_t began = om_mono_ms();
	Om__Reply *rep;
	om_status s;

	if (left < LEAST_MS)
		return om_fail(e, OM_TIMEOUT, "no time left to ask costd");
	q.user = m->user != NULL ? om_arena_strdup(a, m->user) : NULL;
	q.group = m->group != NULL ? om_arena_strdup(a, m->group) : NULL;
	if (a->failed)
		return om_fail(e, OM_NOMEM, "out of memory");
	q.year = (uint32_t)m->year;
	q.month = (uint32_t)m->month;
	q.max_rows = max_rows;
	req.body_case = OM__REQUEST__BODY_STATEMENT;
	req.statement = &q;
	s = om_wire_call(srv->costd, &req, left > INT32_MAX ? INT32_MAX : (int)left, a, &rep, e);
	om_stat_observe_us(&asking_time, (om_mono_ms() - began) * 1000);
	if (s != OM_OK)
		return s;
	if (rep->body_case != OM__REPLY__BODY_STATEMENT)
		return om_fail(e, OM_PROTOCOL, "costd answered something else");
	*out = rep->statement;
	return OM_OK;
}

/* ask_fitting asks for the single requests, too, for a workbook; once more
 * without them when they do not fit into one message. */
static om_status
ask_fitting(struct rd_server *srv, const struct rd_month *m, Om__Format format, int64_t deadline_ms, struct om_arena *a,
    Om__StatementReply **out, om_err *e)
{
	static const uint32_t rows[] = {MAX_ROWS, 0};
	om_status s = OM_OK;

	for (size_t i = format == OM__FORMAT__FORMAT_XLSX ? 0 : 1; i < 2; i++) {
		s = ask(srv, m, rows[i], deadline_ms, a, out, e);
		if (s != OM_TOO_LARGE)
			break;
	}
	return s;
}

/* note_shown says in the reply what the document shows. */
static om_status
note_shown(const Om__StatementReply *r, const struct rd_doc *d, bool with_figures, struct om_arena *a,
    Om__RenderReply *out, om_err *e)
{
	char text[OM_MONEY_TEXT];

	out->total = om_arena_strdup(a, om_money_text_fixed(d->due, d->digits, text));
	out->currency = om_arena_strdup(a, d->currency);
	out->has_unsettled = true;
	out->unsettled = d->unsettled;
	out->has_changed_us = r->has_changed_us;
	out->changed_us = r->changed_us;
	if (r->user != NULL && r->user->name != NULL)
		out->user_name = om_arena_strdup(a, r->user->name);
	out->has_figures = with_figures;
	if (a->failed)
		return om_fail(e, OM_NOMEM, "out of memory");
	return with_figures ? rd_issue_figures(r, a, &out->figures, e) : OM_OK;
}

static om_status
write_file(struct rd_server *srv, const Om__StatementReply *r, const struct rd_month *m, const Om__RenderQuery *q,
    rd_paper paper, struct om_arena *model, struct om_arena *a, struct rd_file *out, Om__RenderReply *shown, om_err *e)
{
	Om__Format format = q->format;
	const struct rd_doc *d;
	om_status s = hold_zone(srv, r->timezone, e);

	if (s != OM_OK)
		return s;
	s = rd_statement_new(r, m, &srv->house->terms, model, &d, e);
	if (s == OM_OK && format == OM__FORMAT__FORMAT_PDF)
		s = rd_write_pdf(d, srv->fonts, paper, a, out, e);
	else if (s == OM_OK)
		s = rd_write_xlsx(d, srv->work, paper, a, out, e);
	release_zone(srv);
	return s == OM_OK ? note_shown(r, d, q->has_with_figures && q->with_figures, a, shown, e) : s;
}

static om_status
make(struct rd_server *srv, const struct rd_month *m, const Om__RenderQuery *q, rd_paper paper, int64_t deadline_ms,
    struct om_arena *a, struct rd_file *out, Om__RenderReply *shown, om_err *e)
{
	Om__StatementReply *r = NULL;
	struct om_arena model;
	int64_t began;
	om_status s;

	om_arena_init(&model, FIGURES_BYTES);
	s = ask_fitting(srv, m, q->format, deadline_ms, &model, &r, e);
	if (s == OM_OK && om_mono_ms() >= deadline_ms)
		s = om_fail(e, OM_TIMEOUT, "the figures came too late: nobody waits for the document any more");
	if (s == OM_OK) {
		began = om_mono_ms();
		s = write_file(srv, r, m, q, paper, &model, a, out, shown, e);
		om_stat_observe_us(&writing_time, (om_mono_ms() - began) * 1000);
	}
	om_arena_fini(&model);
	return s;
}

static om_status
render(
    struct rd_server *srv, const Om__RenderQuery *q, int64_t deadline_ms, struct om_arena *a, Om__Reply *rep, om_err *e)
{
	struct rd_month m;
	rd_paper paper;
	Om__RenderReply *r;
	struct rd_file file;
	om_status s;

	if (q->format != OM__FORMAT__FORMAT_PDF && q->format != OM__FORMAT__FORMAT_XLSX)
		return om_fail(e, OM_INVALID, "format: must be pdf or xlsx");
	s = rd_house_month(srv->house, q, &m, &paper, e);
	r = om_msg_new(a, &om__render_reply__descriptor);
	if (r == NULL)
		return om_fail(e, OM_NOMEM, "out of memory");
	if (s == OM_OK)
		s = make(srv, &m, q, paper, deadline_ms, a, &file, r, e);
	if (s != OM_OK)
		return s;
	r->document = (ProtobufCBinaryData){.len = file.n, .data = file.data};
	r->filename = om_arena_strdup(a, file.name);
	r->content_type = om_arena_strdup(a, file.content_type);
	if (r->filename == NULL || r->content_type == NULL)
		return om_fail(e, OM_NOMEM, "out of memory");
	rep->body_case = OM__REPLY__BODY_RENDER;
	rep->render = r;
	om_stat_add(&made[m.user == NULL][q->format == OM__FORMAT__FORMAT_XLSX], 1);
	om_stat_add(&bytes_made, (int64_t)file.n);
	om_log(OM_LOG_INFO, "document made", "file", file.name, "bytes", OM_I64(file.n), NULL);
	return OM_OK;
}

/* ---- the others ---- */

static om_status
status(struct rd_server *srv, struct om_arena *a, Om__Reply *rep, om_err *e)
{
	Om__StatusReply *r = om_msg_new(a, &om__status_reply__descriptor);

	if (r == NULL)
		return om_fail(e, OM_NOMEM, "out of memory");
	r->version = om_arena_strdup(a, OM_PROGRAM_VERSION);
	if (om_wire_connected(srv->costd) == 0)
		r->detail = om_arena_strdup(a, "no connection to costd");
	if (a->failed)
		return om_fail(e, OM_NOMEM, "out of memory");
	rep->body_case = OM__REPLY__BODY_STATUS_REPLY;
	rep->status_reply = r;
	return OM_OK;
}

static om_status
metrics(struct om_arena *a, Om__Reply *rep, om_err *e)
{
	Om__MetricsReply *r = om_msg_new(a, &om__metrics_reply__descriptor);
	struct om_buf text;
	om_status s;

	om_buf_init(&text, (size_t)1024 * 1024);
	om_stats_write(&text);
	s = om_buf_done(&text, e);
	if (s == OM_OK && r != NULL)
		r->text = om_arena_strndup(a, text.data, text.len);
	om_buf_fini(&text);
	if (s == OM_OK && (r == NULL || r->text == NULL))
		s = om_fail(e, OM_NOMEM, "out of memory");
	rep->body_case = OM__REPLY__BODY_METRICS;
	rep->metrics = r;
	return s;
}

om_status
rd_serve(void *arg, const Om__Request *req, int64_t deadline_ms, struct om_arena *a, Om__Reply *rep, om_err *e)
{
	struct rd_server *srv = arg;
	om_status s;

	switch (req->body_case) {
	case OM__REQUEST__BODY_RENDER:
		s = render(srv, req->render, deadline_ms, a, rep, e);
		if (s != OM_OK) {
			om_stat_add(&failed, 1);
			om_log(OM_LOG_WARN, "no document", "why", om_err_text(e, s), NULL);
		}
		return s;
	case OM__REQUEST__BODY_STATUS:
		return status(srv, a, rep, e);
	case OM__REQUEST__BODY_METRICS:
		return metrics(a, rep, e);
	case OM__REQUEST__BODY_SETTINGS:
		rep->settings = om_msg_new(a, &om__settings_reply__descriptor);
		if (rep->settings == NULL)
			return om_fail(e, OM_NOMEM, "out of memory");
		rep->body_case = OM__REPLY__BODY_SETTINGS;
		return om_settings_describe(&rd_app, srv->conf, a, rep->settings, e);
	default:
		return om_fail(e, OM_INVALID, "reportd makes documents; this request is not for it");
	}
}
