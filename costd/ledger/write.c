/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "write.h"

#include "pairs/pairs.h"
#include "price/estimate.h"
#include "store/people.h"
#include "store/rollup.h"
#include "value/record.h"
#include "record.pb-c.h"
#include "base/invariant.h"
#include "base/testpoint.h"

#include <stdlib.h>

static bool
is_as_before(const struct cd_row *old, const struct cd_row *now)
{
	if (old->is_part != now->is_part || old->link != now->link)
		return false;
	for (unsigned f = 0; f < CD_N_FIELDS; f++)
		if (cd_cell_cmp((cd_field)f, &old->cell[f], &now->cell[f]) != 0)
			return false;
	return true;
}

static int
cmp_call(const void *pa, const void *pb)
{
	const struct cd_member *const *a = pa, *const *b = pb;

	return cd_text_cmp((*a)->key, (*b)->key);
}

/* changed_calls gives those whose rows are new or change, with their estimates,
 * ascending by key. */
static om_status
changed_calls(struct cd_pairs *c, struct cd_member ***out, size_t *n_out, om_err *e)
{
	struct cd_member **list = om_arena_array(c->a, c->n + 1, sizeof(void *));
	om_status s = OM_OK;

	*n_out = 0;
	if (list == NULL)
		return om_fail(e, OM_NOMEM, "out of memory");
	for (size_t i = 0; s == OM_OK && i < c->n; i++) {
		struct cd_member *k = c->all[i];

		if (!k->at_work || (k->old != NULL && !k->refresh && is_as_before(&k->old->row, &k->row)))
			continue;
		if (cd_row_is_unsettled(&k->row))
			s = cd_estimate_row(c->db, &k->row, c->a, e);
		else
			cd_estimate_ignore(&k->row); /* that of before it turned out to be another platform's */
		if (k->old == NULL || !is_as_before(&k->old->row, &k->row))
			list[(*n_out)++] = k;
	}
	qsort(list, *n_out, sizeof(void *), cmp_call);
	*out = list;
	return s;
}

/* store_calls writes rows, totals and plans of look-ups. */
static om_status
store_calls(struct cd_pairs *c, struct cd_member *const *calls, size_t n, const struct cd_lookup_times *times,
    om_time *next_out, om_err *e)
{
	const struct cd_row **added = om_arena_array(c->a, n + 1, sizeof(void *));
	const struct cd_row **changed = om_arena_array(c->a, n + 1, sizeof(void *));
	struct cd_delta *deltas = om_arena_array(c->a, 2 * n + 1, sizeof *deltas);
	struct cd_lookup_change *plans = om_arena_array(c->a, n + 1, sizeof *plans);
	size_t n_added = 0, n_changed = 0, n_deltas = 0;
	om_status s = OM_OK;

	if (c->a->failed)
		return om_fail(e, OM_NOMEM, "out of memory");
	for (size_t i = 0; s == OM_OK && i < n; i++) {
		const struct cd_row *old = calls[i]->old != NULL ? &calls[i]->old->row : NULL;

		if (old == NULL)
			added[n_added++] = &calls[i]->row;
		else
			changed[n_changed++] = &calls[i]->row;
		plans[i] = (struct cd_lookup_change){.old = old, .now = &calls[i]->row, .lane = calls[i]->lane};
		s = cd_rollup_move(
		    c->db, old, old != NULL ? calls[i]->old->day : 0, &calls[i]->row, deltas, &n_deltas, e);
	}
	om_check(s != OM_OK || (n_added + n_changed == n && n_deltas == n_added + 2 * n_changed));
	if (s == OM_OK && n_added > 0)
		s = cd_store_insert(c->db, added, n_added, c->a, e);
	if (s == OM_OK && n_changed > 0)
		s = cd_store_update(c->db, changed, n_changed, c->a, e);
	OM_CRASH_POINT("costd_after_rows");
	if (s == OM_OK)
		s = cd_rollup_apply(c->db, deltas, n_deltas, c->a, e);
	return s == OM_OK ? cd_lookup_plan(c->db, times, plans, n, om_now(), next_out, c->a, e) : s;
}

om_status
cd_write_rows(struct cd_pairs *c, const struct cd_lookup_times *times, om_time *next_out, om_err *e)
{
	struct cd_member **calls = NULL;
	size_t n = 0;
	om_status s = changed_calls(c, &calls, &n, e);

	return s == OM_OK ? store_calls(c, calls, n, times, next_out, e) : s;
}

/* ---- a batch ---- */

/* What a batch does to the ledger, on its way. */
struct writing {
	struct cd_db *db;
	struct om_arena *a;
	struct cd_pairs calls;
	struct cd_two_costs *costs; /* one for each key of the batch */
	size_t n_costs;
	const struct cd_item **seen; /* whose users they show */
	size_t n_seen;
};

/* take_item joins one item into the row of its key. */
static om_status
take_item(struct writing *w, const struct cd_item *it, om_err *e)
{
	struct cd_member *k = cd_pairs_get(&w->calls, it->row.key);

	if (k == NULL)
		return om_fail(e, OM_NOMEM, "out of memory");
	if (!it->rec->has_alone && !it->rec->has_decision && !it->rec->has_not_found) /* these show nobody */
		w->seen[w->n_seen++] = it;
	if (!k->came) {
		w->costs[w->n_costs++] = (struct cd_two_costs){.key = k->key};
		k->row = it->row;
		k->row.key = k->key;
		k->lane = cd_lookup_lane(it->rec);
	} else {
		(void)cd_join(&k->row, &it->row);
	}
	om_check(cd_text_cmp(w->costs[w->n_costs - 1].key, k->key) == 0); /* the items ascend by key */
	cd_journal_compare(&w->costs[w->n_costs - 1], &it->row);
	k->came = k->at_work = true;
	k->refresh = k->refresh || it->earlier;
	return OM_OK;
}

/* join_old joins what is stored into what came; fields that a row does not know yet
 * come from the journal. */
static om_status
join_old(struct writing *w, struct cd_member *k, struct cd_two_costs *costs, struct cd_stored *old, om_err *e)
{
	struct cd_row joined = old->row;
	om_status s = OM_OK;

	cd_journal_compare(costs, &old->row);
	if (cd_join(&joined, &k->row) && old->n_known < CD_N_FIELDS) {
		s = cd_pairs_own(&w->calls, k, e);
		if (s == OM_OK)
			(void)cd_join(&joined, &k->own->all);
	}
	k->old = old;
	k->row = joined;
	return s;
}

/* load_rows finds and locks what is stored of the keys that came, which ascend. */
static om_status
load_rows(struct writing *w, om_err *e)
{
	size_t n = w->calls.n;
	struct cd_text *keys = om_arena_array(w->a, n + 1, sizeof *keys);
	struct cd_stored **found = om_arena_array(w->a, n + 1, sizeof(void *));
	om_status s;

	if (keys == NULL || found == NULL)
		return om_fail(e, OM_NOMEM, "out of memory");
	om_check(w->n_costs == n);
	for (size_t i = 0; i < n; i++)
		keys[i] = w->calls.all[i]->key;
	s = cd_store_lock(w->db, keys, n, found, w->a, e);
	for (size_t i = 0; s == OM_OK && i < n; i++)
		if (found[i] != NULL)
			s = join_old(w, w->calls.all[i], &w->costs[i], found[i], e);
	return s;
}

om_status
cd_write_items(struct cd_db *db, struct cd_item *const *items, size_t n, const struct cd_lookup_times *times,
    om_time *next_out, struct om_arena *a, om_err *e)
{
	struct writing w = {.db = db, .a = a};
	om_status s = OM_OK;

	cd_pairs_init(&w.calls, db, a);
	w.costs = om_arena_array(a, n + 1, sizeof *w.costs);
	w.seen = om_arena_array(a, n + 1, sizeof(void *));
	if (w.costs == NULL || w.seen == NULL)
		return om_fail(e, OM_NOMEM, "out of memory");
	for (size_t i = 0; s == OM_OK && i < n; i++)
		if (!items[i]->known)
			s = take_item(&w, items[i], e);
	if (s == OM_OK)
		s = load_rows(&w, e);
	if (s == OM_OK)
		s = cd_pairs_decide(&w.calls, e);
	if (s == OM_OK)
		s = cd_write_rows(&w.calls, times, next_out, e);
	if (s == OM_OK)
		s = cd_journal_discrepancies(db, w.costs, w.n_costs, a, e);
	return s == OM_OK ? cd_people_see(db, w.seen, w.n_seen, a, e) : s;
}
