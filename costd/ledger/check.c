/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "check.h"

#include "pairing.h"
#include "pairs/pairs.h"
#include "price/estimate.h"
#include "store/entry.h"
#include "store/rollup.h"
#include "store/store.h"
#include "value/record.h"
#include "record.pb-c.h"
#include "base/invariant.h"
#include "base/log.h"
#include "wire/codec.h"

#include <stdlib.h>
#include <string.h>

#define PAGE        1000
#define PAGE_TEXT   "1000"
#define ARENA_BYTES ((size_t)512 * 1024 * 1024)
#define SAY_AT_MOST 100

/* ---- rows against the journal ---- */

/* A row, and what the journal makes of it. */
struct item {
	struct cd_stored stored;
	struct cd_history joined; /* of its records */
	int64_t records;
};

/* One page of rows, ascending by number. */
struct page {
	struct om_arena a;
	struct item items[PAGE];
	struct item *by_key[PAGE]; /* ascending */
	size_t n;
	int64_t last; /* number of the page's last row */
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

/* compare_paired makes a row that is paired from scratch and compares it. */
static om_status
compare_paired(struct cd_db *db, struct page *p, const struct cd_stored *stored, om_err *e)
{
	struct cd_pairs c;
	struct cd_member *k;
	struct cd_row row;
	om_status s;

	cd_pairs_init(&c, db, &p->a);
	c.lock = false;
	k = cd_pairs_get(&c, stored->row.key);
	s = k != NULL ? cd_pairs_row(&c, k, &row, e) : om_fail(e, OM_NOMEM, "out of memory");
	if (s == OM_OK)
		compare_row(p->out, stored, &row);
	return s;
}

static om_status
compare_item(struct cd_db *db, struct page *p, struct item *it, om_err *e)
{
	const struct cd_row *row = &it->stored.row;

	if (it->records == 0) {
		say_row(p->out, "row without a record", row->key, NULL);
		return OM_OK;
	}
	if (row->is_part || row->link != CD_LINK_NONE)
		return compare_paired(db, p, &it->stored, e);
	cd_history_end(&it->joined);
	compare_row(p->out, &it->stored, &it->joined.row);
	return OM_OK;
}

static om_status
keep_stored(void *arg, const struct cd_val *v, om_err *e)
{
	struct page *p = arg;
	struct item *it = &p->items[p->n];
	om_status s = cd_store_read(v, &p->a, &it->stored, e);

	p->by_key[p->n++] = it;
	p->last = v[CD_C_COUNT].i;
	p->out->rows++;
	it->records = 0;
	cd_history_init(&it->joined, it->stored.row.key);
	return s;
}

static int
cmp_item(const void *pa, const void *pb)
{
	const struct item *const *a = pa, *const *b = pb;

	return cd_text_cmp((*a)->stored.row.key, (*b)->stored.row.key);
}

static struct item *
find_item(const struct page *p, struct cd_text key)
{
	struct item wanted = {.stored.row.key = key};
	const struct item *of = &wanted;
	struct item *const *found = bsearch(&of, p->by_key, p->n, sizeof(void *), cmp_item);

	return found != NULL ? *found : NULL;
}

static om_status
keep_record(void *arg, const struct cd_val *v, om_err *e)
{
	struct page *p = arg;
	Om__Record *r = NULL;
	struct cd_how how;
	struct cd_row row;
	struct item *it;
	om_status s = cd_entry_row(v, &p->a, &r, &how, &row, e);

	if (s != OM_OK || (it = find_item(p, row.key)) == NULL) /* another page's, of the same hash */
		return s;
	p->out->records++;
	it->records++;
	cd_history_add(&it->joined, &row, how.before);
	return OM_OK;
}

/* read_records reads the records of the page's rows. */
static om_status
read_records(struct cd_db *db, struct page *p, om_err *e)
{
	struct cd_pairs c;
	struct cd_val *v = om_arena_array(&p->a, p->n + 1, sizeof *v);
	om_status s = OM_OK;

	if (v == NULL)
		return om_fail(e, OM_NOMEM, "out of memory");
	for (size_t i = 0; s == OM_OK && i < p->n; i++) {
		v[i] = CD_I(0);
		s = cd_key_hash(p->by_key[i]->stored.row.key, &v[i].i, e);
	}
	cd_pairs_init(&c, db, &p->a);
	return s == OM_OK ? cd_pairs_query_in(&c, "SELECT " CD_ENTRY_COLUMNS " FROM record AS r WHERE r.key_hash", "",
				v, p->n, keep_record, p, e)
			  : s;
}

/* check_page compares the rows that follow the last one. */
static om_status
check_page(struct cd_db *db, struct page *p, om_err *e)
{
	struct om_buf sql;
	om_status s;

	p->n = 0;
	om_buf_init(&sql, (size_t)16 * 1024);
	om_buf_printf(&sql,
	    "SELECT %s,g.number FROM generation AS g WHERE g.number>? ORDER BY g.number LIMIT " PAGE_TEXT,
	    cd_store_columns());
	s = om_buf_done(&sql, e);
	if (s == OM_OK)
		s = cd_db_query(db, sql.data, (struct cd_val[]){CD_I(p->last)}, 1, keep_stored, p, e);
	om_buf_fini(&sql);
	if (p->n > 0)
		qsort(p->by_key, p->n, sizeof(void *), cmp_item);
	if (s == OM_OK)
		s = read_records(db, p, e);
	for (size_t i = 0; s == OM_OK && i < p->n; i++)
		s = compare_item(db, p, p->by_key[i], e);
	return s;
}

/* ---- records without a row ---- */

struct orphans {
	struct cd_db *db;
	struct om_arena a;
	struct cd_text keys[PAGE];
	size_t n;
	unsigned char last[CD_RECORD_ID];
	struct cd_check_result *out;
};

static om_status
keep_key(void *arg, const struct cd_val *v, om_err *e)
{
	struct orphans *o = arg;
	Om__Record *r = NULL;
	struct cd_how how;
	struct cd_row row;
	om_status s = cd_entry_row(v, &o->a, &r, &how, &row, e);

	if (s != OM_OK)
		return s;
	memcpy(o->last, r->record_id.data, CD_RECORD_ID);
	o->keys[o->n++] = row.key;
	return OM_OK;
}

static om_status
orphans_page(struct orphans *o, om_err *e)
{
	om_status s;

	o->n = 0;
	s = cd_db_query(o->db,
	    "SELECT " CD_ENTRY_COLUMNS " FROM record AS r WHERE r.record_id>? ORDER BY r.record_id LIMIT " PAGE_TEXT,
	    (struct cd_val[]){CD_B(o->last, CD_RECORD_ID)}, 1, keep_key, o, e);
	for (size_t i = 0; s == OM_OK && i < o->n; i++) {
		bool found = false;

		s = cd_db_query(o->db, "SELECT 1 FROM generation WHERE generation_id=?",
		    (struct cd_val[]){CD_B(o->keys[i].p, o->keys[i].n)}, 1, cd_found, &found, e);
		if (s == OM_OK && !found) {
			o->out->records++;
			say_row(o->out, "records without a row", o->keys[i], NULL);
		}
	}
	return s;
}

static om_status
keep_count(void *arg, const struct cd_val *v, om_err *e)
{
	(void)e;
	*(int64_t *)arg = v[0].i;
	return OM_OK;
}

/* check_orphans reads the journal once more where it has more records than were found by their rows. */
static om_status
check_orphans(struct cd_db *db, struct cd_check_result *out, om_err *e)
{
	struct orphans *o = NULL;
	int64_t records = 0;
	om_status s = cd_db_query(db, "SELECT COUNT(*) FROM record", NULL, 0, keep_count, &records, e);

	if (s != OM_OK || records == out->records)
		return s;
	o = calloc(1, sizeof *o);
	if (o == NULL)
		return om_fail(e, OM_NOMEM, "out of memory");
	o->db = db;
	o->out = out;
	do {
		om_arena_init(&o->a, ARENA_BYTES);
		s = orphans_page(o, e);
		om_arena_fini(&o->a);
	} while (s == OM_OK && o->n == PAGE);
	free(o);
	return s;
}

/* ---- totals against the rows ---- */

static om_status
keep_total(void *arg, const struct cd_val *v, om_err *e)
{
	struct cd_check_result *out = arg;

	(void)e;
	if (out->wrong_totals++ < SAY_AT_MOST)
		om_log(OM_LOG_ERROR, "total differs from its rows", "day", v[0].p, "person", OM_I64(v[1].i), "cube",
		    OM_I64(v[2].i), "requests", OM_I64(v[3].i), "cost", v[4].p, NULL);
	return OM_OK;
}

om_status
cd_check_ledger(struct cd_db *db, struct cd_check_result *out, om_err *e)
{
	struct page *p = calloc(1, sizeof *p);
	int64_t wrong_links = 0;
	om_status s = OM_OK;

	*out = (struct cd_check_result){0};
	if (p == NULL)
		return om_fail(e, OM_NOMEM, "out of memory");
	p->out = out;
	do {
		om_arena_init(&p->a, ARENA_BYTES);
		s = check_page(db, p, e);
		om_arena_fini(&p->a);
	} while (s == OM_OK && p->n == PAGE);
	free(p);
	if (s == OM_OK)
		s = check_orphans(db, out, e);
	if (s == OM_OK)
		s = cd_pairing_check(db, &wrong_links, e);
	out->wrong_rows += wrong_links;
	return s == OM_OK ? cd_rollup_compare(db, keep_total, out, e) : s;
}
