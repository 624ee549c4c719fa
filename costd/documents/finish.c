/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * The last step of issuing: number, file, figures and hash are stored, or a file
 * is added to a number, in one transaction.
 */
#include "issue.h"

#include "issuing.h"
#include "standing.h"
#include "documents.pb-c.h"
#include "base/log.h"
#include "base/money.h"
#include "base/stats.h"
#include "base/zone.h"

#include <string.h>

static struct om_stat issued =
    OM_COUNTER("owui_metering_documents_issued_total", NULL, "Documents that were given a number and stored.");
static struct om_stat cancelled = OM_COUNTER(
    "owui_metering_documents_cancelled_total", NULL, "Documents that another one, issued for that, took back.");
static struct om_stat added = OM_COUNTER("owui_metering_document_files_added_total", NULL,
    "Files of another format, and duplicates, that were added to issued documents.");

struct finish {
	const Om__IssueFinish *q;
	om_time now;
	unsigned char params[OM_SHA256], sha256[OM_SHA256];
	struct om_arena *a;
	Om__IssueReply *out;
};

/* The document that a new one takes the place of, or takes back. */
struct target {
	const char *corrects; /* NULL: none */
	bool cancels;
	struct cd_number number;
};

static om_status
check_negative(const Om__IssueFinish *q, const Om__Document *old, om_err *e)
{
	om_money before = OM_MONEY_ZERO, back = OM_MONEY_ZERO, rest = OM_MONEY_ZERO;
	om_status s = om_money_parse(old->total, &before, e);

	if (s == OM_OK)
		s = om_money_parse(q->total, &back, e);
	if (s == OM_OK)
		s = om_money_add(before, back, &rest);
	if (s == OM_OK && om_money_is_zero(rest) && strcmp(old->currency, q->currency) == 0)
		return OM_OK;
	return om_fail(e, OM_INTERNAL, "total: %.40s %.8s does not take back the %s %s of %s", q->total, q->currency,
	    old->total, old->currency, old->number);
}

/* check_target looks once more at what the begin decided. */
static om_status
check_target(struct cd_db *db, const struct finish *f, struct target *t, om_err *e)
{
	const Om__IssueQuery *of = f->q->query;
	Om__Document *old = NULL;
	om_status s;

	*t = (struct target){.corrects = f->q->corrects, .cancels = of->act == OM__ISSUE_ACT__ISSUE_CANCELLATION};
	if (of->act == OM__ISSUE_ACT__ISSUE_CORRECTION)
		t->corrects = of->of_number;
	if (t->cancels) {
		t->corrects = NULL;
		s = cd_standing_check_cancellation(db, of, f->a, &old, e);
		if (s == OM_OK)
			s = check_negative(f->q, old, e);
	} else if (t->corrects != NULL)
		s = cd_standing_check_correction(db, of, t->corrects, f->a, &old, e);
	else
		return cd_standing_check_original(db, of, f->a, e);
	if (s == OM_OK && !cd_number_parse(old->number, &t->number))
		s = om_fail(e, OM_DAMAGED, "%.30s is no number", old->number);
	return s;
}

/* ---- a new number ---- */

static om_status
store_row(struct cd_db *db, const struct finish *f, const struct cd_issuing *st, const struct target *t, om_err *e)
{
	static const char sql[] =
	    "INSERT INTO document (year,seq,kind,user_id,user_name,group_name,of_month,format,locale,paper,issued_us,"
	    "total,currency,sha256,bytes,filename,content_type,code,corrects_year,corrects_seq,cancels_year,cancels_"
	    "seq,"
	    "reason,unsettled,figures,terms) VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)";
	const Om__IssueFinish *q = f->q;
	const Om__IssueQuery *of = q->query;
	const struct cd_val year = CD_I(t->number.year), seq = CD_I(t->number.seq);
	bool corrects = t->corrects != NULL;
	char month[OM_DAY_TEXT];
	const struct cd_val v[] = {CD_I(st->next.year), CD_I(st->next.seq), CD_I((int64_t)of->kind), cd_t(of->user),
	    cd_t(q->user_name), cd_t(of->group),
	    cd_t(om_day_text(om_day_from_civil((int)of->year, (int)of->month, 1), month)), CD_I((int64_t)of->format),
	    cd_t(of->locale), cd_t(of->paper), CD_I(st->next_us), cd_t(q->total), cd_t(q->currency),
	    CD_B(f->sha256, OM_SHA256), CD_I((int64_t)q->file.len), cd_t(q->filename), cd_t(q->content_type),
	    cd_t(st->code), corrects ? year : CD_NONE, corrects ? seq : CD_NONE, t->cancels ? year : CD_NONE,
	    t->cancels ? seq : CD_NONE, cd_t(of->reason), CD_I((int64_t)q->unsettled),
	    CD_B(q->figures.data, q->figures.len), cd_t(q->terms)};

	return cd_db_exec(db, sql, v, sizeof v / sizeof v[0], 1, NULL, e);
}

static om_status
store_link(struct cd_db *db, const struct cd_issuing *st, const struct target *t, om_err *e)
{
	const struct cd_val v[] = {CD_I(t->number.year), CD_I(t->number.seq), CD_I(st->next.year), CD_I(st->next.seq)};

	if (t->cancels)
		return cd_db_exec(db, "INSERT INTO document_cancellation (year,seq,by_year,by_seq) VALUES (?,?,?,?)", v,
		    4, 1, NULL, e);
	if (t->corrects != NULL)
		return cd_db_exec(
		    db, "INSERT INTO document_correction (year,seq,by_year,by_seq) VALUES (?,?,?,?)", v, 4, 1, NULL, e);
	return OM_OK;
}

static om_status
store_file(struct cd_db *db, const struct finish *f, struct cd_number n, const char *locale, const char *paper,
    om_time made_us, om_err *e)
{
	const Om__IssueQuery *of = f->q->query;
	const struct cd_file file = {.format = of->format,
	    .duplicate = of->act == OM__ISSUE_ACT__ISSUE_DUPLICATE,
	    .locale = locale,
	    .paper = paper,
	    .filename = f->q->filename,
	    .content_type = f->q->content_type,
	    .made_us = made_us,
	    .data = f->q->file,
	    .sha256 = f->sha256};

	return cd_document_add_file(db, n, &file, f->a, e);
}

static om_status
finish_number(struct cd_db *db, struct finish *f, const struct cd_issuing *st, om_err *e)
{
	const Om__IssueQuery *of = f->q->query;
	struct target t;
	om_status s;

	if (!cd_issuing_is_mine(st, &f->q->lease_id))
		return om_fail(e, OM_CONFLICT, CD_ISSUE_LOST);
	s = cd_issuing_check_clock(st->next_us - 1, f->now, e); /* it may follow a date that is just not ahead */
	if (s == OM_OK)
		s = check_target(db, f, &t, e);
	if (s == OM_OK)
		s = store_row(db, f, st, &t, e);
	if (s == OM_OK)
		s = store_link(db, st, &t, e);
	if (s == OM_OK)
		s = cd_db_exec(db, "INSERT INTO document_code (code,year,seq) VALUES (?,?,?)",
		    (struct cd_val[]){cd_t(st->code), CD_I(st->next.year), CD_I(st->next.seq)}, 3, 1, NULL, e);
	if (s == OM_OK)
		s = cd_request_remember(db, of, f->params, st->next, e);
	if (s == OM_OK)
		s = store_file(db, f, st->next, of->locale, of->paper, st->next_us, e);
	if (s == OM_OK)
		s = cd_db_exec(db, "UPDATE issuing SET year=?,seq=?,issued_us=? WHERE id=?",
		    (struct cd_val[]){CD_I(st->next.year), CD_I(st->next.seq), CD_I(st->next_us), CD_ISSUING_ROW}, 4, 1,
		    NULL, e);
	if (s == OM_OK)
		s = cd_lease_done(db, &cd_issuing_lease, CD_ISSUING_ROW, st->lease_id, NULL, e);
	return s == OM_OK ? cd_document_load(db, st->next, f->a, &f->out->document, e) : s;
}

/* ---- another file ---- */

/* list_first: an older costd beside this one may have issued the document, and
 * then its own file is not in the list yet. */
static om_status
list_first(struct cd_db *db, struct cd_number n, om_err *e)
{
	return cd_db_exec(db,
	    "INSERT INTO document_file (year,seq,n,format,duplicate,locale,paper,first_part,bytes,sha256,filename,"
	    "content_type,made_us) SELECT d.year,d.seq,0,d.format,0,d.locale,d.paper,0,d.bytes,d.sha256,d.filename,"
	    "d.content_type,d.issued_us FROM document AS d WHERE d.year=? AND d.seq=? "
	    "ON DUPLICATE KEY UPDATE n=document_file.n",
	    (struct cd_val[]){CD_I(n.year), CD_I(n.seq)}, 2, 1, NULL, e);
}

static om_status
finish_file(struct cd_db *db, struct finish *f, om_err *e)
{
	const Om__IssueQuery *of = f->q->query;
	Om__Document *d = NULL;
	struct cd_number n = {.year = 0};
	bool known = false;
	om_status s = cd_standing_check_file(db, of, f->q->adds_to, f->a, &d, &known, e);

	if (s == OM_OK && !cd_number_parse(d->number, &n))
		s = om_fail(e, OM_DAMAGED, "%.30s is no number", d->number);
	if (s == OM_OK)
		s = cd_request_remember(db, of, f->params, n, e);
	f->out->known = known;
	f->out->document = d;
	if (s != OM_OK || known)
		return s;
	s = list_first(db, n, e);
	if (s == OM_OK)
		s = store_file(db, f, n, of->locale != NULL ? of->locale : d->locale,
		    of->paper != NULL ? of->paper : d->paper, f->now, e);
	f->out->has_added = f->out->added = true;
	return s == OM_OK ? cd_document_load(db, n, f->a, &f->out->document, e) : s;
}

/* ---- both ---- */

/* is_done tells whether this request ended before, and its reply was lost.  One
 * that takes what stands may have led to another document the last time. */
static om_status
is_done(struct cd_db *db, struct finish *f, const struct cd_issuing *st, bool *out, om_err *e)
{
	const Om__IssueQuery *of = f->q->query;
	struct cd_number n, to = {.year = 0};
	om_status s = cd_request_find(db, of, f->params, out, &n, e);

	if (s == OM_OK && *out && of->act == OM__ISSUE_ACT__ISSUE_TAKE)
		*out = f->q->adds_to != NULL
		    ? cd_number_parse(f->q->adds_to, &to) && to.year == n.year && to.seq == n.seq
		    : !cd_issuing_is_mine(st, &f->q->lease_id);
	return s == OM_OK && *out ? cd_document_load(db, n, f->a, &f->out->document, e) : s;
}

static om_status
finish(struct cd_db *db, void *arg, om_err *e)
{
	struct finish *f = arg;
	struct cd_issuing st;
	bool done = false;
	om_status s = cd_issuing_lock(db, &st, e);

	*f->out = (Om__IssueReply)OM__ISSUE_REPLY__INIT;
	if (s == OM_OK)
		s = is_done(db, f, &st, &done, e);
	f->out->known = done;
	if (s != OM_OK || done)
		return s;
	return f->q->adds_to != NULL ? finish_file(db, f, e) : finish_number(db, f, &st, e);
}

static om_status
check_file(const Om__IssueFinish *q, struct finish *f, om_err *e)
{
	if (q->file.len == 0)
		return om_fail(e, OM_INVALID, "file: is empty");
	if (q->file.len > CD_FILE_BYTES)
		return om_fail(e, OM_TOO_LARGE, "a file of more than %zu MiB cannot be issued", CD_FILE_BYTES >> 20);
	if (om_sha256(&(struct om_bytes){.data = q->file.data, .n = q->file.len}, 1, f->sha256) != OM_OK)
		return om_fail(e, OM_INTERNAL, "SHA-256 failed");
	return OM_OK;
}

/* report counts and logs what was done. */
static void
report(const Om__IssueFinish *q, const Om__IssueReply *out)
{
	const Om__Document *d = out->document;
	bool duplicate = q->query->act == OM__ISSUE_ACT__ISSUE_DUPLICATE;

	if (out->added) {
		om_stat_add(&added, 1);
		om_log(OM_LOG_INFO, "file added to a document", "number", d->number, "file", q->filename, "bytes",
		    OM_I64(q->file.len), "duplicate", duplicate ? "yes" : "no", NULL);
		return;
	}
	om_stat_add(&issued, 1);
	om_log(OM_LOG_INFO, "document issued", "number", d->number, "file", d->filename, "bytes", OM_I64(q->file.len),
	    "corrects", d->corrects, "cancels", d->cancels, NULL);
	if (d->cancels == NULL)
		return;
	om_stat_add(&cancelled, 1);
	om_log(OM_LOG_INFO, "document cancelled", "number", d->cancels, "by", d->number, NULL);
}

om_status
cd_issue_finish(struct cd_pool *p, const Om__IssueFinish *q, om_time now, int64_t deadline_ms, struct om_arena *a,
    Om__IssueReply *out, om_err *e)
{
	struct finish f = {.q = q, .now = now, .a = a, .out = out};
	om_status s = cd_request_hash(q->query, f.params, e);

	om_stat_register(&issued);
	om_stat_register(&cancelled);
	om_stat_register(&added);
	if (s == OM_OK)
		s = check_file(q, &f, e);
	if (s == OM_OK)
		s = cd_pool_run(p, CD_TX_WRITE, deadline_ms, finish, &f, e);
	if (s == OM_OK && !out->known)
		report(q, out);
	return s;
}
