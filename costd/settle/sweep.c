/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "sweep.h"

#include "database/meta.h"
#include "price/estimate.h"
#include "store/rollup.h"
#include "store/store.h"
#include "value/record.h"

#include <stdlib.h>
#include <string.h>

#define PAGE        256u
#define PAGE_TEXT   "256"
#define ARENA_BYTES ((size_t)64 * 1024 * 1024)

struct sweep {
	om_time from; /* the page begins after this row */
	int64_t after;
	struct om_arena a;
	struct cd_text keys[PAGE];
	size_t n;
	om_time last_us;
	int64_t last; /* number */
	int64_t estimated;
};

static om_status
keep_key(void *arg, const struct cd_val *v, om_err *e)
{
	struct sweep *w = arg;
	struct cd_text *k = &w->keys[w->n++];

	k->p = om_arena_strndup(&w->a, v[0].p, v[0].n);
	k->n = v[0].n;
	if (k->p == NULL)
		return om_fail(e, OM_NOMEM, "out of memory");
	w->last = v[2].i;
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
		s = cd_rollup_move(db, &found[i]->row, found[i]->day, &now[i], deltas, &n_deltas, e);
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
	    "SELECT generation_id,started_us,number FROM generation FORCE INDEX (by_cost_state) WHERE cost_state=0 AND "
	    "unsettled=1 AND "
	    "started_us>=? AND (started_us>? OR number>?) AND prompt_tokens IS NOT NULL AND "
	    "completion_tokens IS NOT NULL ORDER BY started_us,number LIMIT " PAGE_TEXT;
	struct sweep *w = arg;
	om_status s;

	w->n = 0;
	w->estimated = 0;
	s = cd_meta_guard_zone(db, e);
	if (s == OM_OK)
		s = cd_db_query(
		    db, sql, (struct cd_val[]){CD_I(w->from), CD_I(w->from), CD_I(w->after)}, 3, keep_key, w, e);
	return s == OM_OK && w->n > 0 ? estimate_page(db, w, e) : s;
}

om_status
cd_sweep_estimates(struct cd_pool *p, om_time from, int64_t deadline_ms, int64_t *n_out, om_err *e)
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
		w->after = w->last;
	} while (w->n == PAGE);
	free(w);
	return s;
}
