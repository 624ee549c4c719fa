/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * senders.h - what the plugins say of themselves, the last of each.
 *
 * Room senders
 *   Does      keeps what each plugin last said of itself
 *   Owns      the table sender
 *   Promises  bounded in number and age
 *   Never     touches the ledger
 *
 * Bounds    At most CD_SENDERS_MAX: of more, those that sent nothing for longest are
 *           deleted.  So is a sender that sent nothing for 90 days.
 */
#ifndef CD_SENDERS_H
#define CD_SENDERS_H

#include "database/pool.h"
#include "senders.pb-c.h"
#include "base/clock.h"
#include "wire/codec.h"

#define CD_SENDERS_MAX 1000

/* cd_senders_hear keeps what a sender says; OM_INVALID where it does not fit. */
om_status cd_senders_hear(
    struct cd_pool *p, const Om__HeartbeatQuery *q, om_time now, int64_t deadline_ms, om_err *e) OM_MUST;

/* cd_senders_list gives all of them, the last heard first. */
om_status cd_senders_list(
    struct cd_pool *p, om_time now, int64_t deadline_ms, struct om_arena *a, Om__SendersReply *out, om_err *e) OM_MUST;

/* How many there are by state. */
struct cd_sender_counts {
	int64_t on, off, does_not_fit, silent;
};
om_status cd_senders_count(struct cd_db *db, om_time now, struct cd_sender_counts *out, om_err *e) OM_MUST;

#endif
