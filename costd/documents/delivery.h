/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * delivery.h - which closed month's files are due, and who writes them.
 *
 * Months    The first one is the last month that was closed when a reportd first asked;
 *           then every later one.  A month without usage is left out.
 * Due       When it is over and all its requests are settled, an hour after its
 *           end at the earliest; or after the grace period, settled or not.
 * Held      A month that is due is held back while it is charged at a rate that is
 *           dated outside of it and that no person confirmed.  Other months are not.
 * Promise   A month is written once, by one process at a time: a process that does not
 *           keep its lease (database/lease.h) loses it, and a failure is tried again
 *           later with the same id.  Where there is a webhook, that the month was
 *           written and what it is told stand in the outbox by the same commit.
 * Threads   All calls from any thread, and from any number of processes.
 */
#ifndef CD_DELIVERY_H
#define CD_DELIVERY_H

#include "database/pool.h"
#include "documents.pb-c.h"
#include "base/clock.h"
#include "wire/codec.h"

#define CD_DELIVERY_KEEP_MS 60000

struct cd_schedule {
	struct cd_pool *pool; /* borrowed */
	int64_t grace_us;
	bool webhook; /* there is one to call */

	/* called after a month was written and a message of it is due; NULL */
	void (*written)(void *arg);
	void *written_arg;
};

/* One message each; now is the wall clock, for tests.  OM_CONFLICT of the last three: the
 * month was not kept in time, and is another's. */
om_status cd_delivery_take(struct cd_schedule *sc, om_time now, int64_t deadline_ms, struct om_arena *a,
    Om__DeliveryTakeReply *out, om_err *e) OM_MUST;
om_status cd_delivery_keep(struct cd_schedule *sc, const Om__DeliveryKeep *q, om_time now, int64_t deadline_ms,
    struct om_arena *a, om_err *e) OM_MUST;
om_status cd_delivery_fail(struct cd_schedule *sc, const Om__DeliveryFail *q, om_time now, int64_t deadline_ms,
    struct om_arena *a, om_err *e) OM_MUST;
om_status cd_delivery_done(struct cd_schedule *sc, const Om__DeliveryDone *q, om_time now, int64_t deadline_ms,
    struct om_arena *a, om_err *e) OM_MUST;

/* cd_delivery_count_held gives the number of closed months that are held back. */
om_status cd_delivery_count_held(struct cd_db *db, int64_t *out, om_err *e) OM_MUST;

#endif
