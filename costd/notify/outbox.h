/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * outbox.h - what another system is told of: what is to be sent, how far it is, and
 * when it is tried next.
 *
 * Room notify
 *   Does      tells the outside what was committed: what is to be sent (here), and
 *             sending it (webhook.h)
 *   Owns      the table outbox
 *   Promises  at least once, with the same body and id each time
 *   Never     decides what is worth telling
 *
 * Promise   A message is added in the transaction of what it tells of, so that it is
 *           sent if and only if that was committed.  It is tried until it is taken,
 *           with the same id and body each time, for three days.
 * Never     Decides what is worth telling; reads a body.
 * Failure   As db.h.
 * Threads   All calls from any thread, and from any number of processes: a message is
 *           tried under a lease.
 */
#ifndef CD_OUTBOX_H
#define CD_OUTBOX_H

#include "database/lease.h"
#include "database/pool.h"
#include "base/arena.h"

#define CD_OUTBOX_ID 33 /* 32 characters and a zero */

struct cd_message {
	const char *id;      /* never used before */
	const char *event;   /* "month.delivered" */
	const char *subject; /* which of them, for the log: "2026-10" */
	const char *body;    /* JSON */
};

/* cd_outbox_add, in the caller's transaction, makes it due at once. */
om_status cd_outbox_add(struct cd_db *db, const struct cd_message *m, om_time now, om_err *e) OM_MUST;

/* A message that is being sent; texts in the arena. */
struct cd_sending {
	bool found;
	struct cd_message message;
	struct cd_lease lease;
	int64_t attempts;
	om_time first_us;
};

struct cd_sent {
	int status;      /* HTTP; 0: no answer */
	bool taken;      /* 2xx */
	const char *why; /* otherwise */
};

/* cd_outbox_take claims what has been due for longest, for a minute. */
om_status cd_outbox_take(
    struct cd_pool *p, om_time now, int64_t deadline_ms, struct cd_sending *out, struct om_arena *a, om_err *e) OM_MUST;

/* cd_outbox_note keeps how it went and when it is tried again; *given_up_out: never.
 * OM_CONFLICT: it took too long, and another process sends it now. */
om_status cd_outbox_note(struct cd_pool *p, const struct cd_sending *of, const struct cd_sent *r, om_time now,
    int64_t deadline_ms, bool *given_up_out, om_err *e) OM_MUST;

#endif
