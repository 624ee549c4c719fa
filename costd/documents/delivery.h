/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * delivery.h - the schedule: which closed month's files are due, who writes
 * them, and the webhook that tells of it.
 *
 * Months    The first one is the last month that was closed when somebody first
 *           asked; then every later one.  A month without usage is left out.
 * Due       When it is over and all its requests are settled, an hour after its
 *           end at the earliest; or after the grace period, settled or not.
 * Held      A month that is due is held back while it is charged at a rate that is
 *           dated outside of it and that nobody confirmed.  Other months are not.
 * Promise   A month is written once, by one process at a time: who does not keep
 *           its lease loses it, and a failure is tried again later with the same
 *           id.  The webhook is called until it answers 2xx, with the same body
 *           each time, for three days.
 * Threads   All calls from any thread, and from any number of processes.
 */
#ifndef CD_DELIVERY_H
#define CD_DELIVERY_H

#include "database/pool.h"
#include "documents.pb-c.h"
#include "base/clock.h"
#include "wire/codec.h"

#define CD_DELIVERY_KEEP_MS 60000
#define CD_DELIVERY_ID      33

struct cd_schedule {
	struct cd_pool *pool; /* borrowed */
	int64_t grace_us;
	bool webhook; /* there is one to call */

	/* called after a month was written and its webhook is due; NULL */
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

/* ---- the webhook's side ---- */

struct cd_hook_claim {
	bool found;
	char id[CD_DELIVERY_ID];
	char month[16]; /* its first day */
	char *body;     /* in the arena */
	int64_t attempts;
	om_time first_us;
};

struct cd_hook_result {
	int status;      /* HTTP; 0: no answer */
	bool taken;      /* 2xx */
	const char *why; /* otherwise */
};

/* cd_hook_take claims the next call that is due, for a minute. */
om_status cd_hook_take(struct cd_pool *p, om_time now, int64_t deadline_ms, struct cd_hook_claim *out,
    struct om_arena *a, om_err *e) OM_MUST;

/* cd_hook_note keeps how it went and when it is called again; *given_up_out:
 * never. */
om_status cd_hook_note(struct cd_pool *p, const struct cd_hook_claim *c, const struct cd_hook_result *r, om_time now,
    int64_t deadline_ms, bool *given_up_out, om_err *e) OM_MUST;

#endif
