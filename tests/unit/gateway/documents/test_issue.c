/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Documents asked for over HTTP: what reportd and costd are asked, and what becomes of their answers. */
#include "fixture/gateway.h"
#include "fixture/sessions.h"

#include "peers/peers.h"
#include "documents.pb-c.h"
#include "envelope.pb-c.h"
#include "jobs.pb-c.h"
#include "base/clock.h"
#include "base/digest.h"
#include "base/json.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DOCUMENTS "/api/v1/documents"
#define STATEMENT "\"kind\":\"statement\",\"user\":\"u-1\",\"month\":\"2026-11\""

/* What a reportd does with the next question, and what the last one was. */
struct reportd {
	struct om_wire_server *server;
	pthread_mutex_t lock;
	om_status status; /* lock, as the rest */
	Om__JobState state;
	bool known, added, document;
	om_status failed;
	bool knows_request;
	int asked;
	uint32_t wait_ms;
	int64_t patience_ms;
	char got[512];
};

static struct om_wire_server *costd;
static struct reportd reportds[2];
static struct fx_gateway g;
static char session[600];

/* ---- the fakes ---- */

static Om__Document *
document(struct om_arena *a)
{
	Om__Document *d = om_msg_new(a, &om__document__descriptor);
	Om__DocumentPart *p = om_msg_new(a, &om__document_part__descriptor);

	d->number = om_arena_strdup(a, "2026-000001");
	d->kind = OM__DOCUMENT_KIND__DOCUMENT_GROUP_STATEMENT;
	d->group = om_arena_strdup(a, "physics");
	d->year = 2026;
	d->month = 11;
	d->format = OM__FORMAT__FORMAT_XLSX;
	d->locale = om_arena_strdup(a, "de");
	d->paper = om_arena_strdup(a, "letter");
	d->issued_us = 1795452001120000;
	d->total = om_arena_strdup(a, "-1.00");
	d->currency = om_arena_strdup(a, "EUR");
	d->sha256 = (ProtobufCBinaryData){.len = OM_SHA256, .data = om_arena_alloc(a, OM_SHA256)};
	d->bytes = 3;
	d->filename = om_arena_strdup(a, "first.xlsx");
	d->content_type = om_arena_strdup(a, "x/y");
	d->verification_code = om_arena_strdup(a, "0123456789ABCDEF");
	d->cancels = om_arena_strdup(a, "2025-000009");
	d->cancelled_by = om_arena_strdup(a, "2026-000002");
	d->reason = om_arena_strdup(a, "the wrong person");
	p->format = OM__FORMAT__FORMAT_PDF;
	p->duplicate = 1;
	p->bytes = 2;
	p->sha256 = (ProtobufCBinaryData){.len = OM_SHA256, .data = om_arena_alloc(a, OM_SHA256)};
	p->filename = om_arena_strdup(a, "second.pdf");
	p->content_type = om_arena_strdup(a, "application/pdf");
	p->made_us = 1795452001120000;
	d->files = om_arena_alloc(a, sizeof(void *));
	d->files[d->n_files++] = p;
	return d;
}

/* find knows one number, one code and one request. */
static om_status
find(const Om__DocumentQuery *q, struct om_arena *a, Om__Reply *rep, om_err *e)
{
	bool there = q->by_case == OM__DOCUMENT_QUERY__BY_VERIFICATION_CODE ||
	    (q->by_case == OM__DOCUMENT_QUERY__BY_NUMBER && strcmp(q->number, "2026-000001") == 0) ||
	    (q->by_case == OM__DOCUMENT_QUERY__BY_REQUEST && strcmp(q->request, "http:done/1") == 0);

	if (!there)
		return om_fail(e, OM_NOT_FOUND, "there is no such document");
	rep->document = om_msg_new(a, &om__document_reply__descriptor);
	rep->document->document = document(a);
	rep->body_case = OM__REPLY__BODY_DOCUMENT;
	return OM_OK;
}

/* file has "pdf" for the duplicate, and "old" without saying which file it is. */
static om_status
file(const Om__DocumentFileQuery *q, struct om_arena *a, Om__Reply *rep)
{
	bool old = strcmp(q->number, "2025-000001") == 0;
	const char *text = q->has_duplicate && q->duplicate ? "duplicate" : "old";
	Om__DocumentFileReply *r = om_msg_new(a, &om__document_file_reply__descriptor);
	Om__DocumentPart *p;

	r->document = document(a);
	r->data = (ProtobufCBinaryData){.len = strlen(text), .data = (uint8_t *)om_arena_strdup(a, text)};
	r->document->bytes = r->data.len;
	assert_status(om_sha256(&(struct om_bytes){.data = text, .n = strlen(text)}, 1, r->document->sha256.data),
	    OM_OK, (om_err){.text = ""});
	p = r->document->files[0];
	p->bytes = r->data.len;
	p->sha256 = r->document->sha256;
	p->duplicate = q->has_duplicate && q->duplicate;
	if (!old) {
		r->document->bytes = 77; /* the first file's: not looked at */
		r->file = p;
	}
	rep->document_file = r;
	rep->body_case = OM__REPLY__BODY_DOCUMENT_FILE;
	return OM_OK;
}

static om_status
serve_costd(void *arg, const Om__Request *req, int64_t deadline_ms, struct om_arena *a, Om__Reply *rep, om_err *e)
{
	om_status s = OM_OK;

	(void)arg;
	(void)deadline_ms;
	if (fx_sessions_answer(req, a, rep, &s, e))
		return s;
	if (req->body_case == OM__REQUEST__BODY_DOCUMENT)
		return find(req->document, a, rep, e);
	if (req->body_case == OM__REQUEST__BODY_DOCUMENT_FILE)
		return file(req->document_file, a, rep);
	return om_fail(e, OM_STORE, "not known here");
}

static const char *
or_none(const char *text)
{
	return text != NULL ? text : "-";
}

static void
note(struct reportd *r, const Om__IssueStart *start, int64_t deadline_ms)
{
	const Om__IssueQuery *q = start->query;
	bool corrects = q->act == OM__ISSUE_ACT__ISSUE_CORRECTION,
	     cancels = q->act == OM__ISSUE_ACT__ISSUE_CANCELLATION;

	r->wait_ms = start->wait_ms;
	r->patience_ms = deadline_ms - om_mono_ms();
	(void)snprintf(r->got, sizeof r->got, "%s %d %s %s %u-%u %d %s %s; corrects %s cancels %s %s%s%s", q->request,
	    (int)q->kind, or_none(q->user), or_none(q->group), (unsigned)q->year, (unsigned)q->month, (int)q->format,
	    or_none(q->locale), or_none(q->paper), or_none(corrects ? q->of_number : NULL),
	    or_none(cancels ? q->of_number : NULL), or_none(q->reason),
	    q->act == OM__ISSUE_ACT__ISSUE_DUPLICATE ? " duplicate" : "", q->has_month_terms ? " month" : "");
}

static Om__IssueReply *
say(const struct reportd *r, struct om_arena *a)
{
	Om__IssueReply *reply = om_msg_new(a, &om__issue_reply__descriptor);

	reply->state = r->state;
	reply->known = r->known;
	reply->added = r->added;
	reply->document = r->document ? document(a) : NULL;
	if (r->failed != OM_OK) {
		reply->has_status = 1;
		reply->status = (uint32_t)r->failed;
		reply->message = om_arena_strdup(a, "2026-000001 is issued for this already");
	}
	return reply;
}

static om_status
serve_reportd(void *arg, const Om__Request *req, int64_t deadline_ms, struct om_arena *a, Om__Reply *rep, om_err *e)
{
	struct reportd *r = arg;
	om_status s = OM_OK;

	(void)pthread_mutex_lock(&r->lock);
	r->asked++;
	if (req->body_case == OM__REQUEST__BODY_ISSUE) {
		note(r, req->issue, deadline_ms);
		s = r->status == OM_OK ? OM_OK : om_fail(e, r->status, "as it was told");
		rep->issue = say(r, a);
		rep->body_case = OM__REPLY__BODY_ISSUE;
	} else if (req->body_case == OM__REQUEST__BODY_ISSUE_STATE && r->knows_request) {
		(void)snprintf(r->got, sizeof r->got, "%s", req->issue_state->request);
		rep->issue_state = say(r, a);
		rep->body_case = OM__REPLY__BODY_ISSUE_STATE;
	} else {
		s = om_fail(e, OM_NOT_FOUND, "not known here");
	}
	(void)pthread_mutex_unlock(&r->lock);
	return s;
}

static struct om_wire_server *
serve(om_wire_handler *handler, void *arg)
{
	struct om_wire_server_opts o = {
	    .urls = "tcp://127.0.0.1:0", .workers = 4, .arena_bytes = 1u << 20, .handler = handler, .arg = arg};
	struct om_wire_server *server = NULL;
	om_err e = {.text = ""};

	assert_status(om_wire_server_open(&o, &server, &e), OM_OK, e);
	return server;
}

static int
set_up(void **state)
{
	static char urls[256];
	int64_t until = om_mono_ms() + FX_PATIENCE_MS;

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		(void)pthread_mutex_init(&reportds[i].lock, NULL);
		reportds[i].server = serve(serve_reportd, &reportds[i]);
	}
	costd = serve(serve_costd, NULL);
	(void)snprintf(urls, sizeof urls, "%s,%s", om_wire_server_url(reportds[0].server, 0),
	    om_wire_server_url(reportds[1].server, 0));
	g.reportd_url = urls;
	fx_gateway_start(&g, om_wire_server_url(costd, 0));
	for (unsigned i = 0; i < 2; i++)
		while (om_wire_connected(om_fleet_at(gw_peers_reportds(g.app->parts.peers), i)) == 0 &&
		    om_mono_ms() < until)
			(void)poll(NULL, 0, 10);
	(void)fx_login(g.port, session);
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	fx_gateway_stop(&g);
	for (size_t i = 0; i < 2; i++) {
		om_wire_server_close(&reportds[i].server);
		(void)pthread_mutex_destroy(&reportds[i].lock);
	}
	om_wire_server_close(&costd);
	fx_dir_remove(&g.dir);
	return 0;
}

static void
tell_one(struct reportd *r, struct reportd now)
{
	(void)pthread_mutex_lock(&r->lock);
	r->status = now.status;
	r->state = now.state;
	r->known = now.known;
	r->added = now.added;
	r->document = now.document;
	r->failed = now.failed;
	r->knows_request = now.knows_request;
	r->asked = 0;
	r->got[0] = '\0';
	(void)pthread_mutex_unlock(&r->lock);
}

/* tell makes both reportds do the same; got and asked begin anew. */
static void
tell(struct reportd now)
{
	tell_one(&reportds[0], now);
	tell_one(&reportds[1], now);
}

/* heard is what a reportd was asked last; copied. */
static struct reportd
heard(struct reportd *r)
{
	struct reportd copy;

	(void)pthread_mutex_lock(&r->lock);
	copy = *r;
	(void)pthread_mutex_unlock(&r->lock);
	return copy;
}

/* asked gives what the one heard that was asked. */
static struct reportd
asked(void)
{
	struct reportd one = heard(&reportds[0]), other = heard(&reportds[1]);

	assert_int_equal(one.asked + other.asked, 1);
	return one.asked == 1 ? one : other;
}

static void
assert_nobody_was_asked(void)
{
	assert_int_equal(heard(&reportds[0]).asked + heard(&reportds[1]).asked, 0);
}

static char *
post(const char *path, const char *key, const char *body, int status)
{
	char extra[1024], *reply;

	(void)snprintf(extra, sizeof extra, "%s%s%s%s%s", session, FX_JSON, key != NULL ? "Idempotency-Key: " : "",
	    key != NULL ? key : "", key != NULL ? "\r\n" : "");
	reply = fx_request(g.port, "POST", path, extra, body);
	if (fx_status(reply) != status)
		fail_msg("%s %s: %s", path, body, reply);
	return reply;
}

static char *
get(const char *path, int status)
{
	char *reply = fx_request(g.port, "GET", path, FX_READ, NULL);

	if (fx_status(reply) != status)
		fail_msg("%s: %s", path, reply);
	return reply;
}

/* ---- issuing ---- */

static void
test_a_document_is_answered_by_what_became_of_it(void **state)
{
	static const struct {
		struct reportd does;
		int status;
		const char *location, *says;
	} cases[] = {
	    {{.document = true, .state = OM__JOB_STATE__JOB_DONE}, 201, DOCUMENTS "/2026-000001",
		"\"number\":\"2026-000001\""},
	    {{.document = true, .state = OM__JOB_STATE__JOB_DONE, .known = true}, 200, DOCUMENTS "/2026-000001",
		"\"number\":\"2026-000001\""},
	    {{.document = true, .state = OM__JOB_STATE__JOB_DONE, .added = true}, 200, DOCUMENTS "/2026-000001",
		"\"filename\":\"second.pdf\""},
	    {{.state = OM__JOB_STATE__JOB_QUEUED}, 202, DOCUMENTS "/requests/a%2Fb%25",
		"{\"request\":\"a/b%\",\"state\":\"queued\"}"},
	    {{.state = OM__JOB_STATE__JOB_RUNNING}, 202, DOCUMENTS "/requests/a%2Fb%25",
		"{\"request\":\"a/b%\",\"state\":\"running\"}"},
	    {{.state = OM__JOB_STATE__JOB_FAILED, .failed = OM_CONFLICT}, 409, "", "is issued for this already"},
	    {{.state = OM__JOB_STATE__JOB_FAILED, .failed = OM_STORE}, 503, "", ""},
	    {{.state = OM__JOB_STATE__JOB_FAILED}, 503, "", "cannot be made"},
	    {{.state = OM__JOB_STATE__JOB_CANCELLED}, 503, "", ""},
	    {{.known = true, .state = OM__JOB_STATE__JOB_DONE}, 503, "", "lacks the document"},
	    {{.status = OM_CONFLICT}, 409, "", "as it was told"},
	    {{.status = OM_NOT_FOUND}, 404, "", "as it was told"},
	    /* it took the question and did not answer in time: it may issue all the same */
	    {{.status = OM_TIMEOUT}, 202, DOCUMENTS "/requests/a%2Fb%25",
		"{\"request\":\"a/b%\",\"state\":\"running\"}"},
	};
	char v[512];

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		char *reply;

		tell(cases[i].does);
		reply = post(DOCUMENTS, "a/b%", "{" STATEMENT "}", cases[i].status);
		assert_string_equal(fx_header(reply, "Location", v), cases[i].location);
		assert_string_equal(fx_header(reply, "Retry-After", v),
		    cases[i].status == 202       ? "2"
			: cases[i].status == 503 ? "5"
						 : "");
		if (strstr(fx_body(reply), cases[i].says) == NULL)
			fail_msg("case %zu: %s", i, reply);
		free(reply);
	}
}

static void
test_reportd_is_asked_to_answer_before_the_gateway_gives_up(void **state)
{
	(void)state;
	tell((struct reportd){.document = true, .state = OM__JOB_STATE__JOB_DONE});
	free(post(DOCUMENTS, "k", "{" STATEMENT "}", 201));
	assert_int_equal(asked().wait_ms, 5000);
	assert_in_range(asked().patience_ms, 5500, 10000);
}

static void
test_what_is_asked_of_reportd(void **state)
{
	static const struct {
		const char *path, *body, *got;
	} cases[] = {
	    {DOCUMENTS, "{" STATEMENT "}", "http:k 0 u-1 - 2026-11 0 - -; corrects - cancels - -"},
	    {DOCUMENTS, "{" STATEMENT ",\"duplicate\":false,\"terms\":null}",
		"http:k 0 u-1 - 2026-11 0 - -; corrects - cancels - -"},
	    {DOCUMENTS, "{" STATEMENT ",\"duplicate\":true,\"format\":\"xlsx\"}",
		"http:k 0 u-1 - 2026-11 1 - -; corrects - cancels - - duplicate"},
	    {DOCUMENTS, "{" STATEMENT ",\"corrects\":\"2026-000001\",\"terms\":\"document\"}",
		"http:k 0 u-1 - 2026-11 0 - -; corrects 2026-000001 cancels - -"},
	    {DOCUMENTS, "{" STATEMENT ",\"corrects\":\"2026-000001\",\"terms\":\"month\"}",
		"http:k 0 u-1 - 2026-11 0 - -; corrects 2026-000001 cancels - - month"},
	    {DOCUMENTS "/2026-000001/cancel", "{}",
		"http:k 1 - physics 2026-11 0 de letter; corrects - cancels 2026-000001 -"},
	    {DOCUMENTS "/2026-000001/cancel", "{\"reason\":\"the wrong person\"}",
		"http:k 1 - physics 2026-11 0 de letter; corrects - cancels 2026-000001 the wrong person"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		tell((struct reportd){.document = true, .state = OM__JOB_STATE__JOB_DONE});
		free(post(cases[i].path, "k", cases[i].body, 201));
		assert_string_equal(asked().got, cases[i].got);
	}
}

static void
test_a_request_without_a_key_is_told_the_one_that_was_drawn(void **state)
{
	char key[64] = "", v[512], expected[128], *reply;

	(void)state;
	tell((struct reportd){.state = OM__JOB_STATE__JOB_QUEUED});
	reply = post(DOCUMENTS, NULL, "{" STATEMENT "}", 202);
	assert_int_equal(sscanf(fx_body(reply), "{\"request\":\"%63[^\"]\"", key), 1);
	(void)snprintf(expected, sizeof expected, DOCUMENTS "/requests/%s", key);
	assert_string_equal(fx_header(reply, "Location", v), expected);
	(void)snprintf(expected, sizeof expected, "http:%s ", key);
	assert_int_equal(strncmp(asked().got, expected, strlen(expected)), 0);
	free(reply);
}

static void
test_bad_bodies_are_400_and_name_the_member(void **state)
{
	static const struct {
		const char *path, *body, *detail;
	} bad[] = {
	    {DOCUMENTS, "{" STATEMENT ",\"frmat\":\"xlsx\"}", "frmat: is no member"},
	    {DOCUMENTS, "{" STATEMENT ",\"duplicate\":1}", "duplicate: must be"},
	    {DOCUMENTS, "{" STATEMENT ",\"duplicate\":true,\"corrects\":\"2026-000001\"}", "duplicate: does not go"},
	    {DOCUMENTS, "{" STATEMENT ",\"terms\":\"month\"}", "terms: goes together"},
	    {DOCUMENTS, "{" STATEMENT ",\"terms\":\"year\",\"corrects\":\"2026-000001\"}", "terms: must be"},
	    {DOCUMENTS, "{" STATEMENT ",\"format\":\"csv\"}", "format: must be"},
	    {DOCUMENTS "/2026-000001/cancel", "[]", "must be an object"},
	    {DOCUMENTS "/2026-000001/cancel", "{\"format\":\"xlsx\"}", "format: is no member"},
	    {DOCUMENTS "/2026-000001/cancel", "{\"reason\":\"\"}", "reason: must not be empty"},
	    {DOCUMENTS "/2026-000001/cancel", "{\"reason\":5}", "reason: must be"},
	    {DOCUMENTS "/2026-000001/cancel", "{\"reason\":\"a\\u0007b\"}", "reason: "},
	};
	char *reply, reason[300];

	(void)state;
	tell((struct reportd){.document = true, .state = OM__JOB_STATE__JOB_DONE});
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		reply = post(bad[i].path, "k", bad[i].body, 400);
		if (strstr(reply, bad[i].detail) == NULL)
			fail_msg("%s: %s", bad[i].body, reply);
		free(reply);
	}
	(void)snprintf(reason, sizeof reason, "{\"reason\":\"%0201d\"}", 7);
	free(post(DOCUMENTS "/2026-000001/cancel", "k", reason, 400));
	free(post(DOCUMENTS "/2026-000001/cancel", "a b", "{}", 400));
	free(post(DOCUMENTS "/2026-000099/cancel", "k", "{}", 404));
	assert_nobody_was_asked();
}

/* ---- looking for it ---- */

static void
test_a_request_is_looked_for_in_costd_and_in_each_reportd(void **state)
{
	char *reply;

	(void)state;
	tell((struct reportd){.state = OM__JOB_STATE__JOB_RUNNING});
	reply = get(DOCUMENTS "/requests/done%2F1", 200);
	assert_non_null(strstr(reply, "{\"request\":\"done/1\",\"state\":\"done\",\"document\":{\"number\":"));
	assert_non_null(strstr(reply, ",\"error\":null}"));
	assert_nobody_was_asked();
	free(reply);
	free(get(DOCUMENTS "/requests/k", 404));
	tell_one(&reportds[1], (struct reportd){.state = OM__JOB_STATE__JOB_RUNNING, .knows_request = true});
	reply = get(DOCUMENTS "/requests/k", 200);
	assert_string_equal(heard(&reportds[1]).got, "http:k");
	assert_string_equal(
	    fx_body(reply), "{\"request\":\"k\",\"state\":\"running\",\"document\":null,\"error\":null}");
	free(reply);
	/* the words of a path are a key like others */
	free(get(DOCUMENTS "/requests/file", 200));
	assert_string_equal(heard(&reportds[1]).got, "http:file");
	free(get(DOCUMENTS "/requests/a%20b", 400));
}

static void
test_what_failed_says_why_unless_it_goes_on_elsewhere(void **state)
{
	const struct reportd failed = {
	    .state = OM__JOB_STATE__JOB_FAILED, .failed = OM_CONFLICT, .knows_request = true};
	const struct reportd queued = {.state = OM__JOB_STATE__JOB_QUEUED, .knows_request = true};
	const struct reportd done = {.state = OM__JOB_STATE__JOB_DONE, .document = true, .knows_request = true};
	const struct {
		struct reportd first, second;
		const char *says;
	} cases[] = {
	    {failed, failed,
		"{\"request\":\"k\",\"state\":\"failed\",\"document\":null,\"error\":{\"status\":409,"
		"\"message\":\"2026-000001 is issued for this already\"}}"},
	    {failed, queued, "{\"request\":\"k\",\"state\":\"queued\",\"document\":null,\"error\":null}"},
	    {queued, failed, "{\"request\":\"k\",\"state\":\"queued\",\"document\":null,\"error\":null}"},
	    {done, queued, "{\"request\":\"k\",\"state\":\"done\",\"document\":{"},
	    {failed, done, "{\"request\":\"k\",\"state\":\"done\",\"document\":{"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		char *reply;

		tell_one(&reportds[0], cases[i].first);
		tell_one(&reportds[1], cases[i].second);
		reply = get(DOCUMENTS "/requests/k", 200);
		if (strncmp(fx_body(reply), cases[i].says, strlen(cases[i].says)) != 0)
			fail_msg("case %zu: %s", i, reply);
		free(reply);
	}
}

/* ---- documents and files ---- */

static void
test_a_document_lists_its_files(void **state)
{
	char *reply = get(DOCUMENTS "/2026-000001", 200);

	(void)state;
	assert_non_null(strstr(
	    reply, "\"unsettled\":0,\"files\":[{\"format\":\"pdf\",\"duplicate\":true,\"bytes\":2,\"sha256\":\"0000"));
	assert_non_null(strstr(reply,
	    ",\"filename\":\"second.pdf\",\"made_at\":\"2026-11-23T16:40:01.120000Z\",\"locale\":null}],"
	    "\"cancels\":\"2025-000009\",\"cancelled_by\":\"2026-000002\",\"reason\":\"the wrong "
	    "person\",\"differs\":false,\"difference\":\"0\"}"));
	free(reply);
	reply = fx_request(g.port, "GET", "/api/v1/verify/0123", "", NULL);
	assert_int_equal(fx_status(reply), 200);
	assert_non_null(strstr(reply,
	    "\"cancels\":\"2025-000009\",\"cancelled_by\":\"2026-000002\",\"files\":[{\"format\":\"pdf\","
	    "\"duplicate\":true,"
	    "\"sha256\":\"0000"));
	free(reply);
}

static void
test_a_file_is_the_one_that_was_asked_for(void **state)
{
	char v[512], *reply = get(DOCUMENTS "/2026-000001/file?format=pdf&duplicate=1", 200);

	(void)state;
	assert_string_equal(fx_body(reply), "duplicate");
	assert_string_equal(fx_header(reply, "Content-Type", v), "application/pdf");
	assert_string_equal(fx_header(reply, "Content-Disposition", v),
	    "attachment; filename=\"second.pdf\"; filename*=UTF-8''second.pdf");
	free(reply);
	free(get(DOCUMENTS "/2026-000001/file?format=pdf&duplicate=0", 200));
	/* a costd that does not say which file it is */
	free(get(DOCUMENTS "/2025-000001/file", 503));
	free(get(DOCUMENTS "/2025-000001/file?format=csv", 400));
	free(get(DOCUMENTS "/2025-000001/file?duplicate=yes", 400));
	free(get(DOCUMENTS "/2025-000001/file?duplicate=", 400));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_a_document_is_answered_by_what_became_of_it),
	    cmocka_unit_test(test_reportd_is_asked_to_answer_before_the_gateway_gives_up),
	    cmocka_unit_test(test_what_is_asked_of_reportd),
	    cmocka_unit_test(test_a_request_without_a_key_is_told_the_one_that_was_drawn),
	    cmocka_unit_test(test_bad_bodies_are_400_and_name_the_member),
	    cmocka_unit_test(test_a_request_is_looked_for_in_costd_and_in_each_reportd),
	    cmocka_unit_test(test_what_failed_says_why_unless_it_goes_on_elsewhere),
	    cmocka_unit_test(test_a_document_lists_its_files),
	    cmocka_unit_test(test_a_file_is_the_one_that_was_asked_for),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
