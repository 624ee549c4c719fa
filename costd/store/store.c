/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "store.h"

#include "database/sql.h"
#include "value/record.h"
#include "base/invariant.h"
#include "base/zone.h"

#include <stdlib.h>
#include <string.h>

#define SQL_BYTES     ((size_t)16 * 1024)
#define PAIRS_STEP    9u  /* of the schema: platform and what came with it, pairs */
#define DISPUTES_STEP 17u /* claims, and what follows from them */

/* Columns that follow from the fields, after `requests`. */
#define FOLLOWING "disputed,disputed_cost,odd_day,unproven,marked"

static bool is_before, has_rules = true;
static char *columns, *insert_sql, *update_sql; /* made by cd_store_init, live as long as the process */

int
cd_store_key_cmp(struct cd_text a, struct cd_text b)
{
	return cd_text_cmp(a, b);
}

static om_status
take(struct om_buf *b, char **out, om_err *e)
{
	om_status s = om_buf_done(b, e);
	size_t n = 0;

	free(*out);
	*out = s == OM_OK ? om_buf_take(b, &n) : NULL;
	om_buf_fini(b);
	return s;
}

om_status
cd_store_init(om_err *e)
{
	struct om_buf c, i, u;
	om_status s;

	om_buf_init(&c, SQL_BYTES);
	om_buf_init(&i, SQL_BYTES);
	om_buf_init(&u, SQL_BYTES);
	om_buf_str(&c, "generation_id");
	om_buf_str(&u, "UPDATE generation SET ");
	for (unsigned f = 0; f < CD_N_FIELDS; f++) {
		om_buf_printf(&c, ",%s", cd_fields[f].column);
		om_buf_printf(&u, "%s=?,", cd_fields[f].column);
	}
	om_buf_printf(&i,
	    "INSERT INTO generation (%s,day,cost_state,requests,unsettled,link_kind," FOLLOWING ",ranks) VALUES (?",
	    c.data);
	for (unsigned n = 1; n < CD_C_COUNT; n++)
		om_buf_str(&i, ",?");
	om_buf_chr(&i, ')');
	om_buf_str(&c, ",DATEDIFF(day,'1970-01-01'),cost_state,requests,unsettled,link_kind," FOLLOWING ",ranks");
	om_buf_str(&u,
	    "day=?,cost_state=?,requests=?,unsettled=?,link_kind=?,disputed=?,disputed_cost=?,odd_day=?,unproven=?,"
	    "marked=?,ranks=? WHERE generation_id=?");
	s = take(&c, &columns, e);
	if (s == OM_OK)
		s = take(&i, &insert_sql, e);
	if (s == OM_OK)
		s = take(&u, &update_sql, e);
	return s;
}

om_status
cd_store_as_before(unsigned step, om_err *e)
{
	struct om_buf c;

	om_buf_init(&c, SQL_BYTES);
	om_buf_str(&c, "generation_id");
	for (unsigned f = 0; f < CD_N_FIELDS; f++)
		om_buf_printf(&c, ",%s%s", cd_fields[f].since > step ? "NULL AS " : "", cd_fields[f].column);
	is_before = step < PAIRS_STEP;
	has_rules = step >= DISPUTES_STEP;
	om_buf_str(&c, ",DATEDIFF(day,'1970-01-01'),cost_state,");
	om_buf_str(&c, is_before ? "1,0,0," : "requests,unsettled,link_kind,");
	om_buf_str(&c, step < DISPUTES_STEP ? "0,0,0,0,0,ranks" : FOLLOWING ",ranks");
	return take(&c, &columns, e);
}

bool
cd_store_is_before(void)
{
	return is_before;
}

const char *
cd_store_rules(void)
{
	return has_rules ? "rules" : "0";
}

const char *
cd_store_columns(void)
{
	om_check(columns != NULL); /* cd_store_init */
	return columns;
}

static om_status
read_cell(unsigned f, uint8_t rank, const struct cd_val *v, struct om_arena *a, struct cd_cell *c, om_err *e)
{
	om_status s = OM_OK;

	c->rank = rank;
	switch (cd_fields[f].kind) {
	case CD_KIND_INT:
		c->v.i = v->i;
		break;
	case CD_KIND_MONEY:
		s = om_money_parse(v->p, &c->v.money, e);
		break;
	case CD_KIND_TEXT:
		c->v.text = (struct cd_text){.p = om_arena_strndup(a, v->p, v->n), .n = v->n};
		if (c->v.text.p == NULL)
			s = om_fail(e, OM_NOMEM, "out of memory");
		break;
	}
	return s;
}

om_status
cd_store_read(const struct cd_val *v, struct om_arena *a, struct cd_stored *out, om_err *e)
{
	const struct cd_val *ranks = &v[CD_C_RANKS];
	om_status s = OM_OK;

	memset(out, 0, sizeof *out);
	out->row.key = (struct cd_text){.p = om_arena_strndup(a, v[CD_C_KEY].p, v[CD_C_KEY].n), .n = v[CD_C_KEY].n};
	if (out->row.key.p == NULL)
		return om_fail(e, OM_NOMEM, "out of memory");
	out->day = (om_day)v[CD_C_DAY].i;
	out->row.is_part = v[CD_C_REQUESTS].i == 0;
	out->row.link = (uint8_t)v[CD_C_LINK].i;
	out->unsettled = v[CD_C_UNSETTLED].i != 0;
	out->disputed = (uint8_t)v[CD_C_DISPUTED].i;
	out->odd_day = v[CD_C_ODD_DAY].i != 0;
	out->unproven = v[CD_C_UNPROVEN].i != 0;
	out->mark = (int)v[CD_C_MARKED].i;
	out->n_known = ranks->n < CD_N_FIELDS ? ranks->n : CD_N_FIELDS;
	for (unsigned f = 0; s == OM_OK && f < CD_N_FIELDS; f++) {
		const struct cd_val *c = &v[CD_C_FIELDS + f];
		/* a field that join.def got after the row was written has no rank yet */
		uint8_t rank = f < ranks->n ? (uint8_t)ranks->p[f] : CD_RANK_NONE;

		if ((c->kind == CD_NULL) != (rank == CD_RANK_NONE))
			return om_fail(e, OM_DAMAGED, "row %.140s: rank and value of %s disagree", out->row.key.p,
			    cd_fields[f].column);
		if (rank != CD_RANK_NONE)
			s = read_cell(f, rank, c, a, &out->row.cell[f], e);
	}
	if (out->n_known <= CD_F_COST_MOST)
		cd_row_of_before(&out->row);
	return s;
}

struct lock_scan {
	const struct cd_text *keys;
	size_t n;
	struct cd_stored **found;
	struct om_arena *a;
};

static om_status
keep_found(void *arg, const struct cd_val *v, om_err *e)
{
	struct lock_scan *scan = arg;
	struct cd_text key = {.p = v[CD_C_KEY].p, .n = v[CD_C_KEY].n};
	struct cd_stored *row;
	size_t lo = 0, hi = scan->n;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (cd_store_key_cmp(scan->keys[mid], key) < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	if (lo == scan->n || cd_store_key_cmp(scan->keys[lo], key) != 0)
		return om_fail(e, OM_INTERNAL, "the database found a row that costd did not ask for");
	row = om_arena_alloc(scan->a, sizeof *row);
	if (row == NULL)
		return om_fail(e, OM_NOMEM, "out of memory");
	scan->found[lo] = row;
	return cd_store_read(v, scan->a, row, e);
}

om_status
cd_store_lock(
    struct cd_db *db, const struct cd_text *keys, size_t n, struct cd_stored **found_out, struct om_arena *a, om_err *e)
{
	struct lock_scan scan = {.keys = keys, .n = n, .found = found_out, .a = a};
	struct om_buf sql;
	om_status s = OM_OK;

	om_check(cd_db_is_writing(db));
	for (size_t i = 0; i < n; i++) {
		om_check(i == 0 || cd_store_key_cmp(keys[i - 1], keys[i]) < 0);
		found_out[i] = NULL;
	}
	om_buf_init(&sql, SQL_BYTES);
	for (size_t done = 0; s == OM_OK && done < n;) {
		size_t size = cd_sql_in_size(n - done);
		struct cd_val v[CD_SQL_IN_MAX];

		/* the last piece is filled up by repeating its last key */
		for (size_t i = 0; i < size; i++) {
			struct cd_text k = keys[done + i < n ? done + i : n - 1];

			v[i] = CD_B(k.p, k.n);
		}
		om_buf_reset(&sql);
		om_buf_printf(&sql, "SELECT %s FROM generation FORCE INDEX (PRIMARY) WHERE generation_id IN ", columns);
		cd_sql_in(&sql, size);
		om_buf_str(&sql, " ORDER BY generation_id FOR UPDATE");
		s = om_buf_done(&sql, e);
		if (s == OM_OK)
			s = cd_db_query(db, sql.data, v, size, keep_found, &scan, e);
		done += size;
	}
	om_buf_fini(&sql);
	return s;
}

int
cd_store_mark(bool disputed_or_unproven, bool odd_day)
{
	if (disputed_or_unproven)
		return CD_MARKED;
	return odd_day ? CD_MARKED_DAY : 0;
}

/* put_following writes the values of FOLLOWING. */
static struct cd_val *
put_following(struct cd_val *p, const struct cd_row *row, struct om_arena *a)
{
	const unsigned disputed = cd_row_disputed(row);
	const bool odd = cd_row_is_odd_day(row), unproven = cd_row_is_unproven(row);

	*p++ = CD_I(disputed);
	*p++ = cd_m(cd_row_disputed_cost(row), a);
	*p++ = CD_I(odd);
	*p++ = CD_I(unproven);
	*p++ = CD_I(cd_store_mark(disputed != 0 || unproven, odd));
	return p;
}

/* put_fields writes the values of all columns that follow the key. */
static struct cd_val *
put_fields(struct cd_val *p, const struct cd_row *row, struct om_arena *a)
{
	char *ranks = om_arena_alloc(a, CD_N_FIELDS);
	char day[OM_DAY_TEXT];

	for (unsigned f = 0; f < CD_N_FIELDS && ranks != NULL; f++) {
		const struct cd_cell *c = &row->cell[f];

		ranks[f] = (char)c->rank;
		p[f] = CD_NONE;
		if (c->rank == CD_RANK_NONE)
			continue;
		switch (cd_fields[f].kind) {
		case CD_KIND_INT:
			p[f] = CD_I(c->v.i);
			break;
		case CD_KIND_MONEY:
			p[f] = cd_m(c->v.money, a);
			break;
		case CD_KIND_TEXT:
			p[f] = CD_B(c->v.text.p, c->v.text.n);
			break;
		}
	}
	p += CD_N_FIELDS;
	*p++ = cd_t(om_arena_strdup(a, om_day_text(om_zone_day(row->cell[CD_F_STARTED_US].v.i), day)));
	*p++ = CD_I((int64_t)cd_cost_state(row));
	*p++ = CD_I(cd_row_requests(row));
	*p++ = CD_I(cd_row_is_unsettled(row) ? 1 : 0);
	*p++ = CD_I(row->link);
	p = put_following(p, row, a);
	*p++ = CD_B(ranks, CD_N_FIELDS);
	return p;
}

om_status
cd_store_insert(struct cd_db *db, const struct cd_row *const *rows, size_t n, struct om_arena *a, om_err *e)
{
	struct cd_val *v = om_arena_array(a, n * CD_C_COUNT, sizeof *v), *p = v;

	for (size_t i = 0; i < n && v != NULL; i++) {
		*p++ = CD_B(rows[i]->key.p, rows[i]->key.n);
		p = put_fields(p, rows[i], a);
	}
	if (a->failed)
		return om_fail(e, OM_NOMEM, "out of memory");
	om_check(cd_db_is_writing(db) && p == v + n * CD_C_COUNT);
	return cd_db_exec(db, insert_sql, v, CD_C_COUNT, n, NULL, e);
}

om_status
cd_store_update(struct cd_db *db, const struct cd_row *const *rows, size_t n, struct om_arena *a, om_err *e)
{
	struct cd_val *v = om_arena_array(a, n * CD_C_COUNT, sizeof *v), *p = v;

	for (size_t i = 0; i < n && v != NULL; i++) {
		p = put_fields(p, rows[i], a);
		*p++ = CD_B(rows[i]->key.p, rows[i]->key.n);
	}
	if (a->failed)
		return om_fail(e, OM_NOMEM, "out of memory");
	om_check(cd_db_is_writing(db) && p == v + n * CD_C_COUNT);
	return cd_db_exec(db, update_sql, v, CD_C_COUNT, n, NULL, e);
}
