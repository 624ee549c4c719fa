/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "standing.h"

#include "shown.h"
#include "database/column.h"
#include "names/figures.h"
#include "jobs.pb-c.h"
#include "usage.pb-c.h"
#include "wire/codec.h"

#include <string.h>

/* ---- one document by its number ---- */

static om_status
load_named(struct cd_db *db, const char *member, const char *number, struct om_arena *a, Om__Document **out, om_err *e)
{
	struct cd_number n;
	om_status s = OM_NOT_FOUND;

	*out = NULL;
	if (cd_number_parse(number, &n))
		s = cd_document_load(db, n, a, out, e);
	return s == OM_NOT_FOUND ? om_fail(e, s, "%s: there is no document %.30s", member, number) : s;
}

/* check_stands: only what stands is corrected, cancelled, or given another file. */
static om_status
check_stands(const Om__Document *d, const char *member, const char *instead, om_err *e)
{
	if (d->corrected_by != NULL)
		return om_fail(e, OM_CONFLICT, "%s: %s was corrected by %s already%s", member, d->number,
		    d->corrected_by, instead);
	if (d->cancelled_by != NULL)
		return om_fail(e, OM_CONFLICT, "%s: %s was cancelled by %s", member, d->number, d->cancelled_by);
	if (d->cancels != NULL)
		return om_fail(e, OM_CONFLICT, "%s: %s is the cancellation of %s", member, d->number, d->cancels);
	return OM_OK;
}

/* check_alone: a document of somebody who is shown as this user since stands for what a correction would show too. */
static om_status
check_alone(struct cd_db *db, const Om__IssueQuery *q, const Om__Document *d, struct om_arena *a, om_err *e)
{
	Om__Document *other = NULL;
	struct cd_number n;
	om_status s = OM_OK;

	if (!cd_number_parse(d->number, &n))
		return om_fail(e, OM_DAMAGED, "%.30s is no number", d->number);
	s = cd_documents_standing_beside(db, q, n, a, &other, e);
	return s == OM_OK && other != NULL
	    ? om_fail(e, OM_CONFLICT,
		  "corrects: %s stands for the same month of a user who was merged into this one; cancel it first",
		  other->number)
	    : s;
}

om_status
cd_standing_check_correction(struct cd_db *db, const Om__IssueQuery *q, const char *corrects, struct om_arena *a,
    Om__Document **old_out, om_err *e)
{
	om_status s = load_named(db, "corrects", corrects, a, old_out, e);

	if (s == OM_OK)
		s = check_stands(*old_out, "corrects", "; correct that one", e);
	if (s == OM_OK && !cd_document_is_of(*old_out, q))
		s = om_fail(e, OM_CONFLICT, "corrects: %s is about something else; a correction is of the same",
		    (*old_out)->number);
	return s == OM_OK ? check_alone(db, q, *old_out, a, e) : s;
}

om_status
cd_standing_check_cancellation(
    struct cd_db *db, const Om__IssueQuery *q, struct om_arena *a, Om__Document **old_out, om_err *e)
{
	om_status s = load_named(db, "cancels", q->of_number, a, old_out, e);

	if (s == OM_OK)
		s = check_stands(*old_out, "cancels", "; cancel that one", e);
	if (s == OM_OK && !cd_document_is_of(*old_out, q))
		s = om_fail(e, OM_CONFLICT, "cancels: %s is about something else; a cancellation is of the same",
		    (*old_out)->number);
	return s;
}

/* ---- all that stand ---- */

/* first_with gives the oldest that has a file of this format, or NULL. */
static Om__Document *
first_with(Om__Document *const *d, size_t n, Om__Format format)
{
	for (size_t i = 0; i < n; i++)
		if (cd_document_file_of(d[i], format) != NULL)
			return d[i];
	return NULL;
}

static om_status
refuse_second(const Om__Document *first, om_err *e)
{
	return om_fail(e, OM_CONFLICT, "%s is issued for this already; correct it, cancel it, or ask for a duplicate",
	    first->number);
}

om_status
cd_standing_check_original(struct cd_db *db, const Om__IssueQuery *q, struct om_arena *a, om_err *e)
{
	Om__Document **all = NULL;
	size_t n = 0;
	om_status s = cd_documents_standing(db, q, a, &n, &all, e);

	return s == OM_OK && n > 0 ? refuse_second(all[0], e) : s;
}

/* has_equal tells whether the document has the duplicate that is asked for; what
 * the request does not say is as in the document. */
static om_status
has_equal(struct cd_db *db, const Om__IssueQuery *q, const Om__Document *d, bool *out, om_err *e)
{
	struct cd_number n;

	if (d == NULL)
		return om_fail(e, OM_INTERNAL, "there is no document to compare the duplicate with");
	if (!cd_number_parse(d->number, &n))
		return om_fail(e, OM_DAMAGED, "%.30s is no number", d->number);
	return cd_document_has_duplicate(db, n, q->format, q->locale != NULL ? q->locale : d->locale,
	    q->paper != NULL ? q->paper : d->paper, out, e);
}

om_status
cd_standing_check_file(struct cd_db *db, const Om__IssueQuery *q, const char *number, struct om_arena *a,
    Om__Document **doc_out, bool *known_out, om_err *e)
{
	om_status s = load_named(db, "number", number, a, doc_out, e);

	*known_out = false;
	if (s == OM_OK)
		s = check_stands(*doc_out, "number", "", e);
	if (s == OM_OK && !cd_document_is_of(*doc_out, q))
		s = om_fail(e, OM_CONFLICT, "number: %s is about something else", (*doc_out)->number);
	if (s != OM_OK)
		return s;
	if (q->act == OM__ISSUE_ACT__ISSUE_DUPLICATE)
		return has_equal(db, q, *doc_out, known_out, e);
	return cd_document_file_of(*doc_out, q->format) != NULL ? refuse_second(*doc_out, e) : OM_OK;
}

/* ---- figures ---- */

struct standing_scan {
	struct om_arena *a;
	Om__Standing *out;
};

static om_status
keep_standing(void *arg, const struct cd_val *v, om_err *e)
{
	struct standing_scan *scan = arg;

	scan->out->figures = cd_column_bytes(v[0].p, v[0].n, scan->a);
	scan->out->terms = cd_column_text(&v[1], scan->a);
	return scan->a->failed ? om_fail(e, OM_NOMEM, "out of memory") : OM_OK;
}

om_status
cd_standing_load(struct cd_db *db, Om__Document *d, struct om_arena *a, Om__Standing **out, om_err *e)
{
	struct standing_scan scan = {.a = a, .out = om_msg_new(a, &om__standing__descriptor)};
	struct cd_number n;
	om_status s;

	*out = scan.out;
	if (scan.out == NULL)
		return om_fail(e, OM_NOMEM, "out of memory");
	if (!cd_number_parse(d->number, &n))
		return om_fail(e, OM_DAMAGED, "%.30s is no number", d->number);
	scan.out->document = d;
	s = cd_db_query(db, "SELECT figures,terms FROM document WHERE year=? AND seq=?",
	    (struct cd_val[]){CD_I(n.year), CD_I(n.seq)}, 2, keep_standing, &scan, e);
	if (s == OM_OK)
		s = cd_figures_show(db, scan.out->figures, a, &scan.out->figures, e);
	if (s == OM_OK && (scan.out->terms == NULL || scan.out->terms[0] == '\0'))
		s = om_fail(e, OM_DAMAGED, "%s has no terms", d->number);
	return s;
}

/* shows tells whether the document's figures are these. */
static om_status
shows(struct cd_db *db, const Om__Document *d, const Om__Figures *now, struct om_arena *a, bool *out, om_err *e)
{
	Om__Figures *shown = NULL;
	om_status s = cd_shown_load(db, d->number, a, &shown, e);

	*out = false;
	return s == OM_OK ? cd_shown_same(now, shown, out, e) : s;
}

/* ---- what becomes of a request ---- */

static om_status
decide_duplicate(
    struct cd_db *db, const Om__IssueQuery *q, Om__Document *const *all, size_t n, struct cd_decision *out, om_err *e)
{
	bool known = false;
	om_status s;

	if (n == 0)
		return om_fail(e, OM_CONFLICT, "nothing is issued for this that could have a duplicate");
	out->of = first_with(all, n, q->format);
	if (out->of == NULL)
		out->of = all[0];
	s = has_equal(db, q, out->of, &known, e);
	out->next = known ? CD_NEXT_NOTHING : CD_NEXT_FILE;
	return s;
}

/* decide_take: the document that the request led to before comes first, then
 * the oldest with a file of this format, then the oldest. */
static om_status
decide_take(struct cd_db *db, const Om__IssueBegin *b, const Om__Document *found, Om__Document *const *all, size_t n,
    struct om_arena *a, struct cd_decision *out, om_err *e)
{
	Om__Document *equal = NULL, *whole = NULL, *before = NULL;

	for (size_t i = 0; i < n; i++) {
		bool same = false, has = cd_document_file_of(all[i], b->query->format) != NULL;
		om_status s = shows(db, all[i], b->now, a, &same, e);

		if (s != OM_OK)
			return s;
		if (same && equal == NULL)
			equal = all[i];
		if (same && has && whole == NULL)
			whole = all[i];
		if (same && has && found != NULL && strcmp(found->number, all[i]->number) == 0)
			before = all[i];
	}
	out->next = whole != NULL ? CD_NEXT_NOTHING : CD_NEXT_FILE;
	out->of = before != NULL ? before : whole != NULL ? whole : equal;
	if (out->of != NULL)
		return OM_OK;
	out->next = CD_NEXT_NUMBER;
	out->of = all[n - 1];
	out->role = OM__ISSUE_ROLE__ROLE_CORRECTION;
	return OM_OK;
}

static om_status
decide_by_what_stands(struct cd_db *db, const Om__IssueBegin *b, Om__Document *found, struct om_arena *a,
    struct cd_decision *out, om_err *e)
{
	const Om__IssueQuery *q = b->query;
	Om__Document **all = NULL, *first;
	size_t n = 0;
	om_status s = cd_documents_standing(db, q, a, &n, &all, e);

	if (s != OM_OK)
		return s;
	if (q->act == OM__ISSUE_ACT__ISSUE_DUPLICATE)
		return decide_duplicate(db, q, all, n, out, e);
	if (n == 0)
		return OM_OK;
	if (q->act == OM__ISSUE_ACT__ISSUE_TAKE)
		return decide_take(db, b, found, all, n, a, out, e);
	first = first_with(all, n, q->format);
	if (first != NULL)
		return refuse_second(first, e);
	out->next = CD_NEXT_FILE;
	out->of = all[0];
	return OM_OK;
}

om_status
cd_standing_decide(struct cd_db *db, const Om__IssueBegin *b, Om__Document *found, struct om_arena *a,
    struct cd_decision *out, om_err *e)
{
	const Om__IssueQuery *q = b->query;

	*out = (struct cd_decision){.next = CD_NEXT_NUMBER, .role = OM__ISSUE_ROLE__ROLE_ORIGINAL};
	switch (q->act) {
	case OM__ISSUE_ACT__ISSUE_CORRECTION:
		out->role = OM__ISSUE_ROLE__ROLE_CORRECTION;
		return cd_standing_check_correction(db, q, q->of_number, a, &out->of, e);
	case OM__ISSUE_ACT__ISSUE_CANCELLATION:
		out->role = OM__ISSUE_ROLE__ROLE_CANCELLATION;
		return cd_standing_check_cancellation(db, q, a, &out->of, e);
	case OM__ISSUE_ACT__ISSUE_ORIGINAL:
	case OM__ISSUE_ACT__ISSUE_DUPLICATE:
	case OM__ISSUE_ACT__ISSUE_TAKE:
	case _OM__ISSUE_ACT_IS_INT_SIZE:
		break;
	}
	return decide_by_what_stands(db, b, found, a, out, e);
}
