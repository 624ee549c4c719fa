/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * letters.h - dead letters, given to the ledger once more.
 *
 * Promise   A letter and what becomes of its record change in one transaction:
 *           the record is in the ledger and the letter gone, or the letter
 *           stays with the new reason.  Trying again changes nothing twice.
 * Threads   All calls from any thread.
 */
#ifndef CD_LETTERS_H
#define CD_LETTERS_H

#include "ledger/ledger.h"
#include "settle.pb-c.h"

/* cd_letters_retry tries the one that is named, or all that have its number
 * (OM_NOT_FOUND when there is none); or all until the deadline comes near. */
om_status cd_letters_retry(struct cd_ledger *l, const Om__RetryQuery *q, int64_t deadline_ms, struct om_arena *a,
    Om__RetryReply *out, om_err *e) OM_MUST;

om_status cd_letters_count(struct cd_db *db, int64_t *out, om_err *e) OM_MUST;

#endif
