/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "document.h"

#include "shown.h"
#include "database/fill.h"
#include "names/persons.h"
#include "value/cursor.h"
#include "base/digest.h"
#include "base/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_PAGE     1000u
#define DEFAULT_PAGE 100u

/* ---- reading ---- */

/* The numbers of the documents, two columns each, stand before what fills a Document. */
enum { C_NUMBER = 0, C_CORRECTS = 2, C_CORRECTED_BY = 4, C_CANCELS = 6, C_CANCELLED_BY = 8 };
static const char columns[] =
    "SELECT d.year AS _y,d.seq AS _n,d.corrects_year AS _cy,d.corrects_seq AS _cn,c.by_year AS _by,c.by_seq AS _bn,"
    "d.cancels_year AS _xy,d.cancels_seq AS _xn,x.by_year AS _xby,x.by_seq AS _xbn,"
    "d.kind," CD_SHOWN_ID_TEXT(
	"d.person") " AS user_id,d.user_name,d.group_name AS `group`,YEAR(d.of_month) AS year,MONTH(d.of_month) AS "
		    "month,d.format,"
		    "d.locale,d.paper,d.issued_us,d.total,d.currency,d.sha256,d.bytes,d.filename,d.content_type,"
		    "d.code AS verification_code,d.unsettled,d.reason";
static const char from[] = " FROM document AS d LEFT JOIN document_correction AS c ON c.year=d.year AND c.seq=d.seq "
			   "LEFT JOIN document_cancellation AS x ON x.year=d.year AND x.seq=d.seq";

static char *
read_number(const struct cd_val *v, struct om_arena *a)
{
	char text[CD_NUMBER];

	if (v[0].kind != CD_INT || v[1].kind != CD_INT)
		return NULL;
	return om_arena_strdup(a, cd_number_text((struct cd_number){(int)v[0].i, (int)v[1].i}, text));
}

/* Which documents are read, and what was read of them. */
struct scan {
	om_status (*where)(struct cd_sql *q, struct cd_db *db, const struct scan *scan, om_err *e);
	const void *ask; /* of where: the question or the number */
	struct om_arena *a;
	struct cd_number number, after;
	char code[CD_CODE + 1];
	bool oldest_first, more;
	size_t limit, n, at; /* at: the document whose files are read */
	Om__Document **items;
};

static om_status
keep_document(void *arg, void *message, const struct cd_val *v, om_err *e)
{
	struct scan *scan = arg;
	Om__Document *d = message;

	if (scan->n == scan->limit) {
		scan->more = true;
		return OM_OK;
	}
	d->number = read_number(&v[C_NUMBER], scan->a);
	d->corrects = read_number(&v[C_CORRECTS], scan->a);
	d->corrected_by = read_number(&v[C_CORRECTED_BY], scan->a);
	d->cancels = read_number(&v[C_CANCELS], scan->a);
	d->cancelled_by = read_number(&v[C_CANCELLED_BY], scan->a);
	scan->items[scan->n++] = d;
	return scan->a->failed ? om_fail(e, OM_NOMEM, "out of memory") : OM_OK;
}

static om_status
add_part(Om__Document *d, Om__DocumentPart *part, struct om_arena *a, om_err *e)
{
	if (d->n_files == CD_DOCUMENT_FILES)
		return om_fail(e, OM_DAMAGED, "%s has more than %u files", d->number, CD_DOCUMENT_FILES);
	if (d->files == NULL)
		d->files = om_arena_array(a, CD_DOCUMENT_FILES, sizeof(Om__DocumentPart *));
	if (d->files == NULL || part == NULL || a->failed)
		return om_fail(e, OM_NOMEM, "out of memory");
	d->files[d->n_files++] = part;
	return OM_OK;
}

/* keep_file: files come in the order of the documents. */
static om_status
keep_file(void *arg, void *part, const struct cd_val *v, om_err *e)
{
	struct scan *scan = arg;
	char *number = read_number(v, scan->a);
	size_t at = scan->at;

	if (number == NULL)
		return om_fail(e, OM_NOMEM, "out of memory");
	while (at < scan->n && strcmp(scan->items[at]->number, number) != 0)
		at++;
	if (at == scan->n) /* of the document that only tells whether there is a next page */
		return OM_OK;
	scan->at = at;
	return add_part(scan->items[at], part, scan->a, e);
}

/* make_first_part: a document that an older costd issued beside this one has its
 * only file in columns of its own. */
static om_status
make_first_part(Om__Document *d, struct om_arena *a, om_err *e)
{
	Om__DocumentPart *part = om_msg_new(a, &om__document_part__descriptor);

	if (part == NULL)
		return om_fail(e, OM_NOMEM, "out of memory");
	part->format = d->format;
	part->bytes = d->bytes;
	part->sha256 = d->sha256;
	part->filename = d->filename;
	part->content_type = d->content_type;
	part->made_us = d->issued_us;
	part->locale = d->locale;
	return add_part(d, part, a, e);
}

/* read_files gives all documents that were read their files, with one question. */
static om_status
read_files(struct cd_db *db, struct scan *scan, om_err *e)
{
	struct cd_sql q;
	om_status s = OM_OK;

	scan->at = 0;
	if (scan->n == 0)
		return OM_OK;
	cd_sql_init(&q, scan->a);
	cd_sql_add(&q,
	    "SELECT f.year AS _year,f.seq AS _seq,f.format,f.duplicate,f.bytes,f.sha256,f.filename,f.content_type,"
	    "f.made_us,f.locale FROM (SELECT d.year,d.seq");
	cd_sql_add(&q, from);
	s = scan->where(&q, db, scan, e);
	cd_sql_add(&q, ") AS p JOIN document_file AS f ON f.year=p.year AND f.seq=p.seq ORDER BY ");
	cd_sql_add(&q, scan->oldest_first ? "f.year,f.seq,f.n" : "f.year DESC,f.seq DESC,f.n");
	if (s == OM_OK)
		s = cd_fill_sql(db, &q, &om__document_part__descriptor, keep_file, scan, e);
	cd_sql_fini(&q);
	for (size_t i = 0; s == OM_OK && i < scan->n; i++)
		if (scan->items[i]->n_files == 0)
			s = make_first_part(scan->items[i], scan->a, e);
	return s;
}

static om_status
read_documents(struct cd_db *db, void *arg, om_err *e)
{
	struct scan *scan = arg;
	struct cd_sql q;
	om_status s;

	scan->n = 0;
	scan->more = false;
	cd_sql_init(&q, scan->a);
	cd_sql_add(&q, columns);
	cd_sql_add(&q, from);
	s = scan->where(&q, db, scan, e);
	if (s == OM_OK)
		s = cd_fill_sql(db, &q, &om__document__descriptor, keep_document, scan, e);
	cd_sql_fini(&q);
	return s == OM_OK ? read_files(db, scan, e) : s;
}

bool
cd_document_stands(const Om__Document *d)
{
	return d->corrected_by == NULL && d->cancelled_by == NULL && d->cancels == NULL;
}

/* read_and_compare also tells of those that stand whether their months are as they show. */
static om_status
read_and_compare(struct cd_db *db, void *arg, om_err *e)
{
	struct scan *scan = arg;
	Om__Document **standing;
	size_t n = 0;
	om_status s = read_documents(db, scan, e);

	if (s != OM_OK)
		return s;
	standing = om_arena_array(scan->a, scan->n + 1, sizeof(Om__Document *));
	if (standing == NULL)
		return om_fail(e, OM_NOMEM, "out of memory");
	for (size_t i = 0; i < scan->n; i++)
		if (cd_document_stands(scan->items[i]))
			standing[n++] = scan->items[i];
	return cd_shown_compare(db, standing, n, scan->a, e);
}

static om_status
ask_for_one(struct cd_sql *q, struct cd_db *db, const struct scan *scan, om_err *e)
{
	(void)db;
	(void)e;
	cd_sql_add(q, " WHERE d.year=? AND d.seq=?");
	cd_sql_value(q, CD_I(scan->number.year));
	cd_sql_value(q, CD_I(scan->number.seq));
	return OM_OK;
}

om_status
cd_document_load(struct cd_db *db, struct cd_number n, struct om_arena *a, Om__Document **out, om_err *e)
{
	struct scan scan = {.where = ask_for_one, .number = n, .a = a, .limit = 1, .items = out};
	om_status s;

	*out = NULL;
	s = read_and_compare(db, &scan, e);
	return s == OM_OK && *out == NULL ? om_fail(e, OM_NOT_FOUND, "there is no such document") : s;
}

/* ---- what stands ---- */

static bool
same_text(const char *a, const char *b)
{
	return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

bool
cd_document_is_of(const Om__Document *d, const Om__IssueQuery *q)
{
	return d->kind == q->kind && d->year == q->year && d->month == q->month && same_text(d->user, q->user) &&
	    same_text(d->group, q->group);
}

const Om__DocumentPart *
cd_document_file_of(const Om__Document *d, Om__Format format)
{
	for (size_t i = 0; i < d->n_files; i++)
		if (d->files[i]->format == format && !d->files[i]->duplicate)
			return d->files[i];
	return NULL;
}

static om_status
ask_for_standing(struct cd_sql *q, struct cd_db *db, const struct scan *scan, om_err *e)
{
	const Om__IssueQuery *of = scan->ask;
	om_status s;

	cd_sql_add(q,
	    " WHERE d.of_month=? AND d.kind=? AND d.group_name<=>? AND c.year IS NULL AND x.year IS NULL AND "
	    "d.cancels_year IS NULL");
	cd_sql_day(q, om_day_from_civil((int)of->year, (int)of->month, 1));
	cd_sql_value(q, CD_I((int64_t)of->kind));
	cd_sql_value(q, cd_t(of->group));
	s = cd_persons_where(q, db, "d.person", of->user, e);
	if (scan->number.seq != 0) {
		cd_sql_add(q, " AND d.person<>(SELECT o.person FROM document AS o WHERE o.year=? AND o.seq=?)");
		cd_sql_value(q, CD_I(scan->number.year));
		cd_sql_value(q, CD_I(scan->number.seq));
	}
	cd_sql_add(q, " ORDER BY d.year,d.seq LIMIT ?");
	cd_sql_value(q, CD_I((int64_t)scan->limit));
	return s;
}

static om_status
read_standing(struct cd_db *db, struct scan *scan, size_t *n_out, Om__Document ***out, om_err *e)
{
	om_status s;

	*n_out = 0;
	scan->items = om_arena_array(scan->a, scan->limit, sizeof(Om__Document *));
	*out = scan->items;
	if (scan->items == NULL)
		return om_fail(e, OM_NOMEM, "out of memory");
	s = read_documents(db, scan, e);
	*n_out = s == OM_OK ? scan->n : 0;
	return s;
}

om_status
cd_documents_standing(
    struct cd_db *db, const Om__IssueQuery *of, struct om_arena *a, size_t *n_out, Om__Document ***out, om_err *e)
{
	struct scan scan = {.where = ask_for_standing, .ask = of, .a = a, .limit = MAX_PAGE, .oldest_first = true};

	return read_standing(db, &scan, n_out, out, e);
}

om_status
cd_documents_standing_beside(
    struct cd_db *db, const Om__IssueQuery *of, struct cd_number n, struct om_arena *a, Om__Document **out, om_err *e)
{
	struct scan scan = {
	    .where = ask_for_standing, .ask = of, .number = n, .a = a, .limit = 1, .oldest_first = true};
	Om__Document **all = NULL;
	size_t count = 0;
	om_status s = read_standing(db, &scan, &count, &all, e);

	*out = count > 0 ? all[0] : NULL;
	return s;
}

/* ---- one ---- */

static om_status
ask_by(struct cd_sql *q, struct cd_db *db, const struct scan *scan, om_err *e)
{
	const Om__DocumentQuery *ask = scan->ask;

	switch (ask->by_case) {
	case OM__DOCUMENT_QUERY__BY_NUMBER:
		return ask_for_one(q, db, scan, e);
	case OM__DOCUMENT_QUERY__BY_VERIFICATION_CODE:
		cd_sql_add(q, " WHERE (d.year,d.seq)=(SELECT k.year,k.seq FROM document_code AS k WHERE k.code=?)");
		cd_sql_value(q, cd_t(scan->code));
		break;
	case OM__DOCUMENT_QUERY__BY_REQUEST:
		cd_sql_add(
		    q, " WHERE (d.year,d.seq)=(SELECT r.year,r.seq FROM document_request AS r WHERE r.request=?)");
		cd_sql_value(q, cd_t(ask->request));
		break;
	case OM__DOCUMENT_QUERY__BY__NOT_SET:
	default:
		cd_sql_add(q, " WHERE FALSE"); /* check_one refused it */
		break;
	}
	return OM_OK;
}

static om_status
check_one(struct scan *scan, om_err *e)
{
	const Om__DocumentQuery *q = scan->ask;

	switch (q->by_case) {
	case OM__DOCUMENT_QUERY__BY_NUMBER:
		return cd_number_parse(q->number, &scan->number)
		    ? OM_OK
		    : om_fail(e, OM_NOT_FOUND, "there is no such document");
	case OM__DOCUMENT_QUERY__BY_VERIFICATION_CODE:
		return cd_code_read(q->verification_code, scan->code)
		    ? OM_OK
		    : om_fail(e, OM_NOT_FOUND, "there is no document with this code");
	case OM__DOCUMENT_QUERY__BY_REQUEST:
		return OM_OK;
	case OM__DOCUMENT_QUERY__BY__NOT_SET:
	default:
		break;
	}
	return om_fail(e, OM_INVALID, "a document is asked for by its number, its code or its request");
}

om_status
cd_document_find(struct cd_pool *p, const Om__DocumentQuery *q, int64_t deadline_ms, struct om_arena *a,
    Om__DocumentReply *out, om_err *e)
{
	struct scan scan = {.where = ask_by, .ask = q, .a = a, .limit = 1};
	Om__Document *one = NULL;
	om_status s = check_one(&scan, e);

	scan.items = &one;
	if (s == OM_OK)
		s = cd_pool_run(p, CD_TX_SNAPSHOT, deadline_ms, read_and_compare, &scan, e);
	if (s == OM_OK && scan.n == 0)
		s = om_fail(e, OM_NOT_FOUND, "there is no such document");
	out->document = s == OM_OK ? one : NULL;
	return s;
}

/* ---- the list ---- */

static om_status
ask_for(struct cd_sql *q, struct cd_db *db, const struct scan *scan, om_err *e)
{
	const Om__DocumentsQuery *ask = scan->ask;
	om_status s;

	cd_sql_add(q, " WHERE TRUE");
	if (ask->has_year) {
		cd_sql_add(q, " AND d.year=?");
		cd_sql_value(q, CD_I((int64_t)ask->year));
	}
	if (ask->has_of_year) {
		cd_sql_add(q, " AND d.of_month=?");
		cd_sql_day(q, om_day_from_civil((int)ask->of_year, (int)ask->of_month, 1));
	}
	s = cd_persons_where(q, db, "d.person", ask->user, e);
	if (ask->group != NULL) {
		cd_sql_add(q, " AND d.group_name=?");
		cd_sql_value(q, cd_t(ask->group));
	}
	if (ask->has_kind) {
		cd_sql_add(q, " AND d.kind=?");
		cd_sql_value(q, CD_I((int64_t)ask->kind));
	}
	if (scan->after.seq != 0) {
		cd_sql_add(q, " AND d.year<=? AND (d.year<? OR d.seq<?)");
		cd_sql_value(q, CD_I(scan->after.year));
		cd_sql_value(q, CD_I(scan->after.year));
		cd_sql_value(q, CD_I(scan->after.seq));
	}
	cd_sql_add(q, " ORDER BY d.year DESC,d.seq DESC LIMIT ?");
	cd_sql_value(q, CD_I((int64_t)scan->limit + 1));
	return s;
}

static om_status
check_list(struct scan *scan, om_err *e)
{
	const Om__DocumentsQuery *q = scan->ask;
	struct cd_cursor after = {.key = NULL};
	om_status s = OM_OK;

	scan->limit = q->has_limit ? q->limit : DEFAULT_PAGE;
	if (scan->limit < 1 || scan->limit > MAX_PAGE)
		return om_fail(e, OM_INVALID, "limit: must be from 1 to %u", MAX_PAGE);
	if (q->has_of_year != q->has_of_month || (q->has_of_year && (q->of_year < 1000 || q->of_year > 9998)) ||
	    (q->has_of_month && (q->of_month < 1 || q->of_month > 12)))
		return om_fail(e, OM_INVALID, "month: must be one, like 2026-11");
	if (q->cursor != NULL)
		s = cd_cursor_read(CD_CURSOR_DOCUMENTS, q->cursor, &after, scan->a, e);
	if (s == OM_OK && q->cursor != NULL && !cd_number_parse(after.key, &scan->after))
		s = om_fail(e, OM_INVALID, "cursor: not one that this service gave");
	return s;
}

om_status
cd_documents_list(struct cd_pool *p, const Om__DocumentsQuery *q, int64_t deadline_ms, struct om_arena *a,
    Om__DocumentsReply *out, om_err *e)
{
	struct scan scan = {.where = ask_for, .ask = q, .a = a};
	om_status s = check_list(&scan, e);

	if (s != OM_OK)
		return s;
	scan.items = om_arena_array(a, scan.limit, sizeof(Om__Document *));
	if (scan.items == NULL)
		return om_fail(e, OM_NOMEM, "out of memory");
	s = cd_pool_run(p, CD_TX_SNAPSHOT, deadline_ms, read_and_compare, &scan, e);
	if (s != OM_OK)
		return s;
	out->n_items = scan.n;
	out->items = scan.items;
	if (scan.more)
		out->next_cursor =
		    cd_cursor_text(CD_CURSOR_DOCUMENTS, &(struct cd_cursor){.key = scan.items[scan.n - 1]->number}, a);
	return a->failed ? om_fail(e, OM_NOMEM, "out of memory") : OM_OK;
}
