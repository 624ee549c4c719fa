/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "rollup.h"

#include "value/record.h"
#include "base/clock.h"
#include "base/digest.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SQL_BYTES ((size_t)32 * 1024)

/* The keys, in the order of cd_dims. */
static const cd_field dims[] = {
    CD_F_USER_ID, CD_F_MODEL, CD_F_PROVIDER, CD_F_ORIGIN, CD_F_TASK, CD_F_SOURCE, CD_F_USER_GROUPS};
#define N_DIMS (sizeof dims / sizeof dims[0])

/* The cubes of usage_sum by their number, from 1; stored, so never renumbered.
 * In the order of `by_size` they have about this many lines a day: one, one per
 * set of groups, a handful, one per model and provider, one per user. */
static const unsigned cubes[CD_N_CUBES + 1] = {
    CD_DIM_ALL, /* usage_day */
    0,
    CD_DIM_USER | CD_DIM_GROUPS,
    CD_DIM_MODEL | CD_DIM_PROVIDER,
    CD_DIM_GROUPS,
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

om_day
cd_row_day(const struct cd_row *row)
{
	return om_zone_day(row->cell[CD_F_STARTED_US].v.i);
}

/* hash_dims: the same text as dim_sql makes. */
static om_status
hash_dims(const struct cd_row *row, unsigned set, unsigned char out[CD_DIM])
{
	struct om_bytes parts[3 * N_DIMS];
	char lengths[N_DIMS][24];
	unsigned char sum[OM_SHA256];
	om_status s;
	size_t n = 0;

	for (size_t i = 0; i < N_DIMS; i++) {
		const struct cd_cell *c = &row->cell[dims[i]];

		if ((set & 1u << i) == 0)
			continue;
		if (c->rank == CD_RANK_NONE) {
			parts[n++] = (struct om_bytes){"-,", 2};
			continue;
		}
		(void)snprintf(lengths[i], sizeof lengths[i], "%zu:", c->v.text.n);
		parts[n++] = (struct om_bytes){lengths[i], strlen(lengths[i])};
		parts[n++] = (struct om_bytes){c->v.text.p, c->v.text.n};
		parts[n++] = (struct om_bytes){",", 1};
	}
	s = om_sha256(parts, n, sum);
	memcpy(out, sum, CD_DIM);
	return s;
}

/* dim_sql computes dim from the columns of a line. */
static void
dim_sql(struct om_buf *b, unsigned set)
{
	om_buf_str(b, "UNHEX(LEFT(SHA2(CONCAT(''");
	for (size_t i = 0; i < N_DIMS; i++) {
		const char *c = cd_fields[dims[i]].column;

		if ((set & 1u << i) != 0)
			om_buf_printf(b, ",IF(%s IS NULL,'-',CONCAT(OCTET_LENGTH(%s),':',%s)),','", c, c, c);
	}
	om_buf_str(b, "),256),32))");
}

static int64_t
count(const struct cd_row *row, cd_field f)
{
	return row->cell[f].rank == CD_RANK_NONE ? 0 : row->cell[f].v.i;
}

static om_money
amount(const struct cd_row *row, cd_field f)
{
	return row->cell[f].rank == CD_RANK_NONE ? OM_MONEY_ZERO : row->cell[f].v.money;
}

static om_status
delta_of(const struct cd_row *row, om_day day, int sign, struct cd_delta *d, om_err *e)
{
	om_money cost = amount(row, CD_F_COST), byok = amount(row, CD_F_BYOK_COST);

	d->row = row;
	d->day = day;
	d->by = (struct cd_figures){
	    .requests = sign * cd_row_requests(row),
	    .prompt_tokens = sign * count(row, CD_F_PROMPT_TOKENS),
	    .completion_tokens = sign * count(row, CD_F_COMPLETION_TOKENS),
	    .reasoning_tokens = sign * count(row, CD_F_REASONING_TOKENS),
	    .cached_tokens = sign * count(row, CD_F_CACHED_TOKENS),
	    .cache_write_tokens = sign * count(row, CD_F_CACHE_WRITE_TOKENS),
	    .cost = {.v = sign * cost.v},
	    .byok_cost = {.v = sign * byok.v},
	    .unsettled = cd_row_is_unsettled(row) ? sign : 0,
	};
	if (hash_dims(row, CD_DIM_ALL, d->dim) != OM_OK)
		return om_fail(e, OM_INTERNAL, "SHA-256 failed");
	return OM_OK;
}

om_status
cd_rollup_move(
    const struct cd_row *old, om_day old_day, const struct cd_row *now, struct cd_delta *out, size_t *n, om_err *e)
{
	om_status s = OM_OK;

	if (old != NULL)
		s = delta_of(old, old_day, -1, &out[(*n)++], e);
	return s == OM_OK ? delta_of(now, cd_row_day(now), 1, &out[(*n)++], e) : s;
}

static int
cmp_delta(const void *pa, const void *pb)
{
	const struct cd_delta *a = pa, *b = pb;

	if (a->day != b->day)
		return a->day < b->day ? -1 : 1;
	return memcmp(a->dim, b->dim, CD_DIM);
}

static om_status
add(struct cd_figures *a, const struct cd_figures *b)
{
	a->requests += b->requests;
	a->prompt_tokens += b->prompt_tokens;
	a->completion_tokens += b->completion_tokens;
	a->reasoning_tokens += b->reasoning_tokens;
	a->cached_tokens += b->cached_tokens;
	a->cache_write_tokens += b->cache_write_tokens;
	a->unsettled += b->unsettled;
	if (om_money_add(a->cost, b->cost, &a->cost) != OM_OK)
		return OM_RANGE;
	return om_money_add(a->byok_cost, b->byok_cost, &a->byok_cost);
}

static bool
is_zero(const struct cd_figures *f)
{
	return f->requests == 0 && f->prompt_tokens == 0 && f->completion_tokens == 0 && f->reasoning_tokens == 0 &&
	    f->cached_tokens == 0 && f->cache_write_tokens == 0 && om_money_is_zero(f->cost) &&
	    om_money_is_zero(f->byok_cost) && f->unsettled == 0;
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
			if (add(&sum.by, &d[j].by) != OM_OK)
				return om_fail(e, OM_STORE_DATA, "the day's total is out of range");
		if (still_too || !is_zero(&sum.by))
			d[kept++] = sum;
	}
	*n_out = kept;
	return OM_OK;
}

#define FIGURES(X)           \
	X(requests)          \
	X(prompt_tokens)     \
	X(completion_tokens) \
	X(reasoning_tokens) X(cached_tokens) X(cache_write_tokens) X(cost) X(byok_cost) X(unsettled)
#define NAME_SQL(c)   "," #c
#define ADD_SQL(c)    "," #c "=" #c "+VALUES(" #c ")"
#define SUM_SQL(c)    ",SUM(" #c ")"
#define ADD_TO_SQL(c) ",usage_day." #c "=usage_day." #c "+VALUES(" #c ")"
#define KEYS_SQL      ",user_id,model,provider,origin,task,source,user_groups"
#define N_COLUMNS     (3u + 9u + N_DIMS)

/* put writes the values of one line, the cube first. */
static struct cd_val *
put(struct cd_val *p, unsigned cube, const struct cd_delta *d, struct om_arena *a)
{
	const struct cd_figures *f = &d->by;
	char day[OM_DAY_TEXT];

	if (cube > 0)
		*p++ = CD_I(cube);
	*p++ = cd_t(om_arena_strdup(a, om_day_text(d->day, day)));
	*p++ = CD_B(d->dim, CD_DIM);
	for (size_t k = 0; k < N_DIMS; k++) {
		const struct cd_cell *c = &d->row->cell[dims[k]];
		bool has = c->rank != CD_RANK_NONE && (cubes[cube] & 1u << k) != 0;

		*p++ = has ? CD_B(c->v.text.p, c->v.text.n) : CD_NONE;
	}
	*p++ = CD_I(f->requests);
	*p++ = CD_I(f->prompt_tokens);
	*p++ = CD_I(f->completion_tokens);
	*p++ = CD_I(f->reasoning_tokens);
	*p++ = CD_I(f->cached_tokens);
	*p++ = CD_I(f->cache_write_tokens);
	*p++ = cd_m(f->cost, a);
	*p++ = cd_m(f->byok_cost, a);
	*p++ = CD_I(f->unsettled);
	return p;
}

#define VALUES_SQL "(?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?"

/* apply_sums writes the movements, which are those of usage_day, to all cubes. */
static om_status
apply_sums(struct cd_db *db, const struct cd_delta *d, size_t n, struct om_arena *a, om_err *e)
{
	static const char sql[] = "INSERT INTO usage_sum (cube,day,dim" KEYS_SQL FIGURES(
	    NAME_SQL) ") VALUES " VALUES_SQL ",?) ON DUPLICATE KEY UPDATE day=day" FIGURES(ADD_SQL);
	struct cd_val *v = om_arena_array(a, CD_N_CUBES * n * N_COLUMNS, sizeof *v), *p = v;
	struct cd_delta *all = om_arena_array(a, CD_N_CUBES * n, sizeof *all); /* the values point into it */
	size_t lines = 0;

	if (v == NULL || all == NULL)
		return om_fail(e, OM_NOMEM, "out of memory");
	for (unsigned cube = 1; cube <= CD_N_CUBES; cube++) {
		struct cd_delta *sums = all + (cube - 1) * n;
		om_status s = OM_OK;
		size_t kept = n;

		for (size_t i = 0; s == OM_OK && i < n; i++) {
			sums[i] = d[i];
			s = hash_dims(d[i].row, cubes[cube], sums[i].dim);
		}
		if (s != OM_OK)
			return om_fail(e, OM_INTERNAL, "SHA-256 failed");
		qsort(sums, n, sizeof *sums, cmp_delta);
		s = merge(sums, n, false, &kept, e);
		if (s != OM_OK)
			return s;
		for (size_t i = 0; i < kept; i++)
			p = put(p, cube, &sums[i], a);
		lines += kept;
	}
	if (a->failed)
		return om_fail(e, OM_NOMEM, "out of memory");
	return lines == 0 ? OM_OK : cd_db_exec(db, sql, v, N_COLUMNS, lines, NULL, e);
}

om_status
cd_rollup_apply(struct cd_db *db, struct cd_delta *d, size_t n, struct om_arena *a, om_err *e)
{
	static const char sql[] = "INSERT INTO usage_day (day,dim" KEYS_SQL FIGURES(
	    NAME_SQL) ",changed_us) VALUES " VALUES_SQL ",?) ON DUPLICATE KEY UPDATE "
		      "changed_us=GREATEST(changed_us,VALUES(changed_us))" FIGURES(ADD_SQL);
	struct cd_val *v, *p;
	om_time now = om_now();
	om_status s;

	if (n == 0)
		return OM_OK;
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
	s = cd_db_exec(db, sql, v, N_COLUMNS, n, NULL, e);
	return s == OM_OK ? apply_sums(db, d, n, a, e) : s;
}

/* ---- all at once ---- */

/* keys_sql writes the columns of the keys, null where the cube has none.  Lines
 * are grouped by their hash, which is short to sort by: any row's keys are the
 * line's. */
static void
keys_sql(struct om_buf *b, unsigned set)
{
	for (size_t i = 0; i < N_DIMS; i++)
		om_buf_printf(b, (set & 1u << i) != 0 ? ",MIN(%s)" : ",NULL", cd_fields[dims[i]].column);
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
	om_buf_printf(&b, "INSERT INTO %s (%sday,dim" KEYS_SQL FIGURES(NAME_SQL) "%s) SELECT ",
	    cube == 0 ? "usage_day" : "usage_sum", cube == 0 ? "" : "cube,", cube == 0 ? ",changed_us" : "");
	if (cube > 0)
		om_buf_printf(&b, "%u,", cube);
	om_buf_str(&b, "day,");
	dim_sql(&b, cubes[cube]);
	om_buf_str(&b, " AS hash");
	keys_sql(&b, cubes[cube]);
	om_buf_str(&b,
	    cube > 0 ? FIGURES(SUM_SQL) " FROM usage_day WHERE day>=? AND day<?"
		     : ",SUM(requests),COALESCE(SUM(prompt_tokens),0),COALESCE(SUM(completion_tokens),0),"
		       "COALESCE(SUM(reasoning_tokens),0),COALESCE(SUM(cached_tokens),0),"
		       "COALESCE(SUM(cache_write_tokens),0),COALESCE(SUM(cost),0),COALESCE(SUM(byok_cost),0),"
		       "SUM(unsettled),? FROM generation WHERE started_us>=? AND started_us<?");
	om_buf_str(&b, " GROUP BY day,hash");
	if (cube == 0)
		om_buf_str(&b, " ON DUPLICATE KEY UPDATE usage_day.day=usage_day.day" FIGURES(ADD_TO_SQL));
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

static om_status
fill_sums(struct cd_db *db, om_err *e)
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

	return s == OM_OK ? fill_sums(db, e) : s;
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
	    "SELECT DATE_FORMAT(day,'%%Y-%%m-%%d'),COALESCE(MIN(user_id),'-'),%u,CAST(SUM(n) AS SIGNED),CAST(SUM(cost) "
	    "AS CHAR) FROM (SELECT day,dim,user_id,requests AS n,prompt_tokens AS p,completion_tokens AS c,"
	    "reasoning_tokens AS r,cached_tokens AS h,cache_write_tokens AS w,cost,byok_cost,unsettled AS u FROM ",
	    cube);
	if (cube == 0)
		om_buf_str(&b, "usage_day UNION ALL SELECT day,");
	else
		om_buf_printf(&b, "usage_sum WHERE cube=%u UNION ALL SELECT day,", cube);
	dim_sql(&b, cubes[cube]);
	om_buf_str(&b,
	    cube > 0 ? ",NULL,-requests,-prompt_tokens,-completion_tokens,-reasoning_tokens,-cached_tokens,"
		       "-cache_write_tokens,-cost,-byok_cost,-unsettled FROM usage_day"
		     : ",user_id,-requests,-COALESCE(prompt_tokens,0),-COALESCE(completion_tokens,0),"
		       "-COALESCE(reasoning_tokens,0),-COALESCE(cached_tokens,0),-COALESCE(cache_write_tokens,0),"
		       "-COALESCE(cost,0),-COALESCE(byok_cost,0),-unsettled FROM generation");
	om_buf_str(&b,
	    ") AS t GROUP BY day,dim HAVING SUM(n)<>0 OR SUM(p)<>0 OR SUM(c)<>0 OR SUM(r)<>0 OR SUM(h)<>0 OR "
	    "SUM(w)<>0 OR SUM(cost)<>0 OR SUM(byok_cost)<>0 OR SUM(u)<>0");
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
