/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "rollup.h"

#include "names/names.h"
#include "value/record.h"
#include "base/clock.h"
#include "base/invariant.h"
#include "base/zone.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SQL_BYTES ((size_t)32 * 1024)

/* The keys, in the order of CD_DIM_AT_…. */
static const cd_field dims[CD_N_DIMS] = {
#define OM_DIMENSION_KEY(NAME, name, FIELD, how, least, most) CD_F_##FIELD,
#include "messages/dimensions.def"
};

/* The cubes of usage_sum by their number, from 1; stored, so never renumbered.
 * In the order of `by_size` they have about this many lines a day: one, one per
 * set of groups, a handful, one per model, provider and platform, one per user. */
static const unsigned cubes[CD_N_CUBES + 1] = {
    CD_DIM_ALL, /* usage_day */
    0,
    CD_DIM_USER | CD_DIM_GROUP,
    CD_DIM_MODEL | CD_DIM_PROVIDER | CD_DIM_PLATFORM,
    CD_DIM_GROUP,
    CD_DIM_ORIGIN | CD_DIM_TASK | CD_DIM_SOURCE,
};
static const unsigned by_size[] = {1, 4, 5, 3, 2};

unsigned
cd_rollup_pick(unsigned wanted)
{
	for (size_t i = 0; i < sizeof by_size / sizeof by_size[0]; i++)
		if ((wanted & ~cubes[by_size[i]]) == 0)
			return by_size[i];
	return 0;
}

const char *
cd_rollup_shape(char out[CD_SHAPE_BYTES])
{
	size_t n = 0;

	for (size_t i = 0; i < CD_N_DIMS; i++) {
		n += (size_t)snprintf(out + n, CD_SHAPE_BYTES - n, "%s ", cd_fields[dims[i]].column);
		om_check(n < CD_SHAPE_BYTES);
	}
	for (size_t i = 1; i <= CD_N_CUBES; i++) {
		n += (size_t)snprintf(out + n, CD_SHAPE_BYTES - n, " %x", cubes[i]);
		om_check(n < CD_SHAPE_BYTES);
	}
	return out;
}

om_day
cd_row_day(const struct cd_row *row)
{
	return om_zone_day(row->cell[CD_F_STARTED_US].v.i);
}

/* key_of gives the number of a row's key; 0: the row has none. */
static om_status
key_of(struct cd_db *db, const struct cd_row *row, cd_field f, uint32_t *out, om_err *e)
{
	static const cd_name kinds[] = {
	    [CD_AS_WORD] = CD_WORD, [CD_AS_GROUP_SET] = CD_GROUP_SET, [CD_AS_PERSON] = CD_PERSON};
	const struct cd_cell *c = &row->cell[f];
	int64_t number = 0;
	om_status s = OM_OK;

	om_check(cd_fields[f].stored != CD_AS_SAME);
	if (c->rank != CD_RANK_NONE)
		s = cd_names_number(db, kinds[cd_fields[f].stored], c->v.text.p, c->v.text.n, &number, e);
	*out = (uint32_t)number;
	return s;
}

static om_status
delta_of(struct cd_db *db, const struct cd_row *row, om_day day, int sign, struct cd_delta *d, om_err *e)
{
	om_status s = OM_OK;

	d->day = day;
	d->by = cd_figures_of(row, sign);
	for (size_t i = 0; s == OM_OK && i < CD_N_DIMS; i++)
		s = key_of(db, row, dims[i], &d->key[i], e);
	return s;
}

om_status
cd_rollup_move(struct cd_db *db, const struct cd_row *old, om_day old_day, const struct cd_row *now,
    struct cd_delta *out, size_t *n, om_err *e)
{
	om_status s = OM_OK;

	om_check(now != NULL && (old == NULL || cd_text_cmp(old->key, now->key) == 0));
	if (old != NULL)
		s = delta_of(db, old, old_day, -1, &out[(*n)++], e);
	return s == OM_OK ? delta_of(db, now, cd_row_day(now), 1, &out[(*n)++], e) : s;
}

static int
cmp_delta(const void *pa, const void *pb)
{
	const struct cd_delta *a = pa, *b = pb;

	if (a->day != b->day)
		return a->day < b->day ? -1 : 1;
	for (size_t i = 0; i < CD_N_DIMS; i++)
		if (a->key[i] != b->key[i])
			return a->key[i] < b->key[i] ? -1 : 1;
	return 0;
}

/* merge sums neighbours of one line and leaves out what does not move, unless
 * it is to be noted that something changed. */
static om_status
merge(struct cd_delta *d, size_t n, bool still_too, size_t *n_out, om_err *e)
{
	size_t kept = 0;

	for (size_t i = 0, j; i < n; i = j) {
		struct cd_delta sum = d[i];

		for (j = i + 1; j < n && cmp_delta(&d[i], &d[j]) == 0; j++)
			if (cd_figures_add(&sum.by, &d[j].by) != OM_OK)
				return om_fail(e, OM_STORE_DATA, "the day's total is out of range");
		if (still_too || !cd_figures_are_zero(&sum.by))
			d[kept++] = sum;
	}
	*n_out = kept;
	return OM_OK;
}

/* The figures in pieces of SQL, in the order in which put writes their values. */
static const char figure_names[] = ""
#define OM_FIGURE(name, kind) "," #name
#include "messages/figures.def"
    ;
static const char figure_adds[] = ""
#define OM_FIGURE(name, kind) "," #name "=" #name "+VALUES(" #name ")"
#include "messages/figures.def"
    ;
static const char figure_adds_to_day[] = ""
#define OM_FIGURE(name, kind) ",usage_day." #name "=usage_day." #name "+VALUES(" #name ")"
#include "messages/figures.def"
    ;
static const char figure_sums[] = ""
#define OM_FIGURE(name, kind) ",COALESCE(SUM(" #name "),0)"
#include "messages/figures.def"
    ;
static const char figures_less[] = ""
#define OM_FIGURE(name, kind) ",-COALESCE(" #name ",0)"
#include "messages/figures.def"
    ;
static const char figures_differ[] = "FALSE"
#define OM_FIGURE(name, kind) " OR SUM(" #name ")<>0"
#include "messages/figures.def"
    ;

#define N_COLUMNS (2u + CD_N_FIGURES + CD_N_DIMS) /* and the cube, or when the line changed */

/* key_names writes the columns of the keys. */
static void
key_names(struct om_buf *b)
{
	for (size_t i = 0; i < CD_N_DIMS; i++)
		om_buf_printf(b, ",%s", cd_fields[dims[i]].column);
}

/* insert_sql writes an insertion of one line's values, which is added to a line that
 * is there.  usage_day notes when a line changed, usage_sum has a cube. */
static void
insert_sql(struct om_buf *b, bool sums)
{
	om_buf_str(b, sums ? "INSERT INTO usage_sum (cube,day" : "INSERT INTO usage_day (day");
	key_names(b);
	om_buf_printf(b, "%s%s) VALUES (?", figure_names, sums ? "" : ",changed_us");
	for (unsigned i = 1; i < N_COLUMNS; i++)
		om_buf_str(b, ",?");
	om_buf_printf(b, ") ON DUPLICATE KEY UPDATE %s%s",
	    sums ? "day=day" : "changed_us=GREATEST(changed_us,VALUES(changed_us))", figure_adds);
}

/* insert adds lines of N_COLUMNS values each. */
static om_status
insert(struct cd_db *db, bool sums, const struct cd_val *v, size_t lines, om_err *e)
{
	struct om_buf b;
	om_status s;

	om_buf_init(&b, SQL_BYTES);
	insert_sql(&b, sums);
	s = om_buf_done(&b, e);
	if (s == OM_OK)
		s = cd_db_exec(db, b.data, v, N_COLUMNS, lines, NULL, e);
	om_buf_fini(&b);
	return s;
}

/* put writes the values of one line, the cube first. */
static struct cd_val *
put(struct cd_val *p, unsigned cube, const struct cd_delta *d, struct om_arena *a)
{
	const struct cd_figures *f = &d->by;
	char day[OM_DAY_TEXT];

	if (cube > 0)
		*p++ = CD_I(cube);
	*p++ = cd_t(om_arena_strdup(a, om_day_text(d->day, day)));
	for (size_t k = 0; k < CD_N_DIMS; k++)
		*p++ = CD_I(d->key[k]);
#define PUT_COUNT(name)       *p++ = CD_I(f->name);
#define PUT_MONEY(name)       *p++ = cd_m(f->name, a);
#define OM_FIGURE(name, kind) PUT_##kind(name)
#include "messages/figures.def"
	return p;
}

/* moves_as_much: what a cube moves is what the days move. */
static bool
moves_as_much(const struct cd_delta *days, size_t n_days, const struct cd_delta *sums, size_t n_sums)
{
	int64_t requests = 0, unsettled = 0;

	for (size_t i = 0; i < n_days; i++) {
		requests += days[i].by.requests;
		unsettled += days[i].by.unsettled;
	}
	for (size_t i = 0; i < n_sums; i++) {
		requests -= sums[i].by.requests;
		unsettled -= sums[i].by.unsettled;
	}
	return requests == 0 && unsettled == 0;
}

/* apply_sums writes the movements, which are those of usage_day, to all cubes. */
static om_status
apply_sums(struct cd_db *db, const struct cd_delta *d, size_t n, struct om_arena *a, om_err *e)
{
	struct cd_val *v = om_arena_array(a, CD_N_CUBES * n * N_COLUMNS, sizeof *v), *p = v;
	struct cd_delta *all = om_arena_array(a, CD_N_CUBES * n, sizeof *all);
	size_t lines = 0;

	if (v == NULL || all == NULL)
		return om_fail(e, OM_NOMEM, "out of memory");
	for (unsigned cube = 1; cube <= CD_N_CUBES; cube++) {
		struct cd_delta *sums = all + (cube - 1) * n;
		size_t kept = n;
		om_status s;

		for (size_t i = 0; i < n; i++) {
			sums[i] = d[i];
			for (size_t k = 0; k < CD_N_DIMS; k++)
				sums[i].key[k] = (cubes[cube] & 1u << k) != 0 ? d[i].key[k] : 0;
		}
		qsort(sums, n, sizeof *sums, cmp_delta);
		s = merge(sums, n, false, &kept, e);
		if (s != OM_OK)
			return s;
		om_check(moves_as_much(d, n, sums, kept));
		for (size_t i = 0; i < kept; i++)
			p = put(p, cube, &sums[i], a);
		lines += kept;
	}
	if (a->failed)
		return om_fail(e, OM_NOMEM, "out of memory");
	return lines == 0 ? OM_OK : insert(db, true, v, lines, e);
}

om_status
cd_rollup_apply(struct cd_db *db, struct cd_delta *d, size_t n, struct om_arena *a, om_err *e)
{
	struct cd_val *v, *p;
	om_time now = om_now();
	om_status s;

	if (n == 0)
		return OM_OK;
	om_check(cd_db_is_writing(db));
	qsort(d, n, sizeof *d, cmp_delta);
	s = merge(d, n, true, &n, e);
	if (s != OM_OK || n == 0)
		return s;
	v = p = om_arena_array(a, n * N_COLUMNS, sizeof *v);
	for (size_t i = 0; i < n && v != NULL; i++) {
		p = put(p, 0, &d[i], a);
		*p++ = CD_I(now);
	}
	if (a->failed)
		return om_fail(e, OM_NOMEM, "out of memory");
	s = insert(db, false, v, n, e);
	return s == OM_OK ? apply_sums(db, d, n, a, e) : s;
}

/* ---- all at once ---- */

/* keys_sql writes the numbers of the keys, 0 where a row or the cube has none, each called k and
 * its place. */
static void
keys_sql(struct om_buf *b, unsigned set)
{
	for (size_t i = 0; i < CD_N_DIMS; i++) {
		if ((set & 1u << i) != 0)
			om_buf_printf(b, ",COALESCE(%s,0) AS k%zu", cd_fields[dims[i]].column, i);
		else
			om_buf_printf(b, ",0 AS k%zu", i);
	}
}

/* by_keys writes the names that keys_sql gave. */
static void
by_keys(struct om_buf *b)
{
	for (size_t i = 0; i < CD_N_DIMS; i++)
		om_buf_printf(b, ",k%zu", i);
}

/* fill_one writes the lines of a stretch: of usage_day, from rows by the instant
 * they began; of a cube, from the lines of days.  Lines that are there already
 * are added to.  One statement for all would sort the whole ledger on disk. */
static om_status
fill_one(struct cd_db *db, unsigned cube, struct cd_val from, struct cd_val to, om_err *e)
{
	struct om_buf b;
	om_status s;

	om_buf_init(&b, SQL_BYTES);
	om_buf_str(&b, cube == 0 ? "INSERT INTO usage_day (day" : "INSERT INTO usage_sum (cube,day");
	key_names(&b);
	om_buf_printf(&b, "%s%s) SELECT ", figure_names, cube == 0 ? ",changed_us" : "");
	if (cube > 0)
		om_buf_printf(&b, "%u,", cube);
	om_buf_str(&b, "day");
	keys_sql(&b, cubes[cube]);
	om_buf_str(&b, figure_sums);
	om_buf_str(&b,
	    cube > 0 ? " FROM usage_day WHERE day>=? AND day<?"
		     : ",? FROM generation WHERE started_us>=? AND started_us<?");
	om_buf_str(&b, " GROUP BY day");
	by_keys(&b);
	if (cube == 0)
		om_buf_printf(&b, " ON DUPLICATE KEY UPDATE usage_day.day=usage_day.day%s", figure_adds_to_day);
	s = om_buf_done(&b, e);
	if (s == OM_OK)
		s = cube == 0 ? cd_db_exec(db, b.data, (struct cd_val[]){CD_I(om_now()), from, to}, 3, 1, NULL, e)
			      : cd_db_exec(db, b.data, (struct cd_val[]){from, to}, 2, 1, NULL, e);
	om_buf_fini(&b);
	return s;
}

static om_status
keep_next(void *arg, const struct cd_val *v, om_err *e)
{
	(void)e;
	*(int64_t *)arg = v[0].kind == CD_INT ? v[0].i : INT64_MAX;
	return OM_OK;
}

static om_status
fill_days(struct cd_db *db, om_err *e)
{
	int64_t at = INT64_MIN, next = 0;
	om_status s = OM_OK;

	while (s == OM_OK) {
		s = cd_db_query(db, "SELECT MIN(started_us) FROM generation WHERE started_us>=?",
		    (struct cd_val[]){CD_I(at)}, 1, keep_next, &next, e);
		if (s != OM_OK || next == INT64_MAX)
			break;
		at = next + OM_DAY;
		s = fill_one(db, 0, CD_I(next), CD_I(at), e);
	}
	return s;
}

om_status
cd_rollup_fill_sums(struct cd_db *db, om_err *e)
{
	int64_t at = om_day_from_civil(1, 1, 1), next = 0;
	char from[OM_DAY_TEXT], to[OM_DAY_TEXT];
	om_status s = OM_OK;

	while (s == OM_OK) {
		s = cd_db_query(db, "SELECT DATEDIFF(MIN(day),'1970-01-01') FROM usage_day WHERE day>=?",
		    (struct cd_val[]){cd_t(om_day_text((om_day)at, from))}, 1, keep_next, &next, e);
		if (s != OM_OK || next == INT64_MAX)
			break;
		at = next + 1;
		(void)om_day_text((om_day)next, from);
		(void)om_day_text((om_day)at, to);
		for (unsigned cube = 1; s == OM_OK && cube <= CD_N_CUBES; cube++)
			s = fill_one(db, cube, cd_t(from), cd_t(to), e);
	}
	return s;
}

om_status
cd_rollup_fill(struct cd_db *db, om_err *e)
{
	om_status s = fill_days(db, e);

	return s == OM_OK ? cd_rollup_fill_sums(db, e) : s;
}

/* Totals with a plus, what they are made of with a minus: what does not come to
 * nothing differs. */
static om_status
compare_one(struct cd_db *db, unsigned cube, cd_row_fn *fn, void *arg, om_err *e)
{
	struct om_buf b;
	om_status s;

	om_buf_init(&b, SQL_BYTES);
	om_buf_printf(&b,
	    "SELECT DATE_FORMAT(day,'%%Y-%%m-%%d'),MIN(k%d),%u,CAST(SUM(requests) AS SIGNED),"
	    "CAST(SUM(cost) AS CHAR) FROM (SELECT day",
	    CD_DIM_AT_USER, cube);
	keys_sql(&b, CD_DIM_ALL);
	om_buf_printf(&b, "%s FROM ", figure_names);
	if (cube == 0)
		om_buf_str(&b, "usage_day UNION ALL SELECT day");
	else
		om_buf_printf(&b, "usage_sum WHERE cube=%u UNION ALL SELECT day", cube);
	keys_sql(&b, cubes[cube]);
	om_buf_printf(&b, "%s FROM %s) AS t GROUP BY day", figures_less, cube > 0 ? "usage_day" : "generation");
	by_keys(&b);
	om_buf_printf(&b, " HAVING %s", figures_differ);
	s = om_buf_done(&b, e);
	if (s == OM_OK)
		s = cd_db_query(db, b.data, NULL, 0, fn, arg, e);
	om_buf_fini(&b);
	return s;
}

om_status
cd_rollup_compare(struct cd_db *db, cd_row_fn *fn, void *arg, om_err *e)
{
	om_status s = OM_OK;

	for (unsigned cube = 0; s == OM_OK && cube <= CD_N_CUBES; cube++)
		s = compare_one(db, cube, fn, arg, e);
	return s;
}
