/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * pairs.h - each call of the provider once: the rows of a batch are paired with what is there.
 *
 * Room pairs
 *   Does      finds the rows that are one call, and what each of them then counts
 *   Owns      the tables turn and link
 *   Promises  the pairs are a function of the records, whatever the order in which they
 *             came
 *   Never     writes a row of the ledger: it says what the row is to be (ledger/write.h
 *             writes it)
 *
 * Promise   What is stored in `link` is what pair.h makes of all sides, whatever
 *           the order they came in; a batch decides again about everything that its rows can have
 *           changed.
 * Locks     A transaction that brings a side that may be part of others takes
 *           cd_pairs_guard for itself, any other one shares it: so no such side
 *           comes while a batch looks for them, and those that are there are
 *           locked while one decides about them.
 */
#ifndef CD_PAIRS_H
#define CD_PAIRS_H

#include "links.h"

/* cd_pairs_guard is taken before the first row is locked. */
om_status cd_pairs_guard(struct cd_db *db, bool alone, om_err *e) OM_MUST;

/* cd_pairs_decide pairs the rows at work, whose `row` is the join so far: it stores
 * the links, loads and locks the rows at their other ends, and gives each row
 * of the set the form in which it is stored. */
om_status cd_pairs_decide(struct cd_pairs *c, om_err *e) OM_MUST;

/* cd_pairs_pair decides about the seeds and stores the links, nothing else. */
om_status cd_pairs_pair(struct cd_pairs *c, struct cd_link_row ***changed_out, size_t *n_out, om_err *e) OM_MUST;

/* cd_pairs_pair_rows does both for seeds that are no batch's. */
om_status cd_pairs_pair_rows(struct cd_pairs *c, om_err *e) OM_MUST;

/* cd_pairs_row makes the row of a key from the journal and the links. */
om_status cd_pairs_row(struct cd_pairs *c, struct cd_member *k, struct cd_row *out, om_err *e) OM_MUST;

#endif
