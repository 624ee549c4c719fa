/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "check.h"

#include "bring_up.h"
#include "pairing.h"
#include "settings.h"
#include "database/meta.h"
#include "pairs/calls.h"
#include "price/estimate.h"
#include "store/journal.h"
#include "store/rollup.h"
#include "store/store.h"
#include "terms/rows.h"
#include "value/record.h"
#include "record.pb-c.h"
#include "base/log.h"
#include "wire/codec.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PAGE        1000
#define PAGE_TEXT   "1000"
#define ARENA_BYTES ((size_t)512 * 1024 * 1024)
#define READ_S      86400 /* one statement may sum a large ledger */
#define SAY_AT_MOST 100

/* ---- rows against the journal ---- */

/* One page of rows, ascending by key, and what the journal makes of them. */
struct page {
	struct om_arena a;
	struct cd_stored stored[PAGE];
	size_t n;
	struct cd_row joined;           /* of the records of one key */
	bool any;                       /* joined holds something */
	size_t at;                      /* the next stored row to compare */
	char last[CD_KEY_BYTES];        /* last key of the page */
	struct cd_stored *paired[PAGE]; /* compared when the page's records are read */
	size_t n_paired;
	struct cd_audit_result *out;
};

static void
say_row(struct cd_audit_result *out, const char *what, struct cd_text key, const char *column)
{
	if (out->wrong_rows++ < SAY_AT_MOST)
		om_log(OM_LOG_ERROR, what, "generation_id", key.p, "column", column, NULL);
}

static void
compare_cells(struct cd_audit_result *out, const struct cd_stored *stored, const struct cd_row *joined)
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
compare_row(struct cd_audit_result *out, const struct cd_stored *stored, const struct cd_row *joined)
{
	if (stored->row.is_part != joined->is_part || stored->row.link != joined->link) {
		say_row(out, "row differs from its records", joined->key, "requests");
		return;
	}
	if (stored->unsettled != cd_row_is_unsettled(&stored->row)) {
		say_row(out, "row differs from its records", joined->key, "unsettled");
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
		compare_row(p->out, stored, &p->joined);
}

/* compare_paired makes the rows that are paired anew, each by itself. */
static om_status
compare_paired(struct cd_db *db, struct page *p, om_err *e)
{
	om_status s = OM_OK;

	for (size_t i = 0; s == OM_OK && i < p->n_paired; i++) {
		struct cd_calls c;
		struct cd_call *k;
		struct cd_row row;

		cd_calls_init(&c, db, &p->a);
		c.lock = false;
		k = cd_calls_get(&c, p->paired[i]->row.key);
		s = k != NULL ? cd_calls_row(&c, k, &row, e) : om_fail(e, OM_NOMEM, "out of memory");
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
	while (p->at < p->n && cd_store_key_cmp(p->stored[p->at].row.key, p->joined.key) < 0)
		say_row(p->out, "row without a record", p->stored[p->at++].row.key, NULL);
	if (p->at < p->n && cd_store_key_cmp(p->stored[p->at].row.key, p->joined.key) == 0)
		take_stored(p, &p->stored[p->at++]);
	else
		say_row(p->out, "records without a row", p->joined.key, NULL);
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
	om_status s = cd_record_read(v[1].p, v[1].n, v[2].i, &p->a, &r, &row, e);

	p->out->records++;
	if (s != OM_OK)
		return s;
	if (p->any && cd_store_key_cmp(p->joined.key, row.key) == 0) {
		(void)cd_join(&p->joined, &row);
		return OM_OK;
	}
	finish_key(p);
	p->joined = row;
	p->any = true;
	return OM_OK;
}

/* check_page compares the rows behind `after` and gives the last key. */
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
		    "SELECT ledger_key,payload,received_us FROM record WHERE ledger_key>? AND ledger_key<=? ORDER BY "
		    "ledger_key",
		    (struct cd_val[]){cd_t(after), cd_t(p->last)}, 2, keep_record, p, e);
	else if (s == OM_OK)
		s = cd_db_query(db,
		    "SELECT ledger_key,payload,received_us FROM record WHERE ledger_key>? ORDER BY ledger_key",
		    (struct cd_val[]){cd_t(after)}, 1, keep_record, p, e);
	if (s != OM_OK)
		return s;
	finish_key(p);
	while (p->at < p->n)
		say_row(p->out, "row without a record", p->stored[p->at++].row.key, NULL);
	memcpy(after, p->last, CD_KEY_BYTES);
	return compare_paired(db, p, e);
}

/* ---- totals against the rows ---- */

static om_status
keep_total(void *arg, const struct cd_val *v, om_err *e)
{
	struct cd_audit_result *out = arg;

	(void)e;
	if (out->wrong_totals++ < SAY_AT_MOST)
		om_log(OM_LOG_ERROR, "total differs from its rows", "day", v[0].p, "user", v[1].p, "cube",
		    OM_I64(v[2].i), "requests", OM_I64(v[3].i), "cost", v[4].p, NULL);
	return OM_OK;
}

om_status
cd_audit_check(struct cd_db *db, struct cd_audit_result *out, om_err *e)
{
	struct page *p = calloc(1, sizeof *p);
	char after[CD_KEY_BYTES] = "";
	int64_t wrong_links = 0;
	bool more = true;
	om_status s = OM_OK;

	*out = (struct cd_audit_result){0};
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

/* ---- fields that came after a row was written ---- */

static om_status
keep_short(void *arg, const struct cd_val *v, om_err *e)
{
	struct page *p = arg;

	(void)snprintf(p->last, sizeof p->last, "%s", v[CD_C_KEY].p);
	return cd_store_read(v, &p->a, &p->stored[p->n++], e);
}

static om_status
complete_row(struct cd_db *db, struct cd_row *row, struct om_arena *a, om_err *e)
{
	const bool paired = row->is_part || row->link != CD_LINK_NONE;
	struct cd_calls c;
	struct cd_call *k;
	om_status s;

	cd_calls_init(&c, db, a);
	k = cd_calls_get(&c, row->key);
	if (k == NULL)
		return om_fail(e, OM_NOMEM, "out of memory");
	if (paired)
		return cd_calls_row(&c, k, row, e);
	s = cd_calls_own(&c, k, e);
	if (s == OM_OK)
		(void)cd_join(row, &k->own->all);
	return s;
}

/* complete_page fills the new fields of some old rows from their records. */
static om_status
complete_page(struct cd_db *db, struct page *p, om_err *e)
{
	const struct cd_row *rows[PAGE];
	char after[CD_KEY_BYTES];
	struct om_buf sql;
	om_status s;

	memcpy(after, p->last, sizeof after);
	p->n = 0;
	om_buf_init(&sql, (size_t)16 * 1024);
	om_buf_printf(&sql,
	    "SELECT %s FROM generation WHERE generation_id>? AND LENGTH(ranks)<%u ORDER BY generation_id "
	    "LIMIT " PAGE_TEXT " FOR UPDATE",
	    cd_store_columns(), (unsigned)CD_N_FIELDS);
	s = om_buf_done(&sql, e);
	if (s == OM_OK)
		s = cd_db_query(db, sql.data, (struct cd_val[]){cd_t(after)}, 1, keep_short, p, e);
	om_buf_fini(&sql);
	for (size_t i = 0; s == OM_OK && i < p->n; i++) {
		rows[i] = &p->stored[i].row;
		s = complete_row(db, &p->stored[i].row, &p->a, e);
	}
	return s == OM_OK && p->n > 0 ? cd_store_update(db, rows, p->n, &p->a, e) : s;
}

static om_status
complete_rows(struct cd_db *db, om_err *e)
{
	struct page *p = calloc(1, sizeof *p);
	om_status s = OM_OK;

	if (p == NULL)
		return om_fail(e, OM_NOMEM, "out of memory");
	do {
		om_arena_init(&p->a, ARENA_BYTES);
		s = complete_page(db, p, e);
		om_arena_fini(&p->a);
	} while (s == OM_OK && p->n > 0);
	free(p);
	return s;
}

/* ---- days and totals anew ---- */

#define MOVE_VALUES 2u

struct move {
	struct om_arena a;
	struct cd_val v[PAGE * MOVE_VALUES];
	size_t n, read;
	char last[CD_KEY_BYTES];
};

static om_status
keep_move(void *arg, const struct cd_val *v, om_err *e)
{
	struct move *m = arg;
	om_day day = om_zone_day(v[1].i);
	char text[OM_DAY_TEXT];

	m->read++;
	(void)snprintf(m->last, sizeof m->last, "%s", v[0].p);
	if (day == (om_day)v[2].i)
		return OM_OK;
	m->v[MOVE_VALUES * m->n] = cd_t(om_arena_strdup(&m->a, om_day_text(day, text)));
	m->v[MOVE_VALUES * m->n + 1] = cd_t(om_arena_strdup(&m->a, v[0].p));
	m->n++;
	return m->a.failed ? om_fail(e, OM_NOMEM, "out of memory") : OM_OK;
}

static om_status
move_days(struct cd_db *db, int64_t *moved_out, om_err *e)
{
	struct move *m = calloc(1, sizeof *m);
	om_status s = OM_OK;

	if (m == NULL)
		return om_fail(e, OM_NOMEM, "out of memory");
	do {
		char after[CD_KEY_BYTES];

		memcpy(after, m->last, sizeof after);
		om_arena_init(&m->a, ARENA_BYTES);
		m->n = m->read = 0;
		s = cd_db_query(db,
		    "SELECT generation_id,started_us,DATEDIFF(day,'1970-01-01') FROM generation WHERE generation_id>? "
		    "ORDER BY generation_id LIMIT " PAGE_TEXT " FOR UPDATE",
		    (struct cd_val[]){cd_t(after)}, 1, keep_move, m, e);
		if (s == OM_OK && m->n > 0)
			s = cd_db_exec(
			    db, "UPDATE generation SET day=? WHERE generation_id=?", m->v, MOVE_VALUES, m->n, NULL, e);
		*moved_out += (int64_t)m->n;
		om_arena_fini(&m->a);
	} while (s == OM_OK && m->read == PAGE);
	free(m);
	return s;
}

om_status
cd_audit_rebuild(struct cd_db *db, int64_t *moved_out, om_err *e)
{
	char zone[CD_ZONE_BYTES];
	om_status s = cd_meta_take_zone(db, zone, e); /* from here on all writers wait */

	*moved_out = 0;
	if (s == OM_OK)
		s = complete_rows(db, e);
	if (s == OM_OK)
		s = move_days(db, moved_out, e);
	if (s == OM_OK)
		s = cd_db_run(db, "DELETE FROM usage_day", e);
	if (s == OM_OK)
		s = cd_db_run(db, "DELETE FROM usage_sum", e);
	if (s == OM_OK)
		s = cd_rollup_fill(db, e);
	return s == OM_OK ? cd_meta_set_zone(db, om_zone_name(), e) : s;
}

/* ---- the commands ---- */

static om_status
check(struct cd_db *db, om_err *e)
{
	struct cd_audit_result r;
	om_err why = {.text = ""};
	om_status terms = OM_OK, s = cd_db_begin_snapshot(db, e);

	if (s == OM_OK)
		s = cd_audit_check(db, &r, e);
	if (s == OM_OK)
		terms = cd_terms_check_rows(db, &why);
	cd_db_rollback(db);
	if (s != OM_OK)
		return s;
	(void)printf("%lld records, %lld rows: %lld rows and %lld totals differ\n", (long long)r.records,
	    (long long)r.rows, (long long)r.wrong_rows, (long long)r.wrong_totals);
	if (r.wrong_rows > 0 || r.wrong_totals > 0) {
		if (terms != OM_OK)
			om_log(OM_LOG_ERROR, "terms cannot be read", "why", why.text, NULL);
		return om_fail(e, OM_DAMAGED, "differences were found");
	}
	return terms == OM_OK ? OM_OK : om_fail(e, terms, "%s", why.text);
}

static om_status
rebuild(struct cd_db *db, om_err *e)
{
	int64_t moved = 0;
	om_status s = cd_db_begin(db, e);

	if (s == OM_OK)
		s = cd_audit_rebuild(db, &moved, e);
	if (s == OM_OK)
		s = cd_db_commit(db, e);
	if (s != OM_OK) {
		cd_db_rollback(db);
		return s;
	}
	(void)printf("%lld rows moved to another day; totals made anew for %s\n", (long long)moved, om_zone_name());
	return OM_OK;
}

static om_status
carry_out(cd_audit_kind kind, const struct cd_settings *conf, om_err *e)
{
	struct cd_db_opts o;
	struct cd_db *db = NULL;
	om_status s = om_zone_open(conf->timezone, e);

	cd_settings_db(conf, &o);
	o.read_s = READ_S;
	if (s == OM_OK)
		s = cd_store_init(e);
	if (s == OM_OK)
		s = cd_bring_up_schema(&o, e);
	if (s == OM_OK)
		s = cd_db_open(&o, &db, e);
	if (s == OM_OK && kind == CD_AUDIT_CHECK)
		s = cd_meta_check_zone(db, e);
	if (s == OM_OK && kind == CD_AUDIT_CHECK)
		s = cd_pairing_upgrade(db, e);
	if (s == OM_OK)
		s = kind == CD_AUDIT_CHECK ? check(db, e) : rebuild(db, e);
	cd_db_close(&db);
	return s;
}

int
cd_audit_main(cd_audit_kind kind)
{
	struct cd_settings conf = {0};
	om_err e = {.text = ""};
	om_status s;
	int rc = 2;

	om_log_init("costd", OM_LOG_INFO);
	s = om_conf_load(cd_settings_table, CD_N_SETTINGS, &conf, &e);
	if (s == OM_OK) {
		s = carry_out(kind, &conf, &e);
		rc = s == OM_OK ? 0 : 1;
	}
	if (s != OM_OK)
		(void)fprintf(stderr, "costd: %s\n", om_err_text(&e, s));
	om_conf_fini(cd_settings_table, CD_N_SETTINGS, &conf);
	return rc;
}
