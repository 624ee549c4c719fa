/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "app.h"

#include "serve.h"
#include "settings.h"
#include "issue/delivery.h"
#include "issue/queue.h"
#include "job/workdir.h"
#include "terms/offer.h"
#include "documents.pb-c.h"
#include "jobs.pb-c.h"
#include "base/log.h"
#include "run/duty.h"

#include <stdlib.h>
#include <string.h>

#define HURRY_MS     3000 /* costd has to answer, once this program is told to stop */
#define DUTY_THREADS 4u   /* one writes months; the others tell costd */

struct app {
	struct rd_server server;
	struct rd_document_settings settings;
	struct rd_fonts fonts;
	struct rd_workdir *work; /* owned */
	struct om_fleet *costd;  /* owned */
	struct rd_issuing issuing;
	struct om_wire_client *ledger; /* owned; to costd, for issuing */
	struct rd_offering *offering;  /* owned */
	struct om_duties *duties;      /* owned */
	struct rd_issue_queue *queue;  /* owned */
	struct rd_delivery *delivery;  /* owned; NULL: nothing is delivered */
	struct om_wire_server *wire;   /* owned */
	bool ready;                    /* server is initialised */
};

static void
stop(void *self)
{
	struct app *app = self;

	if (app->costd != NULL)
		om_fleet_hurry(app->costd, HURRY_MS);
	if (app->ledger != NULL)
		om_wire_client_hurry(app->ledger, HURRY_MS);
	om_duties_stop(app->duties);
	if (app->queue != NULL)
		rd_issue_queue_stop(app->queue); /* calls that wait for a document are answered */
	om_wire_server_close(&app->wire);
	rd_issue_queue_close(&app->queue);
	om_duties_free(&app->duties); /* after this no lease is kept */
	rd_delivery_free(&app->delivery);
	rd_offering_free(&app->offering);
	om_wire_client_free(&app->ledger);
	if (app->ready)
		rd_server_fini(&app->server);
	om_fleet_free(&app->costd);
	rd_workdir_close(&app->work);
	rd_fonts_close(&app->fonts);
	rd_document_settings_close(&app->settings);
	free(app);
}

static om_status
issue(void *arg, Om__IssueQuery *q, struct om_arena *a, Om__IssueReply **out, om_err *e)
{
	return rd_issue(arg, q, NULL, om_mono_ms() + RD_ISSUE_MS, a, out, e);
}

static om_status
check(void *arg, const Om__RenderQuery *q, om_err *e)
{
	const struct rd_server *srv = arg;
	Om__JobStart what = OM__JOB_START__INIT;
	Om__RenderQuery copy = *q;

	what.file_case = OM__JOB_START__FILE_RENDER;
	what.render = &copy;
	return rd_make_check(&srv->parts, &what, e);
}

/* start_issuing: what is told to costd, and what is issued. */
static om_status
start_issuing(const struct rd_conf *c, struct app *app, om_err *e)
{
	const struct rd_issue_queue_opts jobs = {
	    .issue = issue, .arg = &app->issuing, .others = rd_serve, .others_arg = &app->server};
	om_status s;

	app->issuing = (struct rd_issuing){
	    .costd = app->ledger,
	    .fleet = app->costd,
	    .duties = app->duties,
	    .jobs = app->server.jobs,
	    .make = rd_server_make,
	    .check = check,
	    .arg = &app->server,
	    .public_url = c->public_url,
	};
	s = rd_offering_new(app->ledger, &app->settings.terms, rd_jobs_instance(app->server.jobs), &app->offering, e);
	app->server.parts.offering = app->offering;
	return s == OM_OK ? rd_issue_queue_open(&jobs, &app->queue, e) : s;
}

/* start_delivery: months are written if there is a folder for them. */
static om_status
start_delivery(const struct rd_conf *c, struct app *app, om_err *e)
{
	const struct rd_delivery_opts o = {.issuing = &app->issuing,
	    .offering = app->offering,
	    .dir = c->delivery_dir,
	    .files = c->delivery_files,
	    .locale = c->delivery_locale};

	return c->delivery_dir != NULL ? rd_delivery_new(&o, &app->delivery, e) : OM_OK;
}

/* add_duties makes the table of what reportd does by itself. While a document or a
 * month is being made, its lease is one more row (lease_keeper.h). */
static om_status
add_duties(struct app *app, om_err *e)
{
	const struct om_duty offer = {.name = "terms",
	    .failed = "costd was not told of the terms",
	    .every_ms = RD_OFFER_MS,
	    .run = rd_offering_turn,
	    .arg = app->offering};
	const struct om_duty deliver = {.name = "delivery",
	    .failed = "costd does not say whether files are due",
	    .every_ms = RD_DELIVERY_MS,
	    .slow = true,
	    .run = rd_delivery_turn,
	    .arg = app->delivery};
	om_status s = om_duties_add(app->duties, &offer, NULL, e);

	if (s == OM_OK && app->delivery != NULL)
		s = om_duties_add(app->duties, &deliver, NULL, e);
	return s == OM_OK ? om_duties_start(app->duties, e) : s;
}

static om_status
start_parts(const struct rd_conf *c, struct app *app, om_err *e)
{
	const bool allow_no_mac = om_wire_allow_no_mac(&c->wire);
	struct om_wire_tls tls = {c->wire.tls_ca, c->wire.tls_cert, c->wire.tls_key};
	struct om_wire_client_opts client = {.peer = "costd",
	    .urls = c->costd_url,
	    .tls = tls,
	    .sockets = (unsigned)c->workers,
	    .self = OM_CALLER_REPORTD,
	    .key = c->wire.reportd_key,
	    .allow_no_mac = allow_no_mac};
	struct om_wire_server_opts server = {
	    .urls = c->listen,
	    .tls = tls,
	    .gateway_key = c->wire.gateway_key,
	    .allow_no_mac = allow_no_mac,
	    .workers = RD_WIRE_WORKERS,
	    .arena_bytes = RD_REPLY_BYTES,
	    .handler = rd_issue_queue_serve,
	};
	const struct rd_server_opts jobs = {.workers = (unsigned)c->workers, .queue = (unsigned)c->queue};
	om_status s = om_wire_settings_check(&c->wire, e);

	if (s == OM_OK)
		s = rd_settings_of_documents(c, &app->settings, e);
	if (s == OM_OK)
		s = rd_fonts_open(c->font_dir, &app->fonts, e);
	if (s == OM_OK)
		s = rd_workdir_open(c->work_dir, &app->work, e);
	if (s == OM_OK)
		s = om_fleet_open(&client, &app->costd, e);
	if (s == OM_OK)
		s = om_wire_client_open(&client, &app->ledger, e);
	if (s == OM_OK)
		s = om_duties_new(DUTY_THREADS, NULL, &app->duties, e);
	if (s != OM_OK)
		return s;
	app->server.self = &rd_app;
	app->server.conf = c;
	app->server.parts = (struct rd_parts){
	    .costd = app->costd,
	    .fonts = &app->fonts,
	    .work = app->work,
	    .settings = &app->settings,
	};
	s = rd_server_init(&app->server, &jobs, e);
	app->ready = s == OM_OK;
	if (s == OM_OK)
		s = start_issuing(c, app, e);
	server.arg = app->queue;
	if (s == OM_OK)
		s = om_wire_server_open(&server, &app->wire, e);
	if (s == OM_OK)
		s = start_delivery(c, app, e);
	if (s == OM_OK)
		s = add_duties(app, e);
	for (unsigned i = 0; s == OM_OK && om_wire_server_url(app->wire, i) != NULL; i++)
		om_log(OM_LOG_INFO, "listening", "url", om_wire_server_url(app->wire, i), NULL);
	return s;
}

static om_status
start(const void *conf, void **self_out, om_err *e)
{
	struct app *app = calloc(1, sizeof *app);
	om_status s;

	if (app == NULL)
		return om_fail(e, OM_NOMEM, "out of memory");
	s = start_parts(conf, app, e);
	if (s != OM_OK) {
		stop(app);
		return s;
	}
	*self_out = app;
	return OM_OK;
}

const struct om_service rd_app = {
    .name = "reportd",
    .purpose = "makes statements and reports as PDF, XLSX, CSV and ZIP from costd's figures",
    .settings = rd_settings,
    .n_settings = RD_N_SETTINGS,
    .conf_bytes = sizeof(struct rd_conf),
    .start = start,
    .stop = stop,
};
