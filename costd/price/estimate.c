/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "estimate.h"

#include "history.h"
#include "database/meta.h"
#include "store/rollup.h"
#include "store/store.h"
#include "value/record.h"
#include "base/stats.h"

#include <stdlib.h>
#include <string.h>

#define PAGE        256u
#define PAGE_TEXT   "256"
#define ARENA_BYTES ((size_t)64 * 1024 * 1024)

static struct om_stat stat_made =
    OM_COUNTER("owui_metering_estimates_total", NULL, "Rows that got an estimate, each time it was made or made anew.");

void
cd_estimate_ignore(struct cd_row *row)
{
	if (row->cell[CD_F_COST].rank == CD_RANK_DERIVED)
		memset(&row->cell[CD_F_COST], 0, sizeof row->cell[CD_F_COST]);
}

static int64_t
count(const struct cd_row *row, cd_field f)
{
	return row->cell[f].rank == CD_RANK_NONE ? 0 : row->cell[f].v.i;
}

/* multiply_out finds the price and says why there is no estimate. */
static om_status
multiply_out(struct cd_db *db, struct cd_val model, const struct cd_tokens *t, om_time at, struct om_arena *a,
    om_money *out, Om__NoEstimate *why, om_err *e)
{
	const char *pricing = NULL;
	size_t n = 0;
	om_status s = cd_price_find(db, model, at, a, &pricing, &n, e);

	if (s != OM_OK)
		return s;
	if (pricing == NULL)
		*why = OM__NO_ESTIMATE__NO_ESTIMATE_NO_PRICE;
	else if (!cd_pricing_estimate(pricing, n, t, at, out))
		*why = OM__NO_ESTIMATE__NO_ESTIMATE_UNPRICED;
	else
		*why = OM__NO_ESTIMATE__NO_ESTIMATE_NONE;
	return OM_OK;
}

/* reason_of_row says why the row itself has none, whatever its model costs; NONE:
 * the price decides. */
static Om__NoEstimate
reason_of_row(const struct cd_row *row, const struct cd_tokens *t, cd_field named)
{
	const struct cd_cell *c = row->cell;

	if (!cd_row_is_openrouters(row))
		return OM__NO_ESTIMATE__NO_ESTIMATE_NO_PRICE; /* the price list is OpenRouter's */
	/* zeros are what an answer says that never began: nothing to go by */
	if (c[CD_F_PROMPT_TOKENS].rank == CD_RANK_NONE || c[CD_F_COMPLETION_TOKENS].rank == CD_RANK_NONE ||
	    (t->prompt == 0 && t->completion == 0))
		return OM__NO_ESTIMATE__NO_ESTIMATE_NO_TOKENS;
	if (c[named].rank == CD_RANK_NONE)
		return OM__NO_ESTIMATE__NO_ESTIMATE_NO_MODEL;
	if (c[CD_F_IS_BYOK].rank != CD_RANK_NONE && c[CD_F_IS_BYOK].v.i != 0)
		return OM__NO_ESTIMATE__NO_ESTIMATE_UNPRICED; /* tokens are billed elsewhere */
	return OM__NO_ESTIMATE__NO_ESTIMATE_NONE;
}

static om_status
estimate(struct cd_db *db, struct cd_row *row, struct om_arena *a, Om__NoEstimate *why_out, om_err *e)
{
	const struct cd_cell *c = row->cell;
	const struct cd_tokens t = {
	    .prompt = count(row, CD_F_PROMPT_TOKENS),
	    .completion = count(row, CD_F_COMPLETION_TOKENS),
	    .reasoning = count(row, CD_F_REASONING_TOKENS),
	    .cached = count(row, CD_F_CACHED_TOKENS),
	    .cache_write = count(row, CD_F_CACHE_WRITE_TOKENS),
	};
	const cd_field named = c[CD_F_MODEL].rank != CD_RANK_NONE ? CD_F_MODEL : CD_F_REQUESTED_MODEL;
	Om__NoEstimate why = OM__NO_ESTIMATE__NO_ESTIMATE_NONE;
	om_money m = OM_MONEY_ZERO;
	om_status s = OM_OK;

	cd_estimate_ignore(row);
	if (c[CD_F_COST].rank == CD_RANK_NONE) {
		why = reason_of_row(row, &t, named);
		if (why == OM__NO_ESTIMATE__NO_ESTIMATE_NONE)
			s = multiply_out(
			    db, CD_B(c[named].v.text.p, c[named].v.text.n), &t, c[CD_F_STARTED_US].v.i, a, &m, &why, e);
		if (s == OM_OK && why == OM__NO_ESTIMATE__NO_ESTIMATE_NONE) {
			row->cell[CD_F_COST].rank = CD_RANK_DERIVED;
			row->cell[CD_F_COST].v.money = m;
		}
	}
	*why_out = why;
	return s;
}

om_status
cd_estimate_row(struct cd_db *db, struct cd_row *row, struct om_arena *a, om_err *e)
{
	Om__NoEstimate why;
	om_status s = estimate(db, row, a, &why, e);

	if (s == OM_OK && row->cell[CD_F_COST].rank == CD_RANK_DERIVED)
		om_stat_add(&stat_made, 1);
	return s;
}

om_status
cd_estimate_why(struct cd_db *db, const struct cd_row *row, struct om_arena *a, Om__NoEstimate *out, om_err *e)
{
	struct cd_row copy = *row;

	return estimate(db, &copy, a, out, e);
}

/* ---- the sweep ---- */

struct sweep {
	om_time from; /* the page begins behind this row */
	char after[CD_KEY_BYTES];
	struct om_arena a;
	struct cd_text keys[PAGE];
	size_t n;
	om_time last_us;
	char last[CD_KEY_BYTES];
	int64_t estimated;
};

static om_status
keep_key(void *arg, const struct cd_val *v, om_err *e)
{
	struct sweep *w = arg;
	struct cd_text *k = &w->keys[w->n++];

	k->p = om_arena_strndup(&w->a, v[0].p, v[0].n);
	k->n = v[0].n;
	if (k->p == NULL || k->n >= sizeof w->last)
		return om_fail(e, OM_NOMEM, "out of memory");
	memcpy(w->last, k->p, k->n + 1);
	w->last_us = v[1].i;
	return OM_OK;
}

static int
cmp_key(const void *a, const void *b)
{
	return cd_store_key_cmp(*(const struct cd_text *)a, *(const struct cd_text *)b);
}

/* estimate_page writes the estimates of the rows it can lock and still find
 * without a cost. */
static om_status
estimate_page(struct cd_db *db, struct sweep *w, om_err *e)
{
	struct cd_stored **found = om_arena_array(&w->a, PAGE, sizeof(void *));
	const struct cd_row **changed = om_arena_array(&w->a, PAGE, sizeof(void *));
	struct cd_row *now = om_arena_array(&w->a, PAGE, sizeof *now);
	struct cd_delta *deltas = om_arena_array(&w->a, (size_t)2 * PAGE, sizeof *deltas);
	size_t n_changed = 0, n_deltas = 0;
	om_status s;

	if (w->a.failed)
		return om_fail(e, OM_NOMEM, "out of memory");
	qsort(w->keys, w->n, sizeof *w->keys, cmp_key);
	s = cd_store_lock(db, w->keys, w->n, found, &w->a, e);
	for (size_t i = 0; s == OM_OK && i < w->n; i++) {
		if (found[i] == NULL || found[i]->row.cell[CD_F_COST].rank != CD_RANK_NONE)
			continue;
		now[i] = found[i]->row;
		s = cd_estimate_row(db, &now[i], &w->a, e);
		if (s != OM_OK || now[i].cell[CD_F_COST].rank == CD_RANK_NONE)
			continue;
		changed[n_changed++] = &now[i];
		s = cd_rollup_move(&found[i]->row, found[i]->day, &now[i], deltas, &n_deltas, e);
	}
	if (s == OM_OK && n_changed > 0)
		s = cd_store_update(db, changed, n_changed, &w->a, e);
	if (s == OM_OK)
		s = cd_rollup_apply(db, deltas, n_deltas, &w->a, e);
	w->estimated += s == OM_OK ? (int64_t)n_changed : 0;
	return s;
}

static om_status
sweep_page(struct cd_db *db, void *arg, om_err *e)
{
	static const char sql[] =
	    "SELECT generation_id,started_us FROM generation FORCE INDEX (by_cost_state) WHERE cost_state=0 AND "
	    "unsettled=1 AND "
	    "started_us>=? AND (started_us>? OR generation_id>?) AND prompt_tokens IS NOT NULL AND "
	    "completion_tokens IS NOT NULL ORDER BY started_us,generation_id LIMIT " PAGE_TEXT;
	struct sweep *w = arg;
	om_status s;

	w->n = 0;
	w->estimated = 0;
	s = cd_meta_guard_zone(db, e);
	if (s == OM_OK)
		s = cd_db_query(
		    db, sql, (struct cd_val[]){CD_I(w->from), CD_I(w->from), cd_t(w->after)}, 3, keep_key, w, e);
	return s == OM_OK && w->n > 0 ? estimate_page(db, w, e) : s;
}

om_status
cd_estimate_sweep(struct cd_pool *p, om_time from, int64_t deadline_ms, int64_t *n_out, om_err *e)
{
	struct sweep *w = calloc(1, sizeof *w);
	om_status s;

	*n_out = 0;
	if (w == NULL)
		return om_fail(e, OM_NOMEM, "out of memory");
	w->from = from;
	do {
		om_arena_init(&w->a, ARENA_BYTES);
		s = cd_pool_run(p, CD_TX_WRITE, deadline_ms, sweep_page, w, e);
		om_arena_fini(&w->a);
		if (s != OM_OK)
			break;
		*n_out += w->estimated;
		w->from = w->last_us;
		memcpy(w->after, w->last, sizeof w->after);
	} while (w->n == PAGE);
	free(w);
	return s;
}
