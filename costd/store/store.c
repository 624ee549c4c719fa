/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "store.h"

#include "database/sql.h"
#include "names/names.h"
#include "value/record.h"
#include "base/invariant.h"
#include "base/zone.h"

#include <stdlib.h>
#include <string.h>

#define SQL_BYTES ((size_t)16 * 1024)

/* Columns that follow from the fields, after `requests`. */
#define FOLLOWING   "disputed,disputed_cost,odd_day,unproven,marked"
#define FOLLOWING_G "g.disputed,COALESCE(g.disputed_cost,0),g.odd_day,g.unproven,g.marked"

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

/* add_text writes the column of a field as cd_store_read reads it. */
static void
add_text(struct om_buf *b, const struct cd_field_info *f)
{
	static const char *const before[] = {
	    [CD_AS_SAME] = "",
	    [CD_AS_WORD] = "(SELECT w.text FROM word AS w WHERE w.id=",
	    [CD_AS_GROUP_SET] = "(SELECT s.text FROM group_set AS s WHERE s.id=",
	    [CD_AS_PERSON] = "(SELECT h.handle FROM person AS h WHERE h.id=",
	};

	om_buf_printf(b, ",%sg.%s%s", before[f->stored], f->column, f->stored == CD_AS_SAME ? "" : ")");
}

om_status
cd_store_init(om_err *e)
{
	struct om_buf c, i, u;
	om_status s;

	om_buf_init(&c, SQL_BYTES);
	om_buf_init(&i, SQL_BYTES);
	om_buf_init(&u, SQL_BYTES);
	om_buf_str(&c, "g.generation_id");
	om_buf_str(&i, "INSERT INTO generation (generation_id");
	om_buf_str(&u, "UPDATE generation SET ");
	for (unsigned f = 0; f < CD_N_FIELDS; f++) {
		add_text(&c, &cd_fields[f]);
		om_buf_printf(&i, ",%s", cd_fields[f].column);
		om_buf_printf(&u, "%s=?,", cd_fields[f].column);
	}
	om_buf_str(&i, ",day,cost_state,requests,unsettled,link_kind," FOLLOWING ",ranks) VALUES (?");
	for (unsigned n = 1; n < CD_C_COUNT; n++)
		om_buf_str(&i, ",?");
	om_buf_chr(&i, ')');
	om_buf_str(&c,
	    ",DATEDIFF(g.day,'1970-01-01'),g.cost_state,g.requests,g.unsettled,g.link_kind," FOLLOWING_G ",g.ranks");
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

/* value_of gives a field's value, which is null where it is that of another one. */
static const struct cd_val *
value_of(const struct cd_val *v, unsigned f)
{
	const struct cd_val *ranks = &v[CD_C_RANKS];
	const bool has = f < ranks->n && ranks->p[f] != CD_RANK_NONE;

	if (has && v[CD_C_FIELDS + f].kind == CD_NULL && cd_fields[f].like != CD_F_NONE)
		return &v[CD_C_FIELDS + cd_fields[f].like];
	return &v[CD_C_FIELDS + f];
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
		const struct cd_val *c = value_of(v, f);
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
		om_buf_printf(
		    &sql, "SELECT %s FROM generation AS g FORCE INDEX (by_id) WHERE g.generation_id IN ", columns);
		cd_sql_in(&sql, size);
		om_buf_str(&sql, " ORDER BY g.generation_id FOR UPDATE");
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
	*p++ = om_money_is_zero(cd_row_disputed_cost(row)) ? CD_NONE : cd_m(cd_row_disputed_cost(row), a);
	*p++ = CD_I(odd);
	*p++ = CD_I(unproven);
	*p++ = CD_I(cd_store_mark(disputed != 0 || unproven, odd));
	return p;
}

/* put_number writes the number of a text. */
static om_status
put_number(struct cd_db *db, const struct cd_field_info *f, struct cd_text text, struct cd_val *out, om_err *e)
{
	static const cd_name kinds[] = {
	    [CD_AS_WORD] = CD_WORD, [CD_AS_GROUP_SET] = CD_GROUP_SET, [CD_AS_PERSON] = CD_PERSON};
	int64_t number = 0;
	om_status s = cd_names_number(db, kinds[f->stored], text.p, text.n, &number, e);

	*out = CD_I(number);
	return s;
}

/* is_like tells whether a field has the value of the one that it is like. */
static bool
is_like(const struct cd_row *row, unsigned f)
{
	const struct cd_cell *c = &row->cell[f], *like;

	if (cd_fields[f].like == CD_F_NONE)
		return false;
	like = &row->cell[cd_fields[f].like];
	return like->rank != CD_RANK_NONE && cd_cell_same(cd_fields[f].kind, c, like);
}

static om_status
put_cell(struct cd_db *db, const struct cd_row *row, unsigned f, struct cd_val *out, struct om_arena *a, om_err *e)
{
	const struct cd_cell *c = &row->cell[f];

	*out = CD_NONE;
	if (c->rank == CD_RANK_NONE || is_like(row, f))
		return OM_OK;
	switch (cd_fields[f].kind) {
	case CD_KIND_INT:
		*out = CD_I(c->v.i);
		break;
	case CD_KIND_MONEY:
		*out = cd_m(c->v.money, a);
		break;
	case CD_KIND_TEXT:
		if (cd_fields[f].stored != CD_AS_SAME)
			return put_number(db, &cd_fields[f], c->v.text, out, e);
		*out = CD_B(c->v.text.p, c->v.text.n);
		break;
	}
	return OM_OK;
}

/* put_fields writes the values of all columns that follow the key, and moves *at. */
static om_status
put_fields(struct cd_db *db, struct cd_val **at, const struct cd_row *row, struct om_arena *a, om_err *e)
{
	struct cd_val *p = *at;
	om_status s = OM_OK;
	char *ranks = om_arena_alloc(a, CD_N_FIELDS);
	char day[OM_DAY_TEXT];

	if (ranks == NULL)
		return om_fail(e, OM_NOMEM, "out of memory");
	for (unsigned f = 0; s == OM_OK && f < CD_N_FIELDS; f++) {
		ranks[f] = (char)row->cell[f].rank;
		s = put_cell(db, row, f, &p[f], a, e);
	}
	p += CD_N_FIELDS;
	*p++ = cd_t(om_arena_strdup(a, om_day_text(om_zone_day(row->cell[CD_F_STARTED_US].v.i), day)));
	*p++ = CD_I((int64_t)cd_cost_state(row));
	*p++ = CD_I(cd_row_requests(row));
	*p++ = CD_I(cd_row_is_unsettled(row) ? 1 : 0);
	*p++ = CD_I(row->link);
	p = put_following(p, row, a);
	*p++ = CD_B(ranks, CD_N_FIELDS);
	*at = p;
	return s;
}

om_status
cd_store_insert(struct cd_db *db, const struct cd_row *const *rows, size_t n, struct om_arena *a, om_err *e)
{
	struct cd_val *v = om_arena_array(a, n * CD_C_COUNT, sizeof *v), *p = v;
	om_status s = OM_OK;

	for (size_t i = 0; s == OM_OK && i < n && v != NULL; i++) {
		*p++ = CD_B(rows[i]->key.p, rows[i]->key.n);
		s = put_fields(db, &p, rows[i], a, e);
	}
	if (s != OM_OK || a->failed)
		return s != OM_OK ? s : om_fail(e, OM_NOMEM, "out of memory");
	om_check(cd_db_is_writing(db) && p == v + n * CD_C_COUNT);
	return cd_db_exec(db, insert_sql, v, CD_C_COUNT, n, NULL, e);
}

om_status
cd_store_update(struct cd_db *db, const struct cd_row *const *rows, size_t n, struct om_arena *a, om_err *e)
{
	struct cd_val *v = om_arena_array(a, n * CD_C_COUNT, sizeof *v), *p = v;
	om_status s = OM_OK;

	for (size_t i = 0; s == OM_OK && i < n && v != NULL; i++) {
		s = put_fields(db, &p, rows[i], a, e);
		*p++ = CD_B(rows[i]->key.p, rows[i]->key.n);
	}
	if (s != OM_OK || a->failed)
		return s != OM_OK ? s : om_fail(e, OM_NOMEM, "out of memory");
	om_check(cd_db_is_writing(db) && p == v + n * CD_C_COUNT);
	return cd_db_exec(db, update_sql, v, CD_C_COUNT, n, NULL, e);
}
