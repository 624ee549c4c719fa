/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * letters.h - dead letters, given to the ledger once more, or set aside.
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

/* cd_letters_set_aside keeps letters out of the count of those that somebody has to look
 * at; those that are set aside already keep their reason.  OM_NOT_FOUND: one of the named
 * is none, and nothing was changed. */
om_status cd_letters_set_aside(struct cd_pool *p, const Om__SetAsideQuery *q, om_time now, int64_t deadline_ms,
    struct om_arena *a, Om__SetAsideReply *out, om_err *e) OM_MUST;

struct cd_letters_counts {
	int64_t waiting, aside;
};
om_status cd_letters_count(struct cd_db *db, struct cd_letters_counts *out, om_err *e) OM_MUST;

#endif
