/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "write.h"

#include "estimate.h"
#include "record.h"
#include "rollup.h"
#include "testpoint.h"

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
	const struct cd_call *const *a = pa, *const *b = pb;

	return cd_text_cmp((*a)->key, (*b)->key);
}

/* changed_calls gives those whose rows are new or change, with their estimates,
 * ascending by key. */
static om_status
changed_calls(struct cd_calls *c, struct cd_call ***out, size_t *n_out, om_err *e)
{
	struct cd_call **list = om_arena_array(c->a, c->n + 1, sizeof(void *));
	om_status s = OM_OK;

	*n_out = 0;
	if (list == NULL)
		return om_fail(e, OM_NOMEM, "out of memory");
	for (size_t i = 0; s == OM_OK && i < c->n; i++) {
		struct cd_call *k = c->all[i];

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
store_calls(struct cd_calls *c, struct cd_call *const *calls, size_t n, const struct cd_lookup_times *times,
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
		plans[i] = (struct cd_lookup_change){.old = old, .now = &calls[i]->row};
		s = cd_rollup_move(old, old != NULL ? calls[i]->old->day : 0, &calls[i]->row, deltas, &n_deltas, e);
	}
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
cd_write_calls(struct cd_calls *c, const struct cd_lookup_times *times, om_time *next_out, om_err *e)
{
	struct cd_call **calls = NULL;
	size_t n = 0;
	om_status s = changed_calls(c, &calls, &n, e);

	return s == OM_OK ? store_calls(c, calls, n, times, next_out, e) : s;
}
