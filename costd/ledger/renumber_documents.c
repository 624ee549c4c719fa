/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Issued documents of before: the person's number in place of the id, in the figures and in the names of files too. */
#include "renumber_in.h"

#include "database/column.h"
#include "names/figures.h"
#include "base/log.h"

#include <stdio.h>

#define PAGE      50
#define PAGE_TEXT "50"

struct page {
	struct om_arena *a;
	int64_t year[PAGE], seq[PAGE];
	ProtobufCBinaryData figures[PAGE];
	size_t n;
};

static om_status
keep_document(void *arg, const struct cd_val *v, om_err *e)
{
	struct page *p = arg;

	p->year[p->n] = v[0].i;
	p->seq[p->n] = v[1].i;
	p->figures[p->n++] = cd_column_bytes(v[2].p, v[2].n, p->a);
	return p->a->failed ? om_fail(e, OM_NOMEM, "out of memory") : OM_OK;
}

/* The number and the month stay: "2026-000001-statement-ada-2026-11.pdf" becomes
 * "2026-000001-statement-2026-11.pdf". */
#define SHORT_NAME(column)                                                                                             \
	"REGEXP_REPLACE(" column ",'^([0-9]{4}-[0-9]{6}-(cancellation-)?statement)-.*-([0-9]{4}-[0-9]{2}(-duplicate)?" \
	"[.][a-z]+)$','\\\\1-\\\\3')"

static om_status
set_names(struct cd_db *db, const struct cd_val number[2], om_err *e)
{
	om_status s = cd_db_exec(db,
	    "UPDATE document AS d JOIN person AS p ON p.external_id=d.user_id SET d.person=p.id,d.filename=" SHORT_NAME(
		"d.filename") " WHERE d.year=? AND d.seq=?",
	    number, 2, 1, NULL, e);

	return s == OM_OK
	    ? cd_db_exec(db,
		  "UPDATE document_file AS f JOIN document AS d ON d.year=f.year AND d.seq=f.seq SET "
		  "f.filename=" SHORT_NAME("f.filename") " WHERE f.year=? AND f.seq=? AND d.person IS NOT NULL",
		  number, 2, 1, NULL, e)
	    : s;
}

static om_status
copy_one(struct cd_db *db, const struct page *p, size_t i, om_err *e)
{
	const struct cd_val number[] = {CD_I(p->year[i]), CD_I(p->seq[i])};
	ProtobufCBinaryData hidden = {.len = 0};
	om_err why = {.text = ""};
	om_status s = cd_figures_hide(db, p->figures[i], p->a, &hidden, &why);

	if (s == OM_DAMAGED) { /* it could not be shown before either */
		om_log(OM_LOG_ERROR, "the figures of a document cannot be read, and are kept as they are", "year",
		    OM_I64(p->year[i]), "seq", OM_I64(p->seq[i]), NULL);
		return set_names(db, number, e);
	}
	if (s != OM_OK)
		return om_fail(e, s, "%s", om_err_text(&why, s));
	s = cd_db_exec(db, "UPDATE document SET figures=? WHERE year=? AND seq=?",
	    (struct cd_val[]){CD_B(hidden.data, hidden.len), number[0], number[1]}, 3, 1, NULL, e);
	return s == OM_OK ? set_names(db, number, e) : s;
}

om_status
cd_renumber_documents(struct cd_db *db, struct cd_renumber_place *p, om_err *e)
{
	struct page *page = om_arena_alloc(p->a, sizeof *page);
	int64_t year = 0, seq = 0;
	const char *rest = p->at;
	om_status s = OM_OK;

	if (page == NULL)
		return om_fail(e, OM_NOMEM, "out of memory");
	page->a = p->a;
	if (p->at[0] != '\0') { /* "2026:12" */
		s = cd_renumber_number(p->at, &year, &rest, e);
		if (s == OM_OK)
			s = cd_renumber_number(*rest == ':' ? rest + 1 : rest, &seq, &rest, e);
	}
	if (s != OM_OK)
		return s;
	s = cd_db_query(db,
	    "SELECT year,seq,figures FROM document WHERE year>=? AND (year>? OR seq>?) ORDER BY year,seq "
	    "LIMIT " PAGE_TEXT,
	    (struct cd_val[]){CD_I(year), CD_I(year), CD_I(seq)}, 3, keep_document, page, e);
	for (size_t i = 0; s == OM_OK && i < page->n; i++)
		s = copy_one(db, page, i, e);
	p->done = page->n < PAGE;
	if (page->n > 0)
		(void)snprintf(p->at, sizeof p->at, "%lld:%lld", (long long)page->year[page->n - 1],
		    (long long)page->seq[page->n - 1]);
	return s;
}
