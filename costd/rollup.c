/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "rollup.h"

#include "digest.h"
#include "record.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const cd_field dims[] = {CD_F_USER_ID, CD_F_MODEL, CD_F_PROVIDER, CD_F_ORIGIN, CD_F_TASK};
#define N_DIMS (sizeof dims / sizeof dims[0])

om_day
cd_row_day(const struct cd_row *row)
{
	return om_zone_day(row->cell[CD_F_STARTED_US].v.i);
}

/* hash_dims: the same text as CD_DIM_SQL makes. */
static om_status
hash_dims(const struct cd_row *row, unsigned char out[CD_DIM])
{
	struct om_bytes parts[3 * N_DIMS];
	char lengths[N_DIMS][24];
	unsigned char sum[OM_SHA256];
	om_status s;
	size_t n = 0;

	for (size_t i = 0; i < N_DIMS; i++) {
		const struct cd_cell *c = &row->cell[dims[i]];

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
	    .requests = sign,
	    .prompt_tokens = sign * count(row, CD_F_PROMPT_TOKENS),
	    .completion_tokens = sign * count(row, CD_F_COMPLETION_TOKENS),
	    .reasoning_tokens = sign * count(row, CD_F_REASONING_TOKENS),
	    .cached_tokens = sign * count(row, CD_F_CACHED_TOKENS),
	    .cache_write_tokens = sign * count(row, CD_F_CACHE_WRITE_TOKENS),
	    .cost = {.v = sign * cost.v},
	    .byok_cost = {.v = sign * byok.v},
	    .unsettled = cd_row_is_unsettled(row) ? sign : 0,
	};
	if (hash_dims(row, d->dim) != OM_OK)
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

/* merge sums neighbours of one line and leaves out what does not move. */
static om_status
merge(struct cd_delta *d, size_t n, size_t *n_out, om_err *e)
{
	size_t kept = 0;

	for (size_t i = 0, j; i < n; i = j) {
		struct cd_delta sum = d[i];

		for (j = i + 1; j < n && cmp_delta(&d[i], &d[j]) == 0; j++)
			if (add(&sum.by, &d[j].by) != OM_OK)
				return om_fail(e, OM_STORE_DATA, "the day's total is out of range");
		if (!is_zero(&sum.by))
			d[kept++] = sum;
	}
	*n_out = kept;
	return OM_OK;
}

#define SUMS(X)              \
	X(requests)          \
	X(prompt_tokens)     \
	X(completion_tokens) \
	X(reasoning_tokens) X(cached_tokens) X(cache_write_tokens) X(cost) X(byok_cost) X(unsettled)
#define ADD_SQL(c) "," #c "=" #c "+VALUES(" #c ")"
#define N_COLUMNS  16u

om_status
cd_rollup_apply(struct cd_db *db, struct cd_delta *d, size_t n, struct om_arena *a, om_err *e)
{
	static const char sql[] =
	    "INSERT INTO usage_day (day,dim,user_id,model,provider,origin,task,requests,prompt_tokens,"
	    "completion_tokens,reasoning_tokens,cached_tokens,cache_write_tokens,cost,byok_cost,unsettled) "
	    "VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?) ON DUPLICATE KEY UPDATE day=day" SUMS(ADD_SQL);
	struct cd_val *v;
	om_status s;

	if (n == 0)
		return OM_OK;
	qsort(d, n, sizeof *d, cmp_delta);
	s = merge(d, n, &n, e);
	if (s != OM_OK || n == 0)
		return s;
	v = om_arena_array(a, n * N_COLUMNS, sizeof *v);
	for (size_t i = 0; i < n && v != NULL; i++) {
		const struct cd_figures *f = &d[i].by;
		struct cd_val *p = v + i * N_COLUMNS;
		char day[OM_DAY_TEXT];

		*p++ = cd_t(om_arena_strdup(a, om_day_text(d[i].day, day)));
		*p++ = CD_B(d[i].dim, CD_DIM);
		for (size_t k = 0; k < N_DIMS; k++) {
			const struct cd_cell *c = &d[i].row->cell[dims[k]];

			*p++ = c->rank == CD_RANK_NONE ? CD_NONE : CD_B(c->v.text.p, c->v.text.n);
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
	}
	if (a->failed)
		return om_fail(e, OM_NOMEM, "out of memory");
	return cd_db_exec(db, sql, v, N_COLUMNS, n, NULL, e);
}
