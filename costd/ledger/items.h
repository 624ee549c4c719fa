/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * items.h - records on their way into the ledger, before its transaction.
 *
 * Owner     What is made of an item lives in the arena.
 */
#ifndef CD_ITEMS_H
#define CD_ITEMS_H

#include "database/pool.h"
#include "store/journal.h"

/* cd_item_read unpacks and checks an item's record; a bad one is marked as refused and is no
 * error.  The database was ready once. */
om_status cd_item_read(struct cd_item *it, struct om_arena *a, om_err *e) OM_MUST;

/* cd_item_read_delivered reads a record that came from outside, which may not say what costd alone
 * says; books: it may bring looked-up costs. */
om_status cd_item_read_delivered(struct cd_item *it, bool books, struct om_arena *a, om_err *e) OM_MUST;

/* cd_items_learn has the names of n items known; one whose names the database refuses is marked
 * as refused. */
om_status cd_items_learn(
    struct cd_pool *p, struct cd_item *items, size_t n, int64_t deadline_ms, struct om_arena *a, om_err *e) OM_MUST;

/* cd_items_sort sorts by record id, then sequence number, and finds those that the batch holds
 * twice; the refused stand last. */
void cd_items_sort(struct cd_item *items, size_t n);

#endif
