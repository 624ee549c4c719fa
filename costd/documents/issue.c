/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "issue.h"

#include "issuing.h"
#include "standing.h"
#include "database/column.h"
#include "read/zone.h"
#include "value/period.h"
#include "jobs.pb-c.h"
#include "base/log.h"
#include "base/stats.h"
#include "base/text.h"
#include "base/zone.h"

#include <stdio.h>
#include <string.h>

#define FIRST_YEAR 2000
#define LAST_YEAR  2199
#define KEEP_US    ((om_time)CD_ISSUE_KEEP_MS * 1000)

static struct om_stat taken_over =
    OM_COUNTER("owui_metering_document_numbers_taken_over_total", NULL, "Numbers whose issuer did not finish in time.");

/* ---- what is asked for ---- */

static om_status
check_whose(const Om__IssueQuery *q, om_err *e)
{
	bool user = q->user != NULL, group = q->group != NULL;

	if ((unsigned)q->kind > OM__DOCUMENT_KIND__DOCUMENT_REPORT)
		return om_fail(e, OM_INVALID, "kind: unknown");
	if (user != (q->kind == OM__DOCUMENT_KIND__DOCUMENT_STATEMENT))
		return om_fail(e, OM_INVALID, "user: goes with a statement, and with nothing else");
	if (group != (q->kind == OM__DOCUMENT_KIND__DOCUMENT_GROUP_STATEMENT))
		return om_fail(e, OM_INVALID, "group: goes with a group's statement, and with nothing else");
	return OM_OK;
}

static om_status
check_reason(const char *reason, om_err *e)
{
	size_t n = reason != NULL ? strlen(reason) : 0;

	if (reason != NULL &&
	    (!om_utf8_valid(reason, n) || !om_text_clean(reason, n) || om_utf8_length(reason, n) > CD_REASON))
		return om_fail(e, OM_INVALID, "reason: must be a line of at most %u characters", CD_REASON);
	return OM_OK;
}

/* check_act: an act has all that it needs, and nothing that it does not look at. */
static om_status
check_act(const Om__IssueBegin *b, om_err *e)
{
	const Om__IssueQuery *q = b->query;
	bool correction = q->act == OM__ISSUE_ACT__ISSUE_CORRECTION;
	bool cancellation = q->act == OM__ISSUE_ACT__ISSUE_CANCELLATION;

	if ((unsigned)q->act > OM__ISSUE_ACT__ISSUE_TAKE)
		return om_fail(e, OM_INVALID, "act: unknown");
	if ((q->of_number != NULL) != (correction || cancellation))
		return om_fail(
		    e, OM_INVALID, "of_number: goes with a correction and with a cancellation, and with nothing else");
	if (q->has_month_terms && q->month_terms && !correction)
		return om_fail(e, OM_INVALID, "month_terms: goes with a correction");
	if (q->reason != NULL && !cancellation)
		return om_fail(e, OM_INVALID, "reason: goes with a cancellation");
	if (cancellation && q->format != OM__FORMAT__FORMAT_PDF)
		return om_fail(e, OM_INVALID, "format: a cancellation is a pdf");
	if ((b->now != NULL) != (q->act == OM__ISSUE_ACT__ISSUE_TAKE))
		return om_fail(e, OM_INVALID, "now: goes with taking what is issued, and with nothing else");
	return check_reason(q->reason, e);
}

static om_status
check_query(const Om__IssueBegin *b, om_time now, om_err *e)
{
	const Om__IssueQuery *q = b->query;
	struct cd_period month;
	om_status s;

	if (!om_text_token(q->request, 128))
		return om_fail(e, OM_INVALID, "request: must be 1 to 128 printable characters");
	s = check_whose(q, e);
	if (s != OM_OK)
		return s;
	if (q->format != OM__FORMAT__FORMAT_PDF && q->format != OM__FORMAT__FORMAT_XLSX)
		return om_fail(e, OM_INVALID, "format: must be pdf or xlsx");
	if (q->year < FIRST_YEAR || q->year > LAST_YEAR)
		return om_fail(e, OM_INVALID, "month: must lie in the years %d to %d", FIRST_YEAR, LAST_YEAR);
	s = cd_period_month(q->year, q->month, &month, e);
	if (s == OM_OK && month.from_day > om_zone_day(now))
		s = om_fail(e, OM_INVALID, "month: has not begun yet");
	return s == OM_OK ? check_act(b, e) : s;
}

/* ---- begin ---- */

struct begin {
	const Om__IssueBegin *q;
	om_time now;
	unsigned char params[OM_SHA256];
	char code[CD_CODE + 1];
	struct om_arena *a;
	Om__IssueBeginReply *out;
};

/* find_known gives the document that this request led to before, or NULL. */
static om_status
find_known(struct cd_db *db, const struct begin *b, Om__Document **out, om_err *e)
{
	struct cd_number n;
	bool found = false;
	om_status s = cd_request_find(db, b->q->query, b->params, &found, &n, e);

	*out = NULL;
	return s == OM_OK && found ? cd_document_load(db, n, b->a, out, e) : s;
}

static om_status
hold_number(struct cd_db *db, const struct begin *b, const struct cd_issuing *st, const struct cd_lease *lease,
    Om__HeldNumber *out, om_err *e)
{
	struct cd_number next = {.year = 0};
	om_time dated = 0;
	char text[CD_NUMBER];
	om_status s = cd_issuing_next(db, st, b->now, &next, &dated, e);
	const struct cd_val v[] = {
	    cd_t(b->q->query->request), CD_I(next.year), CD_I(next.seq), CD_I(dated), cd_t(b->code), CD_ISSUING_ROW};

	if (s != OM_OK)
		return s;
	out->number = om_arena_strdup(b->a, cd_number_text(next, text));
	out->verification_code = om_arena_strdup(b->a, b->code);
	out->issued_us = dated;
	out->lease_id = cd_column_bytes(lease->id, CD_LEASE_ID, b->a);
	out->keep_ms = CD_ISSUE_KEEP_MS;
	if (b->a->failed)
		return om_fail(e, OM_NOMEM, "out of memory");
	return cd_db_exec(db,
	    "UPDATE issuing SET lease_request=?,lease_year=?,lease_seq=?,lease_us=?,lease_code=? WHERE id=?", v, 6, 1,
	    NULL, e);
}

static om_status
begin_number(struct cd_db *db, const struct begin *b, const struct cd_issuing *st, const struct cd_decision *d,
    Om__Standing *standing, om_err *e)
{
	Om__HeldNumber *out = om_msg_new(b->a, &om__held_number__descriptor);
	struct cd_lease lease;
	om_status s =
	    out != NULL ? cd_issuing_check_clock(st->last_us, b->now, e) : om_fail(e, OM_NOMEM, "out of memory");

	if (s == OM_OK)
		s = cd_lease_take(db, &cd_issuing_lease, CD_ISSUING_ROW, b->now, KEEP_US, &lease, e);
	if (s != OM_OK)
		return s;
	if (!lease.taken)
		return om_fail(e, OM_THROTTLED, "another document is being issued; try again");
	if (st->held)
		om_stat_add(&taken_over, 1);
	out->role = d->role;
	out->standing = standing;
	b->out->next_case = OM__ISSUE_BEGIN_REPLY__NEXT_NUMBER;
	b->out->number = out;
	return hold_number(db, b, st, &lease, out, e);
}

static om_status
begin_file(const struct begin *b, Om__Standing *standing, om_err *e)
{
	Om__WantedFile *out = om_msg_new(b->a, &om__wanted_file__descriptor);

	if (out == NULL)
		return om_fail(e, OM_NOMEM, "out of memory");
	out->standing = standing;
	b->out->next_case = OM__ISSUE_BEGIN_REPLY__NEXT_FILE;
	b->out->file = out;
	return OM_OK;
}

/* begin_known: the request is answered, and finds the same the next time. */
static om_status
begin_known(struct cd_db *db, const struct begin *b, Om__Document *of, om_err *e)
{
	struct cd_number n;

	if (!cd_number_parse(of->number, &n))
		return om_fail(e, OM_DAMAGED, "%.30s is no number", of->number);
	b->out->next_case = OM__ISSUE_BEGIN_REPLY__NEXT_ISSUED;
	b->out->issued = of;
	return cd_request_remember(db, b->q->query, b->params, n, e);
}

static om_status
begin(struct cd_db *db, void *arg, om_err *e)
{
	struct begin *b = arg;
	const Om__IssueQuery *q = b->q->query;
	struct cd_decision d = {.of = NULL};
	struct cd_issuing st;
	Om__Document *found = NULL;
	Om__Standing *standing = NULL;
	om_status s = cd_issuing_lock(db, &st, e);

	*b->out = (Om__IssueBeginReply)OM__ISSUE_BEGIN_REPLY__INIT;
	if (s == OM_OK)
		s = find_known(db, b, &found, e);
	if (s == OM_OK && found != NULL && q->act != OM__ISSUE_ACT__ISSUE_TAKE) {
		b->out->next_case = OM__ISSUE_BEGIN_REPLY__NEXT_ISSUED;
		b->out->issued = found;
		return OM_OK;
	}
	if (s == OM_OK)
		s = cd_standing_decide(db, b->q, found, b->a, &d, e);
	if (s == OM_OK && d.next == CD_NEXT_NOTHING)
		return begin_known(db, b, d.of, e);
	if (s == OM_OK && d.of != NULL)
		s = cd_standing_load(db, d.of, b->a, &standing, e);
	if (s != OM_OK)
		return s;
	return d.next == CD_NEXT_FILE ? begin_file(b, standing, e) : begin_number(db, b, &st, &d, standing, e);
}

om_status
cd_issue_begin(struct cd_pool *p, const Om__IssueBegin *q, om_time now, int64_t deadline_ms, struct om_arena *a,
    Om__IssueBeginReply *out, om_err *e)
{
	struct begin b = {.q = q, .now = now, .a = a, .out = out};
	om_err why = {.text = ""};
	om_status s = check_query(q, now, e);

	om_stat_register(&taken_over);
	if (s == OM_OK)
		s = cd_request_hash(q->query, b.params, e);
	if (s == OM_OK)
		s = cd_code_make(b.code, e);
	if (s != OM_OK)
		return s;
	s = cd_pool_run(p, CD_TX_WRITE, deadline_ms, begin, &b, &why);
	if (s != OM_OK)
		return om_fail(e, s, "%s", om_err_text(&why, s));
	/* the figures of what stands name a zone, and may be of before there was a table of it */
	if (out->next_case == OM__ISSUE_BEGIN_REPLY__NEXT_FILE)
		out->file->zone = cd_zone_reply(a);
	if (out->next_case == OM__ISSUE_BEGIN_REPLY__NEXT_NUMBER && out->number->standing != NULL)
		out->number->zone = cd_zone_reply(a);
	return a->failed ? om_fail(e, OM_NOMEM, "out of memory") : OM_OK;
}

/* ---- keep ---- */

struct keep {
	const Om__IssueKeep *q;
	om_time now;
};

static om_status
keep(struct cd_db *db, void *arg, om_err *e)
{
	struct keep *k = arg;
	struct cd_issuing st;
	om_status s = cd_issuing_lock(db, &st, e);
	bool mine = s == OM_OK && cd_issuing_is_mine(&st, &k->q->lease_id);

	if (s != OM_OK)
		return s;
	if (!mine)
		return om_fail(e, OM_CONFLICT, CD_ISSUE_LOST);
	return cd_lease_keep(db, &cd_issuing_lease, CD_ISSUING_ROW, st.lease_id, k->now, KEEP_US, e);
}

om_status
cd_issue_keep(struct cd_pool *p, const Om__IssueKeep *q, om_time now, int64_t deadline_ms, om_err *e)
{
	struct keep k = {.q = q, .now = now};

	return cd_pool_run(p, CD_TX_WRITE, deadline_ms, keep, &k, e);
}

static om_status
drop(struct cd_db *db, void *arg, om_err *e)
{
	const Om__IssueDrop *q = arg;
	struct cd_issuing st;
	om_status s = cd_issuing_lock(db, &st, e);

	if (s != OM_OK || !cd_issuing_is_mine(&st, &q->lease_id))
		return s;
	return cd_lease_done(db, &cd_issuing_lease, CD_ISSUING_ROW, st.lease_id, NULL, e);
}

om_status
cd_issue_drop(struct cd_pool *p, const Om__IssueDrop *q, int64_t deadline_ms, om_err *e)
{
	Om__IssueDrop copy = *q;

	return cd_pool_run(p, CD_TX_WRITE, deadline_ms, drop, &copy, e);
}
