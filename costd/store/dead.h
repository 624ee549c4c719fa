/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * dead.h - dead letters: records that the ledger could not take, as they came, with
 * the reason.
 *
 * Failure   As db.h.  Everything runs inside a transaction of the caller's.
 */
#ifndef CD_DEAD_H
#define CD_DEAD_H

#include "journal.h"

/* Which dead letter: a spool from a backup gives its numbers again. */
struct cd_letter_key {
	unsigned char spool_id[16];
	uint64_t seq;
	unsigned char content[OM_SHA256]; /* of the record's bytes */
};

/* cd_dead_bury keeps the refused among n items as dead letters. */
om_status cd_dead_bury(struct cd_db *db, const unsigned char *spool_id, const struct cd_item *items, size_t n,
    struct om_arena *a, om_err *e) OM_MUST;

/* cd_dead_lock locks a dead letter and gives its record; *out stays NULL
 * when there is none. */
om_status cd_dead_lock(struct cd_db *db, const struct cd_letter_key *key, struct om_arena *a, const char **out,
    size_t *n_out, om_err *e) OM_MUST;
/* cd_dead_release drops a dead letter, or gives it a new reason. */
om_status cd_dead_release(
    struct cd_db *db, const struct cd_letter_key *key, const char *reason, struct om_arena *a, om_err *e) OM_MUST;

#endif
