/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * history.h - the price history in the database.
 *
 * Promise   A line says what a model cost from one fetch of the list until the
 *           fetch that showed another price, or the model no more.  A fetch
 *           that shows nothing new changes nothing.  An older fetch never comes
 *           after a newer one.
 * Failure   As db.h.  Everything runs inside a transaction of the caller's.
 */
#ifndef CD_HISTORY_H
#define CD_HISTORY_H

#include "pricing.h"
#include "database/db.h"

struct cd_price_change {
	int64_t added, closed, same;
	bool stale; /* a newer fetch was stored meanwhile: nothing done */
};

/* cd_price_store makes n lines (ascending by model), as fetched then, those in
 * force, and keeps their models' names (model.h). */
om_status cd_price_store(struct cd_db *db, const struct cd_tariff *list, size_t n, om_time fetched, struct om_arena *a,
    struct cd_price_change *out, om_err *e) OM_MUST;

/* cd_price_find gives the pricing in force at an instant, by either name of the
 * model; NULL when there is none.  An instant up to a day before the model's first line gets that one:
 * the history begins with the first fetch, not with the first price. */
om_status cd_price_find(struct cd_db *db, struct cd_val model, om_time at, struct om_arena *a, const char **out,
    size_t *n_out, om_err *e) OM_MUST;

#endif
