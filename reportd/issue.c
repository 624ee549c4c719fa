/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "issue.h"

#include "clock.h"
#include "keeper.h"
#include "log.h"

#include <string.h>
#include <time.h>

#define CALL_MS      15000
#define STORE_MS     60000 /* a large file takes its time */
#define WAIT_MS      150   /* before asking again while another document is issued */
#define FINISH_TRIES 5
#define CODE_CHARS   16
#define MOST_FIGURES ((size_t)3 * 1024 * 1024) /* fits the database's packets beside the other columns */

/* ---- the number is kept while the document is made ---- */

struct held {
	struct rd_issuing *is;
	ProtobufCBinaryData lease;
};

static om_status
tell_costd(struct rd_issuing *is, ProtobufCBinaryData lease, bool give_back, om_err *e)
{
	Om__IssueKeep q = OM__ISSUE_KEEP__INIT;
	Om__Request req = OM__REQUEST__INIT;
	Om__Reply *rep = NULL;
	struct om_arena a;
	om_status s;

	om_arena_init(&a, (size_t)64 * 1024);
	q.lease_id = lease;
	q.has_give_back = q.give_back = give_back;
	req.body_case = OM__REQUEST__BODY_ISSUE_KEEP;
	req.issue_keep = &q;
	s = om_wire_call(is->costd, &req, CALL_MS, &a, &rep, e);
	om_arena_fini(&a);
	return s;
}

static om_status
keep(void *arg, om_err *e)
{
	const struct held *h = arg;

	return tell_costd(h->is, h->lease, false, e);
}

/* ---- the steps ---- */

static void
pause_ms(int64_t ms)
{
	struct timespec t = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};

	(void)nanosleep(&t, NULL);
}

/* begin waits for its turn until the deadline. */
static om_status
begin(struct rd_issuing *is, Om__IssueQuery *q, int64_t deadline_ms, struct om_arena *a, Om__IssueBeginReply **out,
    om_err *e)
{
	Om__IssueBegin b = OM__ISSUE_BEGIN__INIT;
	om_err why = {.text = ""};
	om_status s;

	b.query = q;
	for (;;) {
		Om__Request req = OM__REQUEST__INIT;
		Om__Reply *rep = NULL;

		req.body_case = OM__REQUEST__BODY_ISSUE_BEGIN;
		req.issue_begin = &b;
		s = om_wire_call(is->costd, &req, CALL_MS, a, &rep, &why);
		if (s == OM_OK && rep->body_case != OM__REPLY__BODY_ISSUE_BEGIN)
			s = om_fail(&why, OM_PROTOCOL, "costd answered something else");
		if (s == OM_OK)
			*out = rep->issue_begin;
		if (s != OM_THROTTLED || om_mono_ms() + WAIT_MS >= deadline_ms)
			break;
		pause_ms(WAIT_MS);
	}
	return s == OM_OK ? s : om_fail(e, s == OM_THROTTLED ? OM_UNAVAILABLE : s, "%s", om_err_text(&why, s));
}

static om_status
render(struct rd_issuing *is, const Om__IssueQuery *q, const Om__IssueBeginReply *begun, struct om_arena *a,
    Om__RenderReply **out, om_err *e)
{
	Om__RenderQuery r = OM__RENDER_QUERY__INIT;
	Om__Request req = OM__REQUEST__INIT;
	Om__Reply rep = OM__REPLY__INIT;
	om_status s;

	r.user = q->user;
	r.group = q->group;
	r.year = q->year;
	r.month = q->month;
	r.format = q->format;
	r.locale = q->locale;
	r.paper = q->paper;
	r.number = begun->number;
	r.verification_code = om_arena_printf(a, "%.4s-%.4s-%.4s-%.4s", begun->verification_code,
	    begun->verification_code + 4, begun->verification_code + 8, begun->verification_code + 12);
	if (r.verification_code == NULL)
		return om_fail(e, OM_NOMEM, "out of memory");
	r.has_issued_us = true;
	r.issued_us = begun->issued_us;
	r.corrects = q->corrects;
	r.has_with_figures = r.with_figures = true;
	if (is->public_url != NULL)
		r.verify_url = om_arena_printf(a, "%s/api/v1/verify/", is->public_url);
	req.body_case = OM__REQUEST__BODY_RENDER;
	req.render = &r;
	s = is->render(is->render_arg, &req, om_mono_ms() + RD_ISSUE_MS, a, &rep, e);
	if (s == OM_OK && rep.body_case != OM__REPLY__BODY_RENDER)
		s = om_fail(e, OM_INTERNAL, "a document was asked for and something else made");
	if (s == OM_OK)
		*out = rep.render;
	return s;
}

/* finish is asked for again when its reply is lost: costd knows the request. */
static om_status
finish(struct rd_issuing *is, Om__IssueQuery *q, const Om__IssueBeginReply *begun, const Om__RenderReply *made,
    struct om_arena *a, Om__IssueReply **out, om_err *e)
{
	Om__IssueFinish f = OM__ISSUE_FINISH__INIT;
	om_status s = OM_OK;

	f.lease_id = begun->lease_id;
	f.query = q;
	f.file = made->document;
	f.filename = made->filename;
	f.content_type = made->content_type;
	f.total = made->total;
	f.currency = made->currency;
	f.unsettled = made->unsettled;
	f.user_name = made->user_name;
	f.figures = made->figures;
	f.terms = om_arena_strdup(a, is->terms);
	if (f.terms == NULL || f.total == NULL || f.currency == NULL)
		return om_fail(e, OM_INTERNAL, "a document came without its total");
	for (int i = 0; i < FINISH_TRIES; i++) {
		Om__Request req = OM__REQUEST__INIT;
		Om__Reply *rep = NULL;

		req.body_case = OM__REQUEST__BODY_ISSUE_FINISH;
		req.issue_finish = &f;
		s = om_wire_call(is->costd, &req, STORE_MS, a, &rep, e);
		if (s == OM_OK && rep->body_case != OM__REPLY__BODY_ISSUE_FINISH)
			return om_fail(e, OM_PROTOCOL, "costd answered something else");
		if (s == OM_OK)
			*out = rep->issue_finish;
		if (s != OM_UNAVAILABLE && s != OM_TIMEOUT && s != OM_STORE)
			break;
		pause_ms(WAIT_MS << i);
	}
	/* the number went to another meanwhile: nothing is wrong with the question */
	return s == OM_CONFLICT ? OM_UNAVAILABLE : s;
}

static om_status
make(struct rd_issuing *is, Om__IssueQuery *q, const Om__IssueBeginReply *begun, struct om_arena *a,
    Om__IssueReply **out, om_err *e)
{
	Om__RenderReply *made = NULL;
	struct held held = {.is = is, .lease = begun->lease_id};
	int64_t every_ms = begun->has_keep_ms && begun->keep_ms >= 300 ? begun->keep_ms / 3 : 1000;
	struct rd_keeper k;
	om_status s = rd_keeper_start(&k, every_ms, keep, &held, e);

	if (s == OM_OK) {
		s = render(is, q, begun, a, &made, e);
		if (s == OM_OK)
			s = finish(is, q, begun, made, a, out, e);
		rd_keeper_stop(&k);
	}
	if (s != OM_OK && tell_costd(is, begun->lease_id, true, NULL) != OM_OK)
		om_log(OM_LOG_WARN, "a number could not be given back; it is free again in a few seconds", "number",
		    begun->number, NULL);
	return s;
}

om_status
rd_issue(
    struct rd_issuing *is, Om__IssueQuery *q, int64_t deadline_ms, struct om_arena *a, Om__IssueReply **out, om_err *e)
{
	Om__IssueBeginReply *begun = NULL;
	om_status s = begin(is, q, deadline_ms, a, &begun, e);

	*out = NULL;
	if (s != OM_OK)
		return s;
	if (begun->document != NULL) {
		*out = om_msg_new(a, &om__issue_reply__descriptor);
		if (*out == NULL)
			return om_fail(e, OM_NOMEM, "out of memory");
		(*out)->document = begun->document;
		(*out)->known = true;
		return OM_OK;
	}
	if (!begun->has_lease_id || begun->number == NULL || begun->verification_code == NULL ||
	    strlen(begun->verification_code) != CODE_CHARS)
		return om_fail(e, OM_PROTOCOL, "costd gave no number");
	return make(is, q, begun, a, out, e);
}

om_status
rd_issue_figures(const Om__StatementReply *r, struct om_arena *a, ProtobufCBinaryData *out, om_err *e)
{
	Om__StatementReply kept = *r;
	size_t n;

	kept.n_generations = 0;
	kept.generations = NULL;
	kept.has_reading_id = false;
	n = om__statement_reply__get_packed_size(&kept);
	if (n > MOST_FIGURES) { /* thousands of users: what each used of each model is in the file */
		kept.n_user_models = 0;
		n = om__statement_reply__get_packed_size(&kept);
	}
	*out = (ProtobufCBinaryData){.data = om_arena_alloc(a, n + 1)};
	if (out->data == NULL)
		return om_fail(e, OM_NOMEM, "out of memory");
	out->len = om__statement_reply__pack(&kept, out->data);
	return OM_OK;
}

om_status
rd_issue_serve(void *arg, const Om__Request *req, int64_t deadline_ms, struct om_arena *a, Om__Reply *rep, om_err *e)
{
	struct rd_issuing *is = arg;
	om_status s;

	if (req->body_case != OM__REQUEST__BODY_ISSUE)
		return is->render(is->render_arg, req, deadline_ms, a, rep, e);
	s = rd_issue(is, req->issue, deadline_ms, a, &rep->issue, e);
	if (s != OM_OK)
		om_log(OM_LOG_WARN, "no document issued", "why", om_err_text(e, s), NULL);
	else
		om_log(OM_LOG_INFO, rep->issue->known ? "document was issued before" : "document issued", "number",
		    rep->issue->document->number, NULL);
	rep->body_case = OM__REPLY__BODY_ISSUE;
	return s;
}
