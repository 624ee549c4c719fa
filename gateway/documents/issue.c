/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Documents that reportd issues or cancels: asked for, waited for a little, and looked for by
 * the name of the request. */
#include "issued.h"

#include "answer/names.h"
#include "answer/reply.h"
#include "peers/ask.h"
#include "question/question.h"
#include "base/log.h"
#include "base/text.h"
#include "wire/fleet.h"

#include <stdio.h>
#include <string.h>

#define WAIT_MS      5000 /* a caller waits so long for a document ... */
#define ISSUE_MS     8000 /* ... and so long for a reportd that does not answer at all */
#define STATE_MS     2000
#define RETRY_S      2
#define PREFIX       "http:" /* of a request's name, before the caller's key */
#define KEY_CHARS    100
#define REASON_CHARS 200
#define HERE         "/api/v1/documents/"

/* ---- what is asked for ---- */

static om_status
read_text(struct gw_req *rq, const json_t *doc, const char *key, size_t max, char **out, om_err *e)
{
	const char *text = NULL;
	om_status s = om_json_text(doc, "", key, max, &text, e);

	*out = NULL;
	if (s != OM_OK || text == NULL)
		return s;
	if (text[0] == '\0')
		return om_fail(e, OM_INVALID, "%s: must not be empty", key);
	*out = om_arena_strdup(rq->arena, text);
	return *out != NULL ? OM_OK : om_fail(e, OM_NOMEM, "out of memory");
}

/* read_wishes reads what only some documents know, a duplicate and whose terms a
 * correction has, and tells what is asked for.  What is not wished for stays absent, so
 * that a request is the same one whether it says so or not. */
static om_status
read_wishes(struct gw_req *rq, const json_t *doc, Om__IssueQuery *q, om_err *e)
{
	bool duplicate = false, has = false, corrects = q->of_number != NULL;
	char *terms = NULL;
	om_status s;

	if ((s = om_json_bool(doc, "", "duplicate", &duplicate, &has, e)) != OM_OK ||
	    (s = read_text(rq, doc, "terms", 16, &terms, e)) != OM_OK)
		return s;
	if (duplicate && corrects)
		return om_fail(e, OM_INVALID, "duplicate: does not go together with corrects");
	if (terms != NULL && !corrects)
		return om_fail(e, OM_INVALID, "terms: goes together with corrects only");
	if (terms != NULL && strcmp(terms, "document") != 0 && strcmp(terms, "month") != 0)
		return om_fail(e, OM_INVALID, "terms: must be document or month");
	q->act = corrects ? OM__ISSUE_ACT__ISSUE_CORRECTION
	    : duplicate   ? OM__ISSUE_ACT__ISSUE_DUPLICATE
			  : OM__ISSUE_ACT__ISSUE_ORIGINAL;
	q->has_month_terms = q->month_terms = terms != NULL && strcmp(terms, "month") == 0;
	return OM_OK;
}

/* check_members refuses what the call does not know: it cannot be undone, so that a
 * misspelled member is not ignored.  `known` ends with NULL. */
static om_status
check_members(json_t *doc, const char *const *known, om_err *e)
{
	const char *name;
	json_t *value;

	if (!json_is_object(doc))
		return om_fail(e, OM_INVALID, "the body must be an object");
	json_object_foreach(doc, name, value)
	{
		size_t i = 0;

		while (known[i] != NULL && strcmp(known[i], name) != 0)
			i++;
		if (known[i] == NULL)
			return om_fail(e, OM_INVALID, "%.64s: is no member of this call", name);
	}
	return OM_OK;
}

static om_status
read_issue(struct gw_req *rq, json_t *doc, Om__IssueQuery *q, om_err *e)
{
	static const char *const known[] = {
	    "kind", "user", "group", "month", "format", "locale", "paper", "corrects", "duplicate", "terms", NULL};
	char *kind = NULL, *month = NULL, *format = NULL;
	om_status s;

	if ((s = check_members(doc, known, e)) != OM_OK || (s = read_text(rq, doc, "kind", 32, &kind, e)) != OM_OK ||
	    (s = read_text(rq, doc, "user", 128, &q->user, e)) != OM_OK ||
	    (s = read_text(rq, doc, "group", 256, &q->group, e)) != OM_OK ||
	    (s = read_text(rq, doc, "month", 16, &month, e)) != OM_OK ||
	    (s = read_text(rq, doc, "format", 16, &format, e)) != OM_OK ||
	    (s = read_text(rq, doc, "locale", 16, &q->locale, e)) != OM_OK ||
	    (s = read_text(rq, doc, "paper", 16, &q->paper, e)) != OM_OK ||
	    (s = read_text(rq, doc, "corrects", 32, &q->of_number, e)) != OM_OK ||
	    (s = read_wishes(rq, doc, q, e)) != OM_OK)
		return s;
	if (kind == NULL || month == NULL)
		return om_fail(e, OM_INVALID, "%s: is missing", kind == NULL ? "kind" : "month");
	s = gw_read_kind(kind, &q->kind, e);
	if (s == OM_OK)
		s = gw_read_month(month, &q->year, &q->month, e);
	return s == OM_OK ? gw_document_format(format, &q->format, e) : s;
}

static om_status
read_reason(struct gw_req *rq, json_t *doc, Om__IssueQuery *q, om_err *e)
{
	static const char *const known[] = {"reason", "locale", "paper", NULL};
	om_status s = check_members(doc, known, e);

	if (s == OM_OK)
		s = read_text(rq, doc, "reason", REASON_CHARS, &q->reason, e);
	if (s == OM_OK)
		s = read_text(rq, doc, "locale", 16, &q->locale, e);
	return s == OM_OK ? read_text(rq, doc, "paper", 16, &q->paper, e) : s;
}

static om_status
read_body(struct gw_req *rq, Om__IssueQuery *q,
    om_status (*read)(struct gw_req *rq, json_t *doc, Om__IssueQuery *q, om_err *e), om_err *e)
{
	json_t *doc = NULL;
	om_status s = om_json_parse(rq->body, rq->n_body, &doc, e);

	if (s != OM_OK)
		return s;
	s = read(rq, doc, q, e);
	json_decref(doc);
	return s;
}

static om_status
make_name(struct gw_req *rq, const char *what, const char *key, char **out, om_err *e)
{
	if (!om_text_token(key, KEY_CHARS))
		return om_fail(
		    e, OM_INVALID, "%s: must be 1 to %d printable characters without space", what, KEY_CHARS);
	*out = om_arena_printf(rq->arena, PREFIX "%s", key);
	return *out != NULL ? OM_OK : om_fail(e, OM_NOMEM, "out of memory");
}

/* name_request takes the caller's name for the request, or draws one. */
static om_status
name_request(struct gw_req *rq, Om__IssueQuery *q, om_err *e)
{
	const char *given = gw_req_header(rq, "Idempotency-Key");
	char drawn[OM_REQUEST_ID];

	if (given == NULL)
		om_request_id_make(drawn);
	return make_name(rq, "Idempotency-Key", given != NULL ? given : drawn, &q->request, e);
}

/* ---- what became of it ---- */

static const char *
state_name(const Om__IssueReply *r, char buf[GW_NAME])
{
	return gw_enum_name(&om__job_state__descriptor, (int)r->state, buf);
}

static bool
is_under_way(const Om__IssueReply *r)
{
	return r->state == OM__JOB_STATE__JOB_QUEUED || r->state == OM__JOB_STATE__JOB_RUNNING;
}

static bool
is_done(const Om__IssueReply *r)
{
	return r->document != NULL && r->state == OM__JOB_STATE__JOB_DONE;
}

/* fault gives what the call answers with for one that failed. */
static om_status
fault(const Om__IssueReply *r, om_err *e)
{
	om_status s = om_status_from_code(r->has_status ? r->status : OM_INTERNAL);
	om_err why = {.text = ""};

	(void)om_fail(
	    &why, s, "%s", r->message != NULL && r->message[0] != '\0' ? r->message : "the document cannot be made");
	return gw_peers_blame(s != OM_OK ? s : OM_INTERNAL, &why, e);
}

/* ---- issuing ---- */

/* say_later answers that it goes on. */
static om_status
say_later(struct gw_reply *rp, const char *request, const char *state)
{
	static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._~-";
	const char *key = request + strlen(PREFIX);
	char path[3 * KEY_CHARS + 1] = "";
	size_t n = 0;
	struct om_jw w;

	for (const char *p = key; *p != '\0' && n + 4 <= sizeof path; p++)
		n += (size_t)snprintf(
		    path + n, 4, strchr(plain, *p) != NULL ? "%c" : "%%%02X", (unsigned)(unsigned char)*p);
	rp->status = 202;
	gw_reply_header(rp, "Location", HERE "requests/%s", path);
	gw_reply_header(rp, "Retry-After", "%d", RETRY_S);
	w = gw_reply_json(rp);
	om_jw_open(&w, '{');
	gw_write_text(&w, "request", key);
	gw_write_text(&w, "state", state);
	om_jw_close(&w, '}');
	return OM_OK;
}

static om_status
answer(struct gw_reply *rp, const char *request, const Om__IssueReply *r, om_err *e)
{
	char name[GW_NAME];

	if (is_under_way(r))
		return say_later(rp, request, state_name(r, name));
	if (r->state != OM__JOB_STATE__JOB_DONE)
		return fault(r, e);
	if (r->document == NULL)
		return gw_ask_lacks("the document", e);
	rp->status = r->known || r->added ? 200 : 201;
	gw_reply_header(rp, "Location", HERE "%s", r->document->number);
	gw_reply_message(rp, &r->document->base);
	return OM_OK;
}

/* issue asks whichever reportd takes it.  One that took the question and says nothing
 * may issue the document all the same, so that it is not said to have failed. */
static om_status
issue(const struct gw_parts *parts, struct gw_req *rq, struct gw_reply *rp, Om__IssueQuery *q, om_err *e)
{
	static const struct gw_ask ask = {OM__REQUEST__BODY_ISSUE, OM__REPLY__BODY_ISSUE};
	Om__IssueStart start = OM__ISSUE_START__INIT;
	const Om__IssueReply *issued;
	om_err why = {.text = ""};
	unsigned at = 0;
	om_status s;

	start.query = q;
	start.wait_ms = WAIT_MS;
	s = gw_ask_any_reportd(parts->peers, ask, &start, ISSUE_MS, rq->arena, &issued, &at, &why);
	if (s == OM_TIMEOUT) {
		om_log(OM_LOG_WARN, "a document is not issued yet", "why", om_err_text(&why, s), NULL);
		return say_later(rp, q->request, "running");
	}
	if (s != OM_OK)
		return gw_peers_blame(s, &why, e);
	return answer(rp, q->request, issued, e);
}

om_status
gw_document_issue(const struct gw_parts *parts, struct gw_req *rq, struct gw_reply *rp, om_err *e)
{
	Om__IssueQuery q = OM__ISSUE_QUERY__INIT;
	om_status s = read_body(rq, &q, read_issue, e);

	if (s == OM_OK)
		s = name_request(rq, &q, e);
	return s == OM_OK ? issue(parts, rq, rp, &q, e) : s;
}

om_status
gw_document_cancel(const struct gw_parts *parts, struct gw_req *rq, struct gw_reply *rp, om_err *e)
{
	Om__DocumentQuery which = OM__DOCUMENT_QUERY__INIT;
	Om__IssueQuery q = OM__ISSUE_QUERY__INIT;
	Om__Document *d = NULL;
	om_status s = read_body(rq, &q, read_reason, e);

	if (s == OM_OK)
		s = name_request(rq, &q, e);
	which.by_case = OM__DOCUMENT_QUERY__BY_NUMBER;
	if (s == OM_OK)
		s = gw_document_number(rq, &which.number, e);
	if (s == OM_OK)
		s = gw_document_ask(parts, rq, &which, &d, e);
	if (s != OM_OK || d == NULL)
		return s;
	q.act = OM__ISSUE_ACT__ISSUE_CANCELLATION;
	q.of_number = d->number;
	q.kind = d->kind;
	q.user = d->user;
	q.group = d->group;
	q.year = d->year;
	q.month = d->month;
	q.format = OM__FORMAT__FORMAT_PDF;
	if (q.locale == NULL)
		q.locale = d->locale;
	if (q.paper == NULL)
		q.paper = d->paper;
	return issue(parts, rq, rp, &q, e);
}

/* ---- looking for it ---- */

/* ask_costd looks for what was issued; NOT_FOUND when it was not. */
static om_status
ask_costd(const struct gw_parts *parts, struct gw_req *rq, char *request, Om__Document **out, om_err *e)
{
	Om__DocumentQuery q = OM__DOCUMENT_QUERY__INIT;

	q.by_case = OM__DOCUMENT_QUERY__BY_REQUEST;
	q.request = request;
	return gw_document_ask(parts, rq, &q, out, e);
}

static om_status
ask_one(
    const struct gw_parts *parts, struct gw_req *rq, unsigned at, char *request, const Om__IssueReply **out, om_err *e)
{
	static const struct gw_ask ask = {OM__REQUEST__BODY_ISSUE_STATE, OM__REPLY__BODY_ISSUE_STATE};
	Om__IssueStateQuery q = OM__ISSUE_STATE_QUERY__INIT;

	q.request = request;
	return gw_ask_reportd(parts->peers, at, ask, &q, STATE_MS, rq->arena, out, e);
}

/* better tells which of two answers is the request's: it may have been sent again, to
 * another reportd, after it failed at the first. */
static bool
better(const Om__IssueReply *r, const Om__IssueReply *than)
{
	if (than == NULL || is_done(r))
		return true;
	return is_under_way(r) && !is_under_way(than) && !is_done(than);
}

/* ask_reportds looks for what is not issued; NOT_FOUND when all say that they do not know it. */
static om_status
ask_reportds(const struct gw_parts *parts, struct gw_req *rq, char *request, const Om__IssueReply **out, om_err *e)
{
	om_status worst = OM_NOT_FOUND;
	om_err why = {.text = "no document was asked for by this name, or reportd was started again"};

	*out = NULL;
	for (unsigned i = 0; i < om_fleet_size(gw_peers_reportds(parts->peers)); i++) {
		const Om__IssueReply *r = NULL;
		om_err one = {.text = ""};
		om_status s = ask_one(parts, rq, i, request, &r, &one);

		if (s == OM_OK && r != NULL && better(r, *out))
			*out = r;
		if (s != OM_OK && s != OM_NOT_FOUND) {
			worst = s;
			why = one;
		}
	}
	if (*out != NULL)
		return OM_OK;
	return worst == OM_NOT_FOUND ? om_fail(e, worst, "%s", why.text) : gw_peers_blame(worst, &why, e);
}

/* write_error writes what the call would have been answered with. */
static void
write_error(struct om_jw *w, const Om__IssueReply *r)
{
	om_err why = {.text = ""};
	om_status s = fault(r, &why);

	om_jw_key(w, "error");
	om_jw_open(w, '{');
	gw_write_int(w, "status", om_status_http(s));
	gw_write_text(w, "message", om_err_text(&why, s));
	om_jw_close(w, '}');
}

static void
write_request(struct gw_reply *rp, const char *request, const Om__IssueReply *r)
{
	bool failed = !is_done(r) && !is_under_way(r);
	struct om_jw w = gw_reply_json(rp);
	char name[GW_NAME];

	om_jw_open(&w, '{');
	gw_write_text(&w, "request", request + strlen(PREFIX));
	gw_write_text(&w, "state", failed ? "failed" : state_name(r, name));
	if (is_done(r))
		gw_answer_some(&w, &r->base, "document ");
	else
		gw_write_null(&w, "document");
	if (failed)
		write_error(&w, r);
	else
		gw_write_null(&w, "error");
	om_jw_close(&w, '}');
}

om_status
gw_issue_request_show(const struct gw_parts *parts, struct gw_req *rq, struct gw_reply *rp, om_err *e)
{
	Om__IssueReply issued = OM__ISSUE_REPLY__INIT;
	const Om__IssueReply *r = &issued;
	Om__Document *document = NULL;
	char *request = NULL;
	om_status s = make_name(rq, "key", rq->param[0], &request, e);

	if (s == OM_OK)
		s = ask_costd(parts, rq, request, &document, e);
	if (s == OM_NOT_FOUND)
		s = ask_reportds(parts, rq, request, &r, e);
	if (s != OM_OK || r == NULL)
		return s;
	issued.state = OM__JOB_STATE__JOB_DONE;
	issued.document = document;
	write_request(rp, request, r);
	return OM_OK;
}
