/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * The whole of reportd over the wire, against a costd of the test's that answers
 * from the fixture.
 */
#include "fixture.h"
#include "sample.h"
#include "serve.h"
#include "job/workdir.h"
#include "envelope.pb-c.h"
#include "jobs.pb-c.h"
#include "settle.pb-c.h"
#include "statement.pb-c.h"
#include "base/clock.h"
#include "base/log.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define PATIENCE_MS 120000 /* a guard against hangs, not a measure */

static const char *const team[] = {"Ada Lovelace", "Grace Hopper"};

/* What the made-up costd does; changed between requests only. */
static struct {
	om_status fail;      /* answer with this status */
	bool spoil;          /* a total that its parts do not add up to */
	bool other;          /* answer for another user */
	bool moment;         /* keep one moment open; every user's statement is the first one's */
	unsigned users;      /* with usage in everyone's month */
	uint32_t large_from; /* OM_TOO_LARGE when asked for so many rows or more; 0: never */
	const char *zone;
	bool no_zone, spoil_zone;
	bool strip, stripped; /* leave out the k-th field of the statement; it was there */
	size_t k;
	unsigned requests;
	atomic_uint asked;
} costd;

/* answer_rows: the reading is ended. */
static om_status
answer_rows(struct om_arena *a, Om__Reply *rep)
{
	rep->body_case = OM__REPLY__BODY_ROWS;
	rep->rows = om_msg_new(a, &om__rows_reply__descriptor);
	return OM_OK;
}

/* keep_moment says that it is kept open, and whose statement this is. */
static void
keep_moment(const Om__StatementQuery *q, struct om_arena *a, Om__StatementReply *r)
{
	static unsigned char id[] = "m";

	r->has_reading_id = true;
	r->reading_id = (ProtobufCBinaryData){.len = 1, .data = id};
	if (q->user != NULL)
		r->user->id = om_arena_strdup(a, q->user);
}

static om_status
answer(void *arg, const Om__Request *req, int64_t deadline_ms, struct om_arena *a, Om__Reply *rep, om_err *e)
{
	const Om__StatementQuery *q = req->statement;
	struct fx_shape sh = {
	    .year = (int)q->year,
	    .month = (int)q->month,
	    .n_models = 3,
	    .n_requests = costd.requests,
	    .max_rows = q->max_rows,
	    .zone = costd.zone,
	};

	(void)arg;
	(void)deadline_ms;
	if (req->body_case == OM__REQUEST__BODY_ROWS)
		return answer_rows(a, rep);
	atomic_fetch_add(&costd.asked, 1);
	if (costd.fail != OM_OK)
		return om_fail(e, costd.fail, "costd says no");
	if (costd.large_from != 0 && q->max_rows >= costd.large_from)
		return om_fail(e, OM_TOO_LARGE, "too many rows");
	if (q->user == NULL) {
		sh.users = team;
		sh.n_users = costd.users;
	}
	rep->body_case = OM__REPLY__BODY_STATEMENT;
	rep->statement = fx_reply(a, &sh);
	if (costd.spoil)
		rep->statement->total->cost = om_arena_strdup(a, "0.000000000000000001");
	if (costd.no_zone)
		rep->statement->zone = NULL;
	if (costd.spoil_zone && rep->statement->zone != NULL)
		rep->statement->zone->offset_s[0] = 100000;
	if (costd.moment)
		keep_moment(q, a, rep->statement);
	if (costd.strip)
		costd.stripped = sample_strip(&rep->statement->base, costd.k);
	if (costd.other)
		rep->statement->user->id = om_arena_strdup(a, "someone-else");
	return OM_OK;
}

static struct {
	struct om_wire_server *costd, *reportd;
	struct om_fleet *to_costd;
	struct om_wire_client *to_reportd;
	struct rd_fonts fonts;
	struct rd_workdir *work;
	struct rd_server server;
	struct rd_document_settings settings;
	char dir[64];
} all;

static int
set_up(void **state)
{
	struct om_wire_server_opts c = {
	    .urls = "tcp://127.0.0.1:0", .workers = 1, .arena_bytes = (size_t)1 << 28, .handler = answer};
	struct om_wire_server_opts r = {.urls = "tcp://127.0.0.1:0",
	    .workers = 8,
	    .arena_bytes = RD_REPLY_BYTES,
	    .handler = rd_serve,
	    .arg = &all.server};
	struct om_wire_client_opts to = {.peer = "costd", .sockets = 2};
	const struct rd_server_opts jobs = {.workers = 2, .queue = 8};
	const char *fonts = getenv("FONT_DIR");

	(void)state;
	(void)snprintf(all.dir, sizeof all.dir, "/tmp/rd-test-serve.XXXXXX");
	assert_non_null(mkdtemp(all.dir));
	(void)fx_zone(NULL); /* made while there is one thread */
	(void)fx_zone("America/New_York");
	assert_int_equal(rd_fonts_open(fonts != NULL ? fonts : "/usr/share/fonts/truetype", &all.fonts, NULL), OM_OK);
	assert_int_equal(rd_workdir_open(all.dir, &all.work, NULL), OM_OK);
	assert_int_equal(om_wire_server_open(&c, &all.costd, NULL), OM_OK);
	to.urls = om_wire_server_url(all.costd, 0);
	assert_int_equal(om_fleet_open(&to, &all.to_costd, NULL), OM_OK);
	all.settings.locale = rd_locale_named(NULL);
	all.server.parts =
	    (struct rd_parts){.costd = all.to_costd, .fonts = &all.fonts, .work = all.work, .settings = &all.settings};
	assert_int_equal(rd_server_init(&all.server, &jobs, NULL), OM_OK);
	assert_int_equal(om_wire_server_open(&r, &all.reportd, NULL), OM_OK);
	to.peer = "reportd";
	to.sockets = 4;
	to.urls = om_wire_server_url(all.reportd, 0);
	assert_int_equal(om_wire_client_open(&to, &all.to_reportd, NULL), OM_OK);
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	om_wire_server_close(&all.reportd);
	om_wire_server_close(&all.costd);
	om_wire_client_free(&all.to_reportd);
	rd_server_fini(&all.server);
	om_fleet_free(&all.to_costd);
	rd_workdir_close(&all.work);
	rd_fonts_close(&all.fonts);
	assert_int_equal(remove(all.dir), 0); /* nothing is left */
	return 0;
}

static int
calm(void **state)
{
	(void)state;
	costd.fail = OM_OK;
	costd.spoil = costd.other = costd.no_zone = costd.spoil_zone = costd.strip = false;
	costd.large_from = 0;
	costd.zone = NULL;
	costd.requests = 4;
	costd.moment = false;
	costd.users = 2;
	atomic_store(&costd.asked, 0);
	return 0;
}

static om_status
render(struct om_arena *a, const char *user, unsigned year, unsigned month, Om__Format format, Om__RenderReply **out,
    om_err *e)
{
	Om__Request req = OM__REQUEST__INIT;
	Om__RenderQuery q = OM__RENDER_QUERY__INIT;
	char *id = user != NULL ? om_arena_strdup(a, user) : NULL;
	Om__Reply *rep = NULL;
	om_status s;

	*out = NULL;
	q.user = id;
	q.year = year;
	q.month = month;
	q.format = format;
	req.body_case = OM__REQUEST__BODY_RENDER;
	req.render = &q;
	s = om_wire_call(all.to_reportd, &req, PATIENCE_MS, a, &rep, e);
	if (s == OM_OK) {
		assert_int_equal(rep->body_case, OM__REPLY__BODY_RENDER);
		*out = rep->render;
	}
	return s;
}

static void
test_each_document_comes_over_the_wire(void **state)
{
	static const struct {
		const char *user;
		Om__Format format;
		const char *name, *type, *magic;
	} want[] = {
	    {FX_USER, OM__FORMAT__FORMAT_PDF, "statement-u-1-2026-11.pdf", "application/pdf", "%PDF-"},
	    {FX_USER, OM__FORMAT__FORMAT_XLSX, "statement-u-1-2026-11.xlsx",
		"application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", "PK\x03\x04"},
	    {NULL, OM__FORMAT__FORMAT_PDF, "report-2026-11.pdf", "application/pdf", "%PDF-"},
	    {NULL, OM__FORMAT__FORMAT_XLSX, "report-2026-11.xlsx",
		"application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", "PK\x03\x04"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof want / sizeof want[0]; i++) {
		Om__RenderReply *r;
		struct om_arena a;
		om_err e = {.text = ""};

		om_arena_init(&a, (size_t)1 << 27);
		assert_int_equal(render(&a, want[i].user, 2026, 11, want[i].format, &r, &e), OM_OK);
		if (r == NULL)
			return; /* not reached */
		assert_string_equal(r->filename, want[i].name);
		assert_string_equal(r->content_type, want[i].type);
		assert_true(r->document.len > 1000);
		assert_memory_equal(r->document.data, want[i].magic, strlen(want[i].magic));
		om_arena_fini(&a);
	}
}

static om_status
try_render(const char *user, unsigned year, unsigned month, Om__Format format, om_err *e)
{
	Om__RenderReply *r;
	struct om_arena a;
	om_status s;

	om_arena_init(&a, (size_t)1 << 27);
	s = render(&a, user, year, month, format, &r, e);
	om_arena_fini(&a);
	return s;
}

static void
test_bad_months_are_invalid_and_costd_is_not_asked(void **state)
{
	static const unsigned months[][2] = {
	    {1999, 12}, {2200, 1}, {0, 1}, {2026, 0}, {2026, 13}, {4294967295u, 1}, {2026, 4294967295u}};
	om_err e;

	(void)state;
	for (size_t i = 0; i < sizeof months / sizeof months[0]; i++)
		assert_int_equal(
		    try_render(FX_USER, months[i][0], months[i][1], OM__FORMAT__FORMAT_PDF, &e), OM_INVALID);
	assert_int_equal(try_render("", 2026, 11, OM__FORMAT__FORMAT_PDF, &e), OM_INVALID);
	assert_int_equal(try_render(FX_USER, 2026, 11, (Om__Format)7, &e), OM_INVALID);
	assert_int_equal(atomic_load(&costd.asked), 0);
	assert_int_equal(try_render(FX_USER, 2000, 1, OM__FORMAT__FORMAT_PDF, &e), OM_OK);
	assert_int_equal(try_render(FX_USER, 2199, 12, OM__FORMAT__FORMAT_PDF, &e), OM_OK);
}

static void
test_costds_failures_pass_through(void **state)
{
	static const om_status statuses[] = {OM_NOT_FOUND, OM_STORE, OM_UNAVAILABLE, OM_INVALID};
	om_err e;

	(void)state;
	for (size_t i = 0; i < sizeof statuses / sizeof statuses[0]; i++) {
		costd.fail = statuses[i];
		assert_int_equal(try_render(FX_USER, 2026, 11, OM__FORMAT__FORMAT_XLSX, &e), statuses[i]);
		assert_string_equal(e.text, "costd says no");
	}
}

static void
test_a_wrong_total_or_user_gives_no_document(void **state)
{
	om_err e;

	(void)state;
	costd.spoil = true;
	assert_int_equal(try_render(FX_USER, 2026, 11, OM__FORMAT__FORMAT_PDF, &e), OM_INTERNAL);
	assert_non_null(strstr(e.text, "control total"));
	assert_int_equal(try_render(NULL, 2026, 11, OM__FORMAT__FORMAT_XLSX, &e), OM_INTERNAL);
	costd.spoil = false;
	costd.other = true;
	assert_int_equal(try_render(FX_USER, 2026, 11, OM__FORMAT__FORMAT_PDF, &e), OM_PROTOCOL);
}

/* The sums of all statements are compared with the month's; a ZIP that does not come to
 * it is none. */
static void
test_a_zip_whose_statements_do_not_amount_to_the_month_is_none(void **state)
{
	om_err e;

	(void)state;
	costd.moment = true;
	costd.users = 1;
	assert_int_equal(try_render(NULL, 2026, 11, OM__FORMAT__FORMAT_ZIP, &e), OM_OK);
	costd.users = 2; /* the second has other figures than the first */
	assert_int_equal(try_render(NULL, 2026, 11, OM__FORMAT__FORMAT_ZIP, &e), OM_INTERNAL);
	assert_non_null(strstr(e.text, "control total"));
	assert_non_null(strstr(e.text, "of all statements"));
	costd.moment = false;
	assert_int_equal(try_render(NULL, 2026, 11, OM__FORMAT__FORMAT_ZIP, &e), OM_UNAVAILABLE);
	assert_non_null(strstr(e.text, "keeps no snapshot"));
}

static void
test_too_many_rows_are_asked_for_again_without_them(void **state)
{
	om_err e;

	(void)state;
	costd.large_from = 100000;
	assert_int_equal(try_render(FX_USER, 2026, 11, OM__FORMAT__FORMAT_XLSX, &e), OM_OK);
	assert_int_equal(atomic_load(&costd.asked), 2);
	assert_int_equal(try_render(FX_USER, 2026, 11, OM__FORMAT__FORMAT_PDF, &e), OM_OK);
	assert_int_equal(atomic_load(&costd.asked), 3);
}

static void
test_another_zone_is_taken_over_and_none_or_a_wrong_one_refused(void **state)
{
	om_err e;

	(void)state;
	costd.zone = "America/New_York";
	assert_int_equal(try_render(FX_USER, 2026, 11, OM__FORMAT__FORMAT_XLSX, &e), OM_OK);
	assert_string_equal(om_zone_name(), "UTC"); /* the process's is left alone */
	costd.spoil_zone = true;
	assert_int_equal(try_render(FX_USER, 2026, 11, OM__FORMAT__FORMAT_PDF, &e), OM_PROTOCOL);
	assert_non_null(strstr(e.text, "time zone America/New_York"));
	costd.spoil_zone = false;
	costd.no_zone = true;
	assert_int_equal(try_render(FX_USER, 2026, 11, OM__FORMAT__FORMAT_PDF, &e), OM_UNAVAILABLE);
	assert_non_null(strstr(e.text, "older than this reportd"));
}

static void
test_status_and_metrics(void **state)
{
	Om__Request req = OM__REQUEST__INIT;
	Om__StatusQuery sq = OM__STATUS_QUERY__INIT;
	Om__MetricsQuery mq = OM__METRICS_QUERY__INIT;
	Om__ModelsQuery foreign = OM__MODELS_QUERY__INIT;
	struct om_arena a;
	Om__Reply none = OM__REPLY__INIT;
	Om__Reply *rep;
	om_err e;

	(void)state;
	assert_int_equal(try_render(FX_USER, 2026, 11, OM__FORMAT__FORMAT_PDF, &e), OM_OK);
	om_arena_init(&a, (size_t)1 << 22);
	req.body_case = OM__REQUEST__BODY_STATUS;
	req.status = &sq;
	assert_int_equal(om_wire_call(all.to_reportd, &req, PATIENCE_MS, &a, &rep, &e), OM_OK);
	assert_string_equal(rep->status_reply->version, OM_PROGRAM_VERSION);
	assert_null(rep->status_reply->detail);
	req.body_case = OM__REQUEST__BODY_METRICS;
	req.metrics = &mq;
	assert_int_equal(om_wire_call(all.to_reportd, &req, PATIENCE_MS, &a, &rep, &e), OM_OK);
	assert_non_null(strstr(rep->metrics->text, "owui_metering_documents_total{kind=\"statement\",format=\"pdf\"}"));
	assert_non_null(strstr(rep->metrics->text, "owui_metering_document_failures_total"));
	req.body_case = OM__REQUEST__BODY_MODELS;
	req.models = &foreign;
	assert_int_equal(om_wire_call(all.to_reportd, &req, PATIENCE_MS, &a, &rep, &e), OM_INVALID);
	req.body_case = OM__REQUEST__BODY__NOT_SET; /* as one that only another version has */
	assert_int_equal(rd_serve(&all.server, &req, om_mono_ms() + PATIENCE_MS, &a, &none, &e), OM_PROTOCOL);
	assert_non_null(strstr(e.text, "does not answer requests of this kind"));
	om_arena_fini(&a);
}

struct many {
	pthread_t thread;
	unsigned no, done;
};

static void *
ask_for_many(void *arg)
{
	struct many *m = arg;
	om_err e;

	for (unsigned i = 0; i < 4; i++)
		if (try_render(m->no % 2 == 0 ? FX_USER : NULL, 2026, 1 + (m->no + i) % 12,
			i % 2 == 0 ? OM__FORMAT__FORMAT_PDF : OM__FORMAT__FORMAT_XLSX, &e) == OM_OK)
			m->done++;
	return NULL;
}

static void
test_several_at_once(void **state)
{
	struct many many[4];

	(void)state;
	for (unsigned i = 0; i < 4; i++) {
		many[i] = (struct many){.no = i};
		assert_int_equal(pthread_create(&many[i].thread, NULL, ask_for_many, &many[i]), 0);
	}
	for (unsigned i = 0; i < 4; i++) {
		assert_int_equal(pthread_join(many[i].thread, NULL), 0);
		assert_int_equal(many[i].done, 4);
	}
}

/* A costd of another version: each field of its statement is left out in turn.  There
 * is a document, or a status with its reason. */
static void
test_any_field_of_a_statement_may_be_missing(void **state)
{
	static const struct {
		const char *user;
		Om__Format format;
	} kinds[] = {{FX_USER, OM__FORMAT__FORMAT_PDF}, {NULL, OM__FORMAT__FORMAT_XLSX}};

	(void)state;
	costd.strip = true;
	costd.requests = 1;
	for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
		unsigned made = 0, refused = 0;

		costd.k = 0;
		do {
			Om__RenderReply *r;
			struct om_arena a;
			om_err e = {.text = ""};
			om_status s;

			om_arena_init(&a, (size_t)1 << 27);
			s = render(&a, kinds[i].user, 2026, 11, kinds[i].format, &r, &e);
			if (s != OM_OK && e.text[0] == '\0')
				fail_msg("field %zu: %d without a reason", costd.k, (int)s);
			made += s == OM_OK;
			refused += s != OM_OK;
			om_arena_fini(&a);
		} while (costd.stripped && ++costd.k < 5000);
		assert_true(made > 20 && refused > 5);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup(test_each_document_comes_over_the_wire, calm),
	    cmocka_unit_test_setup(test_bad_months_are_invalid_and_costd_is_not_asked, calm),
	    cmocka_unit_test_setup(test_costds_failures_pass_through, calm),
	    cmocka_unit_test_setup(test_a_wrong_total_or_user_gives_no_document, calm),
	    cmocka_unit_test_setup(test_a_zip_whose_statements_do_not_amount_to_the_month_is_none, calm),
	    cmocka_unit_test_setup(test_too_many_rows_are_asked_for_again_without_them, calm),
	    cmocka_unit_test_setup(test_another_zone_is_taken_over_and_none_or_a_wrong_one_refused, calm),
	    cmocka_unit_test_setup(test_status_and_metrics, calm),
	    cmocka_unit_test_setup(test_any_field_of_a_statement_may_be_missing, calm),
	    cmocka_unit_test_setup(test_several_at_once, calm),
	};

	om_log_init("test", OM_LOG_ERROR);
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
