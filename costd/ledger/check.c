/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "check.h"

#include "pairing.h"
#include "pairs/pairs.h"
#include "price/estimate.h"
#include "store/rollup.h"
#include "store/store.h"
#include "value/record.h"
#include "record.pb-c.h"
#include "base/invariant.h"
#include "base/log.h"
#include "wire/codec.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PAGE        1000
#define PAGE_TEXT   "1000"
#define ARENA_BYTES ((size_t)512 * 1024 * 1024)
#define SAY_AT_MOST 100

/* ---- rows against the journal ---- */

/* One page of rows, ascending by key, and what the journal makes of them. */
struct page {
	struct om_arena a;
	struct cd_stored stored[PAGE];
	size_t n;
	struct cd_history joined;       /* of the records of one key */
	bool any;                       /* joined holds something */
	size_t at;                      /* the next stored row to compare */
	char last[CD_KEY_BYTES];        /* last key of the page */
	struct cd_stored *paired[PAGE]; /* compared when the page's records are read */
	size_t n_paired;
	struct cd_check_result *out;
};

static void
say_row(struct cd_check_result *out, const char *what, struct cd_text key, const char *column)
{
	if (out->wrong_rows++ < SAY_AT_MOST)
		om_log(OM_LOG_ERROR, what, "generation_id", key.p, "column", column, NULL);
}

static void
compare_cells(struct cd_check_result *out, const struct cd_stored *stored, const struct cd_row *joined)
{
	struct cd_row row = stored->row;

	cd_estimate_ignore(&row); /* it follows from the prices, not from the records */
	/* fields that came after the row was written wait for --rebuild-totals */
	for (unsigned f = 0; f < stored->n_known; f++) {
		if (cd_cell_cmp((cd_field)f, &row.cell[f], &joined->cell[f]) != 0) {
			say_row(out, "row differs from its records", joined->key, cd_fields[f].column);
			return;
		}
	}
	if (stored->day != cd_row_day(joined))
		say_row(out, "row differs from its records", joined->key, "day");
}

static void
compare_row(struct cd_check_result *out, const struct cd_stored *stored, const struct cd_row *joined)
{
	if (stored->row.is_part != joined->is_part || stored->row.link != joined->link) {
		say_row(out, "row differs from its records", joined->key, "requests");
		return;
	}
	if (stored->unsettled != cd_row_is_unsettled(&stored->row)) {
		say_row(out, "row differs from its records", joined->key, "unsettled");
		return;
	}
	if (stored->disputed != cd_row_disputed(&stored->row) || stored->odd_day != cd_row_is_odd_day(&stored->row) ||
	    stored->unproven != cd_row_is_unproven(&stored->row) ||
	    stored->mark != cd_store_mark(stored->disputed != 0 || stored->unproven, stored->odd_day)) {
		say_row(out, "row differs from its records", joined->key, "disputed, odd_day, unproven or marked");
		return;
	}
	compare_cells(out, stored, joined);
}

/* take_stored compares a row, later if other rows have a part in it. */
static void
take_stored(struct page *p, struct cd_stored *stored)
{
	if (stored->row.is_part || stored->row.link != CD_LINK_NONE)
		p->paired[p->n_paired++] = stored;
	else
		compare_row(p->out, stored, &p->joined.row);
}

/* compare_paired makes the rows that are paired from scratch, each by itself, and compares them. */
static om_status
compare_paired(struct cd_db *db, struct page *p, om_err *e)
{
	om_status s = OM_OK;

	for (size_t i = 0; s == OM_OK && i < p->n_paired; i++) {
		struct cd_pairs c;
		struct cd_member *k;
		struct cd_row row;

		cd_pairs_init(&c, db, &p->a);
		c.lock = false;
		k = cd_pairs_get(&c, p->paired[i]->row.key);
		s = k != NULL ? cd_pairs_row(&c, k, &row, e) : om_fail(e, OM_NOMEM, "out of memory");
		if (s == OM_OK)
			compare_row(p->out, p->paired[i], &row);
	}
	return s;
}

/* finish_key compares what the records of one key amount to. */
static void
finish_key(struct page *p)
{
	if (!p->any)
		return;
	p->any = false;
	cd_history_end(&p->joined);
	while (p->at < p->n && cd_store_key_cmp(p->stored[p->at].row.key, p->joined.row.key) < 0)
		say_row(p->out, "row without a record", p->stored[p->at++].row.key, NULL);
	if (p->at < p->n && cd_store_key_cmp(p->stored[p->at].row.key, p->joined.row.key) == 0)
		take_stored(p, &p->stored[p->at++]);
	else
		say_row(p->out, "records without a row", p->joined.row.key, NULL);
}

static om_status
keep_stored(void *arg, const struct cd_val *v, om_err *e)
{
	struct page *p = arg;

	(void)snprintf(p->last, sizeof p->last, "%s", v[CD_C_KEY].p);
	p->out->rows++;
	return cd_store_read(v, &p->a, &p->stored[p->n++], e);
}

static om_status
keep_record(void *arg, const struct cd_val *v, om_err *e)
{
	struct page *p = arg;
	Om__Record *r = NULL;
	struct cd_row row;
	const struct cd_entry entry = {.packed = v[1].p, .n = v[1].n, .received_us = v[2].i, .before = v[3].i == 0};
	om_status s = cd_record_read(&entry, &p->a, &r, &row, e);

	p->out->records++;
	if (s != OM_OK)
		return s;
	if (!p->any || cd_store_key_cmp(p->joined.row.key, row.key) != 0) {
		finish_key(p);
		cd_history_init(&p->joined, row.key);
		p->any = true;
	}
	cd_history_add(&p->joined, &row, entry.before);
	return OM_OK;
}

/* check_page compares the rows that follow the key `after` and gives the last key. */
static om_status
check_page(struct cd_db *db, struct page *p, char after[CD_KEY_BYTES], bool *more, om_err *e)
{
	struct om_buf sql;
	om_status s;

	p->n = p->at = p->n_paired = 0;
	p->any = false;
	om_buf_init(&sql, (size_t)16 * 1024);
	om_buf_printf(&sql, "SELECT %s FROM generation WHERE generation_id>? ORDER BY generation_id LIMIT " PAGE_TEXT,
	    cd_store_columns());
	s = om_buf_done(&sql, e);
	if (s == OM_OK)
		s = cd_db_query(db, sql.data, (struct cd_val[]){cd_t(after)}, 1, keep_stored, p, e);
	om_buf_fini(&sql);
	*more = p->n == PAGE;
	if (s == OM_OK && *more)
		s = cd_db_query(db,
		    "SELECT ledger_key,payload,received_us,rules FROM record WHERE ledger_key>? AND ledger_key<=? "
		    "ORDER BY "
		    "ledger_key",
		    (struct cd_val[]){cd_t(after), cd_t(p->last)}, 2, keep_record, p, e);
	else if (s == OM_OK)
		s = cd_db_query(db,
		    "SELECT ledger_key,payload,received_us,rules FROM record WHERE ledger_key>? ORDER BY ledger_key",
		    (struct cd_val[]){cd_t(after)}, 1, keep_record, p, e);
	if (s != OM_OK)
		return s;
	finish_key(p);
	om_check(p->at <= p->n && p->n_paired <= p->n);
	while (p->at < p->n)
		say_row(p->out, "row without a record", p->stored[p->at++].row.key, NULL);
	memcpy(after, p->last, CD_KEY_BYTES);
	return compare_paired(db, p, e);
}

/* ---- totals against the rows ---- */

static om_status
keep_total(void *arg, const struct cd_val *v, om_err *e)
{
	struct cd_check_result *out = arg;

	(void)e;
	if (out->wrong_totals++ < SAY_AT_MOST)
		om_log(OM_LOG_ERROR, "total differs from its rows", "day", v[0].p, "user", v[1].p, "cube",
		    OM_I64(v[2].i), "requests", OM_I64(v[3].i), "cost", v[4].p, NULL);
	return OM_OK;
}

om_status
cd_check_ledger(struct cd_db *db, struct cd_check_result *out, om_err *e)
{
	struct page *p = calloc(1, sizeof *p);
	char after[CD_KEY_BYTES] = "";
	int64_t wrong_links = 0;
	bool more = true;
	om_status s = OM_OK;

	*out = (struct cd_check_result){0};
	if (p == NULL)
		return om_fail(e, OM_NOMEM, "out of memory");
	p->out = out;
	while (s == OM_OK && more) {
		om_arena_init(&p->a, ARENA_BYTES);
		s = check_page(db, p, after, &more, e);
		om_arena_fini(&p->a);
	}
	free(p);
	if (s == OM_OK)
		s = cd_pairing_check(db, &wrong_links, e);
	out->wrong_rows += wrong_links;
	return s == OM_OK ? cd_rollup_compare(db, keep_total, out, e) : s;
}
