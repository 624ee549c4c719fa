/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * The last step of issuing: number, file, figures and hash are stored, or a file
 * is added to a document, in one transaction.
 */
#include "issue.h"

#include "issuing.h"
#include "standing.h"
#include "names/figures.h"
#include "names/persons.h"
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

/* What is stored for a request, and what becomes of it. */
struct stored {
	const Om__IssueQuery *of;
	ProtobufCBinaryData file;
	const char *filename, *content_type;
	om_time now;
	unsigned char params[OM_SHA256], sha256[OM_SHA256];
	struct om_arena *a;

	Om__Document *document;
	bool known; /* nothing was stored */
};

struct finish {
	const Om__IssueFinish *q;
	struct stored in;
};

struct add {
	const Om__FileAdd *q;
	struct stored in;
};

/* The document that a new one takes the place of, or takes back; 0: none. */
struct target {
	struct cd_number corrects, cancels;
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
	bool cancels = f->q->role == OM__ISSUE_ROLE__ROLE_CANCELLATION;
	struct cd_number n = {.year = 0};
	Om__Document *old = NULL;
	om_status s;

	*t = (struct target){.corrects = n, .cancels = n};
	if (f->q->role == OM__ISSUE_ROLE__ROLE_ORIGINAL)
		return cd_standing_check_original(db, f->in.of, f->in.a, e);
	if (!cancels)
		s = cd_standing_check_correction(db, f->in.of, f->q->of_number, f->in.a, &old, e);
	else if ((s = cd_standing_check_cancellation(db, f->in.of, f->in.a, &old, e)) == OM_OK)
		s = check_negative(f->q, old, e);
	if (s == OM_OK && !cd_number_parse(old->number, &n))
		s = om_fail(e, OM_DAMAGED, "%.30s is no number", old->number);
	*(cancels ? &t->cancels : &t->corrects) = n;
	return s;
}

/* ---- a new number ---- */

/* What a document keeps of persons: numbers. */
struct persons {
	struct cd_val of; /* null: it is not of one */
	ProtobufCBinaryData figures;
};

static om_status
keep_number(void *arg, const struct cd_val *v, om_err *e)
{
	(void)e;
	*(int64_t *)arg = v[0].kind == CD_INT ? v[0].i : 0;
	return OM_OK;
}

/* find_persons: a cancellation is of the person of what it cancels, who may be shown as another one since. */
static om_status
find_persons(struct cd_db *db, const struct finish *f, const struct target *t, struct persons *out, om_err *e)
{
	const char *user = f->q->query->user;
	int64_t number = 0;
	om_status s = OM_OK;

	if (user != NULL && t->cancels.seq != 0)
		s = cd_db_query(db, "SELECT person FROM document WHERE year=? AND seq=?",
		    (struct cd_val[]){CD_I(t->cancels.year), CD_I(t->cancels.seq)}, 2, keep_number, &number, e);
	else if (user != NULL)
		s = cd_person_number(db, user, &number, e);

	if (s == OM_OK && user != NULL && number == 0)
		s = om_fail(e, OM_NOT_FOUND, "user: no such user");
	out->of = number != 0 ? CD_I(number) : CD_NONE;
	return s == OM_OK ? cd_figures_hide(db, f->q->figures, f->in.a, &out->figures, e) : s;
}

static om_status
store_row(struct cd_db *db, const struct finish *f, const struct cd_issuing *st, const struct target *t,
    const struct persons *p, om_err *e)
{
	static const char sql[] =
	    "INSERT INTO document (year,seq,kind,person,user_name,group_name,of_month,format,locale,paper,issued_us,"
	    "total,currency,sha256,bytes,filename,content_type,code,corrects_year,corrects_seq,cancels_year,cancels_"
	    "seq,"
	    "reason,unsettled,figures,terms) VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)";
	const Om__IssueFinish *q = f->q;
	const Om__IssueQuery *of = q->query;
	bool corrects = t->corrects.seq != 0, cancels = t->cancels.seq != 0;
	char month[OM_DAY_TEXT];
	const struct cd_val v[] = {CD_I(st->next.year), CD_I(st->next.seq), CD_I((int64_t)of->kind), p->of,
	    cd_t(q->user_name), cd_t(of->group),
	    cd_t(om_day_text(om_day_from_civil((int)of->year, (int)of->month, 1), month)), CD_I((int64_t)of->format),
	    cd_t(of->locale), cd_t(of->paper), CD_I(st->next_us), cd_t(q->total), cd_t(q->currency),
	    CD_B(f->in.sha256, OM_SHA256), CD_I((int64_t)q->file.len), cd_t(q->filename), cd_t(q->content_type),
	    cd_t(st->code), corrects ? CD_I(t->corrects.year) : CD_NONE, corrects ? CD_I(t->corrects.seq) : CD_NONE,
	    cancels ? CD_I(t->cancels.year) : CD_NONE, cancels ? CD_I(t->cancels.seq) : CD_NONE, cd_t(of->reason),
	    CD_I((int64_t)q->unsettled), CD_B(p->figures.data, p->figures.len), cd_t(q->terms)};

	return cd_db_exec(db, sql, v, sizeof v / sizeof v[0], 1, NULL, e);
}

static om_status
store_link(struct cd_db *db, const struct cd_issuing *st, const struct target *t, om_err *e)
{
	const struct cd_val by_year = CD_I(st->next.year), by_seq = CD_I(st->next.seq);

	if (t->cancels.seq != 0)
		return cd_db_exec(db, "INSERT INTO document_cancellation (year,seq,by_year,by_seq) VALUES (?,?,?,?)",
		    (struct cd_val[]){CD_I(t->cancels.year), CD_I(t->cancels.seq), by_year, by_seq}, 4, 1, NULL, e);
	if (t->corrects.seq != 0)
		return cd_db_exec(db, "INSERT INTO document_correction (year,seq,by_year,by_seq) VALUES (?,?,?,?)",
		    (struct cd_val[]){CD_I(t->corrects.year), CD_I(t->corrects.seq), by_year, by_seq}, 4, 1, NULL, e);
	return OM_OK;
}

static om_status
store_file(struct cd_db *db, const struct stored *in, struct cd_number n, const char *locale, const char *paper,
    om_time made_us, om_err *e)
{
	const struct cd_file file = {.format = in->of->format,
	    .duplicate = in->of->act == OM__ISSUE_ACT__ISSUE_DUPLICATE,
	    .locale = locale,
	    .paper = paper,
	    .filename = in->filename,
	    .content_type = in->content_type,
	    .made_us = made_us,
	    .data = in->file,
	    .sha256 = in->sha256};

	return cd_document_add_file(db, n, &file, in->a, e);
}

static om_status
finish_number(struct cd_db *db, struct finish *f, const struct cd_issuing *st, om_err *e)
{
	const Om__IssueQuery *of = f->in.of;
	struct persons p;
	struct target t;
	om_status s;

	if (!cd_issuing_is_mine(st, &f->q->lease_id))
		return om_fail(e, OM_CONFLICT, CD_ISSUE_LOST);
	s = cd_issuing_check_clock(st->next_us - 1, f->in.now, e); /* it may follow a date that is just not ahead */
	if (s == OM_OK)
		s = check_target(db, f, &t, e);
	if (s == OM_OK)
		s = find_persons(db, f, &t, &p, e);
	if (s == OM_OK)
		s = store_row(db, f, st, &t, &p, e);
	if (s == OM_OK)
		s = store_link(db, st, &t, e);
	if (s == OM_OK)
		s = cd_db_exec(db, "INSERT INTO document_code (code,year,seq) VALUES (?,?,?)",
		    (struct cd_val[]){cd_t(st->code), CD_I(st->next.year), CD_I(st->next.seq)}, 3, 1, NULL, e);
	if (s == OM_OK)
		s = cd_request_remember(db, of, f->in.params, st->next, e);
	if (s == OM_OK)
		s = store_file(db, &f->in, st->next, of->locale, of->paper, st->next_us, e);
	if (s == OM_OK)
		s = cd_db_exec(db, "UPDATE issuing SET year=?,seq=?,issued_us=? WHERE id=?",
		    (struct cd_val[]){CD_I(st->next.year), CD_I(st->next.seq), CD_I(st->next_us), CD_ISSUING_ROW}, 4, 1,
		    NULL, e);
	if (s == OM_OK)
		s = cd_lease_done(db, &cd_issuing_lease, CD_ISSUING_ROW, st->lease_id, NULL, e);
	return s == OM_OK ? cd_document_load(db, st->next, f->in.a, &f->in.document, e) : s;
}

static om_status
finish(struct cd_db *db, void *arg, om_err *e)
{
	struct finish *f = arg;
	struct cd_issuing st;
	struct cd_number n;
	bool done = false;
	om_status s = cd_issuing_lock(db, &st, e);

	/* the request may have ended before, and its reply was lost; one that takes what stands
	 * may have led to another document then */
	if (s == OM_OK)
		s = cd_request_find(db, f->in.of, f->in.params, &done, &n, e);
	if (done && f->in.of->act == OM__ISSUE_ACT__ISSUE_TAKE)
		done = !cd_issuing_is_mine(&st, &f->q->lease_id);
	f->in.known = done;
	if (s != OM_OK)
		return s;
	return done ? cd_document_load(db, n, f->in.a, &f->in.document, e) : finish_number(db, f, &st, e);
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
add_file(struct cd_db *db, struct add *f, om_err *e)
{
	const Om__IssueQuery *of = f->in.of;
	Om__Document *d = NULL;
	struct cd_number n = {.year = 0};
	om_status s = cd_standing_check_file(db, of, f->q->number, f->in.a, &d, &f->in.known, e);

	if (s == OM_OK && !cd_number_parse(d->number, &n))
		s = om_fail(e, OM_DAMAGED, "%.30s is no number", d->number);
	if (s == OM_OK)
		s = cd_request_remember(db, of, f->in.params, n, e);
	f->in.document = d;
	if (s != OM_OK || f->in.known)
		return s;
	s = list_first(db, n, e);
	if (s == OM_OK)
		s = store_file(db, &f->in, n, of->locale != NULL ? of->locale : d->locale,
		    of->paper != NULL ? of->paper : d->paper, f->in.now, e);
	return s == OM_OK ? cd_document_load(db, n, f->in.a, &f->in.document, e) : s;
}

static om_status
add(struct cd_db *db, void *arg, om_err *e)
{
	struct add *f = arg;
	struct cd_issuing st;
	struct cd_number n, to = {.year = 0};
	bool done = false;
	om_status s = cd_issuing_lock(db, &st, e);

	/* as in finish */
	if (s == OM_OK)
		s = cd_request_find(db, f->in.of, f->in.params, &done, &n, e);
	if (done && f->in.of->act == OM__ISSUE_ACT__ISSUE_TAKE)
		done = cd_number_parse(f->q->number, &to) && to.year == n.year && to.seq == n.seq;
	f->in.known = done;
	if (s != OM_OK)
		return s;
	return done ? cd_document_load(db, n, f->in.a, &f->in.document, e) : add_file(db, f, e);
}

/* ---- the calls ---- */

/* prepare checks the file, and hashes it and the request. */
static om_status
prepare(struct stored *in, om_err *e)
{
	om_status s = cd_request_hash(in->of, in->params, e);

	om_stat_register(&issued);
	om_stat_register(&cancelled);
	om_stat_register(&added);
	if (s != OM_OK)
		return s;
	if (in->file.len == 0)
		return om_fail(e, OM_INVALID, "file: is empty");
	if (in->file.len > CD_FILE_BYTES)
		return om_fail(e, OM_TOO_LARGE, "a file of more than %zu MiB cannot be issued", CD_FILE_BYTES >> 20);
	if (om_sha256(&(struct om_bytes){.data = in->file.data, .n = in->file.len}, 1, in->sha256) != OM_OK)
		return om_fail(e, OM_INTERNAL, "SHA-256 failed");
	return OM_OK;
}

/* check_role: the role is one that the act leads to, and the number goes with it. */
static om_status
check_role(const Om__IssueFinish *q, om_err *e)
{
	static const struct {
		Om__IssueAct act;
		Om__IssueRole role;
	} known[] = {
	    {OM__ISSUE_ACT__ISSUE_ORIGINAL, OM__ISSUE_ROLE__ROLE_ORIGINAL},
	    {OM__ISSUE_ACT__ISSUE_CORRECTION, OM__ISSUE_ROLE__ROLE_CORRECTION},
	    {OM__ISSUE_ACT__ISSUE_CANCELLATION, OM__ISSUE_ROLE__ROLE_CANCELLATION},
	    {OM__ISSUE_ACT__ISSUE_TAKE, OM__ISSUE_ROLE__ROLE_ORIGINAL},
	    {OM__ISSUE_ACT__ISSUE_TAKE, OM__ISSUE_ROLE__ROLE_CORRECTION},
	};
	const char *asked = q->query->of_number;

	if ((q->of_number != NULL) != (q->role != OM__ISSUE_ROLE__ROLE_ORIGINAL) ||
	    (asked != NULL && (q->of_number == NULL || strcmp(asked, q->of_number) != 0)))
		return om_fail(e, OM_INVALID, "of_number: is the one that is corrected or cancelled");
	for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
		if (known[i].act == q->query->act && known[i].role == q->role)
			return OM_OK;
	return om_fail(e, OM_INVALID, "role: not one that the request leads to");
}

/* check_act: only an original, a duplicate and what is taken can become a file. */
static om_status
check_act(const Om__IssueQuery *q, om_err *e)
{
	return q->act == OM__ISSUE_ACT__ISSUE_ORIGINAL || q->act == OM__ISSUE_ACT__ISSUE_DUPLICATE ||
		q->act == OM__ISSUE_ACT__ISSUE_TAKE
	    ? OM_OK
	    : om_fail(e, OM_INVALID, "act: not one that leads to another file");
}

/* report counts and logs what was issued; not the file's name, which may hold a group's. */
static void
report(const Om__IssueFinish *q, const Om__Document *d)
{
	om_stat_add(&issued, 1);
	om_log(OM_LOG_INFO, "document issued", "number", d->number, "bytes", OM_I64(q->file.len), "corrects",
	    d->corrects, "cancels", d->cancels, NULL);
	if (d->cancels == NULL)
		return;
	om_stat_add(&cancelled, 1);
	om_log(OM_LOG_INFO, "document cancelled", "number", d->cancels, "by", d->number, NULL);
}

om_status
cd_issue_finish(struct cd_pool *p, const Om__IssueFinish *q, om_time now, int64_t deadline_ms, struct om_arena *a,
    Om__IssueFinishReply *out, om_err *e)
{
	struct finish f = {.q = q,
	    .in = {.of = q->query,
		.file = q->file,
		.filename = q->filename,
		.content_type = q->content_type,
		.now = now,
		.a = a}};
	om_status s = check_role(q, e);

	if (s == OM_OK)
		s = prepare(&f.in, e);
	if (s == OM_OK)
		s = cd_pool_run(p, CD_TX_WRITE, deadline_ms, finish, &f, e);
	if (s != OM_OK)
		return s;
	out->document = f.in.document;
	out->known = f.in.known;
	if (!f.in.known)
		report(q, f.in.document);
	return OM_OK;
}

om_status
cd_file_add(struct cd_pool *p, const Om__FileAdd *q, om_time now, int64_t deadline_ms, struct om_arena *a,
    Om__FileAddReply *out, om_err *e)
{
	struct add f = {.q = q,
	    .in = {.of = q->query,
		.file = q->file,
		.filename = q->filename,
		.content_type = q->content_type,
		.now = now,
		.a = a}};
	om_status s = check_act(q->query, e);

	if (s == OM_OK)
		s = prepare(&f.in, e);
	if (s == OM_OK)
		s = cd_pool_run(p, CD_TX_WRITE, deadline_ms, add, &f, e);
	if (s != OM_OK)
		return s;
	out->document = f.in.document;
	out->known = f.in.known;
	if (f.in.known)
		return OM_OK;
	om_stat_add(&added, 1);
	om_log(OM_LOG_INFO, "file added to a document", "number", f.in.document->number, "bytes", OM_I64(q->file.len),
	    "duplicate", q->query->act == OM__ISSUE_ACT__ISSUE_DUPLICATE ? "yes" : "no", NULL);
	return OM_OK;
}
