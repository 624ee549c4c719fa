/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * write.h - rows that changed, into the ledger, with all that hangs on them:
 * estimates, totals, plans of look-ups.
 *
 * Failure   As db.h.  Everything runs inside a transaction of the caller's.
 */
#ifndef CD_WRITE_H
#define CD_WRITE_H

#include "lookup.h"
#include "pairs/links.h"
#include "store/journal.h"

/* cd_write_rows stores the rows at work that are new or differ from what is
 * stored.  *next_out becomes the earliest look-up planned, if that is earlier. */
om_status cd_write_rows(struct cd_pairs *c, const struct cd_lookup_times *times, om_time *next_out, om_err *e) OM_MUST;

/* cd_write_items joins n items, ascending by key, into their rows, pairs these and
 * stores them; what the journal knew already is passed over. */
om_status cd_write_items(struct cd_db *db, struct cd_item *const *items, size_t n, const struct cd_lookup_times *times,
    om_time *next_out, struct om_arena *a, om_err *e) OM_MUST;

#endif
