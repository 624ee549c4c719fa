/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * ledger.h - what was used, by whom, and what it cost.
 *
 * Room ledger
 *   Does      takes batches; recomputes and compares (check.h), makes totals again
 *             (rebuild.h), brings an older database up (bring_up.h)
 *   Owns      the one transaction that writes; the table lookup
 *   Promises  a record is counted once; totals equal rows at every commit; what must move
 *             with a record moves in that transaction (write.h)
 *   Never     reads HTTP or what a browser sends
 *
 * Promise   A record is counted once, however often, late or out of order it
 *           is sent.  Journal, rows, totals, users, plans of look-ups and the
 *           note of the batch are one transaction; the reply is made after it
 *           is committed.
 * Failure   OM_STORE, OM_UNAVAILABLE: not known to be stored, send it again.
 *           A record that can never be stored becomes a dead letter and does
 *           not hold up the others.
 * Owner     The ledger borrows the pool.
 * Threads   All calls from any thread.
 */
#ifndef CD_LEDGER_H
#define CD_LEDGER_H

#include "lookup.h"
#include "database/pool.h"
#include "store/dead.h"
#include "record.pb-c.h"
#include "usage.pb-c.h"
#include "wire/codec.h"

/* Called after a commit that planned look-ups, with the earliest of them. */
typedef void cd_ledger_planned_fn(void *arg, om_time next);

struct cd_ledger {
	struct cd_pool *pool; /* borrowed */
	struct cd_lookup_times times;
	bool books;                    /* takes looked-up costs too: an import of the provider's books */
	cd_ledger_planned_fn *planned; /* NULL: no task waits for it */
	void *planned_arg;
};

/* cd_ledger_submit stores a gateway's batch. */
om_status cd_ledger_submit(struct cd_ledger *l, const Om__SubmitBatch *b, int64_t deadline_ms, struct om_arena *a,
    Om__SubmitReply *out, om_err *e) OM_MUST;

/* cd_ledger_settle stores costd's own record of a look-up. */
om_status cd_ledger_settle(
    struct cd_ledger *l, Om__Record *r, int64_t deadline_ms, struct om_arena *a, om_err *e) OM_MUST;

/* cd_ledger_unpair stores that an operator said: the row is part of no other, or no
 * other is part of it.  OM_NOT_FOUND: no such row; OM_CONFLICT: it is not paired. */
om_status cd_ledger_unpair(struct cd_ledger *l, const Om__UnpairQuery *q, int64_t deadline_ms, struct om_arena *a,
    Om__UnpairReply *out, om_err *e) OM_MUST;

/* cd_ledger_decide stores what an operator decided about a row: it counts more than all but the provider's
 * bill, and a later decision counts more than this.  OM_NOT_FOUND: no such row; OM_CONFLICT: it is part
 * of another one; OM_INVALID: it says nothing, or nothing that can be. */
om_status cd_ledger_decide(struct cd_ledger *l, const Om__DecisionQuery *q, int64_t deadline_ms, struct om_arena *a,
    Om__DecisionReply *out, om_err *e) OM_MUST;

/* cd_ledger_not_found stores that the provider did not know the id when the schedule ended. */
om_status cd_ledger_not_found(
    struct cd_ledger *l, const char *id, int64_t deadline_ms, struct om_arena *a, om_err *e) OM_MUST;

/* What became of a dead letter. */
typedef enum cd_retried { CD_RETRIED_GONE, CD_RETRIED_STORED, CD_RETRIED_DUPLICATE, CD_RETRIED_REFUSED } cd_retried;

/* cd_ledger_retry stores a dead letter's record, or notes why it is refused
 * again; nothing changes when there is no such letter. */
om_status cd_ledger_retry(
    struct cd_ledger *l, const struct cd_letter_key *key, int64_t deadline_ms, cd_retried *out, om_err *e) OM_MUST;

#endif
