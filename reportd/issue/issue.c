/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "issue.h"

#include "lease_keeper.h"
#include "source/figures.h"
#include "envelope.pb-c.h"
#include "base/clock.h"
#include "base/invariant.h"
#include "base/log.h"
#include "base/money.h"

#include <string.h>
#include <time.h>

#define CALL_MS      15000
#define STORE_MS     60000 /* a large file takes its time */
#define WAIT_MS      150   /* before asking again while another document is issued */
#define FINISH_TRIES 5
#define CODE_CHARS   16

/* One request under way. */
struct work {
	struct rd_issuing *is;
	Om__IssueQuery *q;
	const struct rd_moment *of; /* NULL: the ledger as it is */
	struct om_arena *a;
	const Om__HeldNumber *number; /* NULL: it becomes a file of standing's document */
	Om__Standing *standing;       /* NULL: an original */
	Om__Zone *zone;               /* goes with standing */
	struct rd_made made;
};

/* ---- the number is kept while the document is made ---- */

struct held {
	struct rd_issuing *is;
	ProtobufCBinaryData lease;
};

static om_status
tell_costd(struct rd_issuing *is, Om__Request *req, om_err *e)
{
	Om__Reply *rep = NULL;
	struct om_arena a;
	om_status s;

	om_arena_init(&a, (size_t)64 * 1024);
	s = om_wire_call(is->costd, req, CALL_MS, &a, &rep, e);
	om_arena_fini(&a);
	return s;
}

static om_status
keep(void *arg, om_err *e)
{
	const struct held *h = arg;
	Om__IssueKeep q = OM__ISSUE_KEEP__INIT;
	Om__Request req = OM__REQUEST__INIT;

	q.lease_id = h->lease;
	req.body_case = OM__REQUEST__BODY_ISSUE_KEEP;
	req.issue_keep = &q;
	return tell_costd(h->is, &req, e);
}

/* give_back: costd finds out by itself, after a while, if it is not told. */
static om_status
give_back(const struct held *h, om_err *e)
{
	Om__IssueDrop q = OM__ISSUE_DROP__INIT;
	Om__Request req = OM__REQUEST__INIT;

	q.lease_id = h->lease;
	req.body_case = OM__REQUEST__BODY_ISSUE_DROP;
	req.issue_drop = &q;
	return tell_costd(h->is, &req, e);
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
begin(struct work *w, int64_t deadline_ms, Om__IssueBeginReply **out, om_err *e)
{
	Om__IssueBegin b = OM__ISSUE_BEGIN__INIT;
	om_err why = {.text = ""};
	om_status s;

	b.query = w->q;
	b.now = w->of != NULL ? w->of->now : NULL;
	for (;;) {
		Om__Request req = OM__REQUEST__INIT;
		Om__Reply *rep = NULL;

		req.body_case = OM__REQUEST__BODY_ISSUE_BEGIN;
		req.issue_begin = &b;
		s = om_wire_call(w->is->costd, &req, CALL_MS, w->a, &rep, &why);
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

static bool
has_role(const struct work *w, Om__IssueRole role)
{
	return w->number != NULL && w->number->role == role;
}

/* is_stored tells whether figures and terms are those that standing's document kept. */
static bool
is_stored(const struct work *w)
{
	return w->number == NULL || has_role(w, OM__ISSUE_ROLE__ROLE_CANCELLATION);
}

/* take_begun takes what costd gave, and checks what the rest relies on. */
static om_status
take_begun(struct work *w, const Om__IssueBeginReply *b, om_err *e)
{
	const char *code = NULL;
	bool number = b->next_case == OM__ISSUE_BEGIN_REPLY__NEXT_NUMBER;

	if (!number && b->next_case != OM__ISSUE_BEGIN_REPLY__NEXT_FILE)
		return om_fail(e, OM_PROTOCOL, "costd does not say what is to be made");
	w->number = number ? b->number : NULL;
	w->standing = number ? b->number->standing : b->file->standing;
	w->zone = number ? b->number->zone : b->file->zone;
	if (w->standing != NULL && w->standing->document == NULL)
		w->standing = NULL;
	if (number)
		code = w->number->verification_code;
	else if (w->standing != NULL)
		code = w->standing->document->verification_code;
	if ((w->standing == NULL && !has_role(w, OM__ISSUE_ROLE__ROLE_ORIGINAL)) || (is_stored(w) && w->zone == NULL) ||
	    (number && (w->number->lease_id.len == 0 || w->number->number[0] == '\0')) || code == NULL ||
	    strlen(code) != CODE_CHARS)
		return om_fail(e, OM_PROTOCOL, "costd gave no number");
	return OM_OK;
}

/* ---- the making ---- */

/* fill_new: of the figures that the ledger has. */
static void
fill_new(const struct work *w, struct rd_asked *more)
{
	if (w->standing == NULL)
		return;
	more->issue.corrects = w->standing->document->number;
	if (!(w->q->has_month_terms && w->q->month_terms))
		more->terms = w->standing->terms;
}

/* fill_stored: of what the issued document kept. */
static void
fill_stored(const struct work *w, struct rd_asked *more)
{
	Om__Standing *st = w->standing;

	om_check(st != NULL); /* take_begun refuses what comes without */
	more->kept = true;
	more->figures = st->figures;
	more->terms = st->terms;
	more->zone = w->zone;
	if (w->number != NULL) {
		more->issue.cancels = st->document->number;
		more->issue.cancels_issued = st->document->issued_us;
		more->issue.reason = w->q->reason;
	} else {
		more->issue.corrects = st->document->corrects;
		more->issue.duplicate = w->q->act == OM__ISSUE_ACT__ISSUE_DUPLICATE;
	}
}

static void
fill_asked(const struct work *w, Om__RenderQuery *r)
{
	r->user = w->q->user;
	r->group = w->q->group;
	r->year = w->q->year;
	r->month = w->q->month;
	r->format = w->q->format;
	r->locale = w->q->locale;
	r->paper = w->q->paper;
}

static om_status
fill_query(const struct work *w, Om__RenderQuery *r, struct rd_asked *more, om_err *e)
{
	const Om__Document *d = w->number == NULL ? w->standing->document : NULL;
	const char *code = d != NULL ? d->verification_code : w->number->verification_code;

	fill_asked(w, r);
	if (r->locale == NULL && w->standing != NULL)
		r->locale = w->standing->document->locale;
	if (r->paper == NULL && w->standing != NULL)
		r->paper = w->standing->document->paper;
	more->issue.number = d != NULL ? d->number : w->number->number;
	more->issue.issued = d != NULL ? d->issued_us : w->number->issued_us;
	more->issue.code = om_arena_printf(w->a, "%.4s-%.4s-%.4s-%.4s", code, code + 4, code + 8, code + 12);
	if (w->is->public_url != NULL)
		more->issue.verify_url = om_arena_printf(w->a, "%s/api/v1/verify/", w->is->public_url);
	more->with_figures = true;
	if (w->of != NULL)
		more->reading = *w->of->in;
	if (is_stored(w))
		fill_stored(w, more);
	else
		fill_new(w, more);
	return w->a->failed ? om_fail(e, OM_NOMEM, "out of memory") : OM_OK;
}

/* check_amount: what is made once more of a document's figures shows its amount, and a
 * cancellation the negative. */
static om_status
check_amount(const struct work *w, om_err *e)
{
	const Om__Document *d = w->standing != NULL ? w->standing->document : NULL;
	om_money made, issued;
	om_status s;

	if (w->made.file->total == NULL || w->made.file->currency == NULL)
		return om_fail(e, OM_INTERNAL, "a document came without its total");
	if (!is_stored(w) || d == NULL)
		return OM_OK;
	s = om_money_parse(w->made.file->total, &made, e);
	if (s == OM_OK)
		s = om_money_parse(d->total, &issued, e);
	if (s != OM_OK)
		return s;
	if (w->number != NULL)
		made.v = -made.v;
	if (om_money_cmp(made, issued) != 0 || strcmp(w->made.file->currency, d->currency) != 0)
		return om_fail(e, OM_INTERNAL, "%s is of %s %s, but made once more it comes to %s %s", d->number,
		    d->total, d->currency, w->made.file->total, w->made.file->currency);
	return OM_OK;
}

/* check_moment: a document of a delivery shows what its snapshot says. */
static om_status
check_moment(const struct work *w, om_err *e)
{
	Om__StatementReply *shown = NULL;
	struct rd_figures a, b;
	om_status s;

	if (w->of == NULL || is_stored(w))
		return OM_OK;
	s = om_msg_unpack(&om__statement_reply__descriptor, w->made.figures.data, w->made.figures.len, w->a, &shown, e);
	if (s == OM_OK)
		s = rd_figures_read(shown->total, &a, e);
	if (s == OM_OK)
		s = rd_figures_read(w->of->now, &b, e);
	return s == OM_OK ? rd_figures_same("rows of the document", &a, &b, e) : s;
}

static om_status
render(struct work *w, om_err *e)
{
	Om__RenderQuery r = OM__RENDER_QUERY__INIT;
	struct rd_asked more = {.query = &r};
	om_status s = fill_query(w, &r, &more, e);

	if (s == OM_OK)
		s = w->is->make(w->is->arg, &r, &more, om_mono_ms() + RD_ISSUE_MS, w->a, &w->made, e);
	if (s == OM_OK)
		s = check_amount(w, e);
	return s == OM_OK ? check_moment(w, e) : s;
}

/* ---- the storing ---- */

/* store is asked for again when its reply is lost: costd knows the request. */
static om_status
store(struct work *w, const Om__Request *what, Om__Reply__BodyCase want, Om__Reply **out, om_err *e)
{
	om_status s = OM_OK;

	for (int i = 0; i < FINISH_TRIES; i++) {
		Om__Request req = *what;

		s = om_wire_call(w->is->costd, &req, STORE_MS, w->a, out, e);
		if (s == OM_OK && (*out)->body_case != want)
			return om_fail(e, OM_PROTOCOL, "costd answered something else");
		if (s != OM_UNAVAILABLE && s != OM_TIMEOUT && s != OM_STORE)
			break;
		pause_ms(WAIT_MS << i);
	}
	return s;
}

/* say gives the reply to the request. */
static om_status
say(const struct work *w, Om__Document *d, bool known, bool added, Om__IssueReply **out, om_err *e)
{
	if (d == NULL)
		return om_fail(e, OM_PROTOCOL, "costd stored a document and did not name it");
	*out = om_msg_new(w->a, &om__issue_reply__descriptor);
	if (*out == NULL)
		return om_fail(e, OM_NOMEM, "out of memory");
	(*out)->state = OM__JOB_STATE__JOB_DONE;
	(*out)->document = d;
	(*out)->known = known;
	(*out)->added = added;
	return OM_OK;
}

static om_status
finish(struct work *w, Om__IssueReply **out, om_err *e)
{
	Om__IssueFinish f = OM__ISSUE_FINISH__INIT;
	Om__Request req = OM__REQUEST__INIT;
	Om__Reply *rep = NULL;
	om_status s;

	if (w->made.terms == NULL)
		return om_fail(e, OM_INTERNAL, "a document came without its terms");
	f.lease_id = w->number->lease_id;
	f.query = w->q;
	f.role = w->number->role;
	f.of_number = w->standing != NULL ? w->standing->document->number : NULL;
	f.file = w->made.file->document;
	f.filename = w->made.file->filename;
	f.content_type = w->made.file->content_type;
	f.total = w->made.file->total;
	f.currency = w->made.file->currency;
	f.unsettled = w->made.file->unsettled;
	f.user_name = w->made.user_name;
	f.figures = w->made.figures;
	f.terms = w->made.terms;
	req.body_case = OM__REQUEST__BODY_ISSUE_FINISH;
	req.issue_finish = &f;
	s = store(w, &req, OM__REPLY__BODY_ISSUE_FINISH, &rep, e);
	if (s == OM_OK)
		return say(w, rep->issue_finish->document, rep->issue_finish->known, false, out, e);
	/* the number went to another meanwhile: nothing is wrong with the question */
	return s == OM_CONFLICT ? OM_UNAVAILABLE : s;
}

static om_status
add_file(struct work *w, Om__IssueReply **out, om_err *e)
{
	Om__FileAdd f = OM__FILE_ADD__INIT;
	Om__Request req = OM__REQUEST__INIT;
	Om__Reply *rep = NULL;
	om_status s;

	f.query = w->q;
	f.number = w->standing->document->number;
	f.file = w->made.file->document;
	f.filename = w->made.file->filename;
	f.content_type = w->made.file->content_type;
	req.body_case = OM__REQUEST__BODY_FILE_ADD;
	req.file_add = &f;
	s = store(w, &req, OM__REPLY__BODY_FILE_ADD, &rep, e);
	return s == OM_OK ? say(w, rep->file_add->document, rep->file_add->known, !rep->file_add->known, out, e) : s;
}

static om_status
make_held(struct work *w, Om__IssueReply **out, om_err *e)
{
	const Om__HeldNumber *n = w->number;
	struct held held = {.is = w->is, .lease = n->lease_id};
	int64_t every_ms = n->keep_ms >= 300 ? n->keep_ms / 3 : 1000;
	struct rd_lease_keeper k;
	om_status s = rd_lease_keeper_start(&k, w->is->duties, every_ms, keep, &held, e);

	if (s == OM_OK) {
		s = render(w, e);
		if (s == OM_OK)
			s = finish(w, out, e);
		rd_lease_keeper_stop(&k);
	}
	if (s != OM_OK && give_back(&held, NULL) != OM_OK)
		om_log(OM_LOG_WARN, "a number could not be given back; it is free again in a few seconds", "number",
		    n->number, NULL);
	return s;
}

static om_status
make_file(struct work *w, Om__IssueReply **out, om_err *e)
{
	om_status s = render(w, e);

	return s == OM_OK ? add_file(w, out, e) : s;
}

/* check_asked looks at what costd cannot know: languages and papers. */
static om_status
check_asked(const struct work *w, om_err *e)
{
	Om__RenderQuery r = OM__RENDER_QUERY__INIT;

	if (w->is->check == NULL)
		return OM_OK;
	fill_asked(w, &r);
	return w->is->check(w->is->arg, &r, e);
}

om_status
rd_issue(struct rd_issuing *is, Om__IssueQuery *q, const struct rd_moment *of, int64_t deadline_ms, struct om_arena *a,
    Om__IssueReply **out, om_err *e)
{
	struct work w = {.is = is, .q = q, .of = of, .a = a};
	Om__IssueBeginReply *begun = NULL;
	om_status s;

	om_check(of == NULL || of->in != NULL);
	s = check_asked(&w, e);
	*out = NULL;
	if (s == OM_OK)
		s = begin(&w, deadline_ms, &begun, e);
	if (s != OM_OK)
		return s;
	if (begun->next_case == OM__ISSUE_BEGIN_REPLY__NEXT_ISSUED)
		return say(&w, begun->issued, true, false, out, e);
	s = take_begun(&w, begun, e);
	if (s != OM_OK)
		return s;
	return w.number != NULL ? make_held(&w, out, e) : make_file(&w, out, e);
}
