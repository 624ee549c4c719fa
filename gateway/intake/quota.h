/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * quota.h - how many records and bytes each key may send in a minute and in a day.
 *
 * Owns      The table quota in the spool's file: what each key sent on its last day (UTC).
 * Promise   A body is taken while what the key sent before it is below every limit, so that
 *           a body of any size gets through at some time, and the limit is passed by one
 *           body at most.  The day's count is on disk with the records that it counts;
 *           the minute's is in memory.
 * Failure   OM_THROTTLED: *wait_s_out says when the minute or the day ends.  Nothing was
 *           taken; the sender is to keep its records.
 * Threads   All calls from any thread.
 */
#ifndef GW_QUOTA_H
#define GW_QUOTA_H

#include "base/clock.h"
#include "base/status.h"

#include <stddef.h>
#include <stdint.h>

struct gw_batch;
struct gw_quota;
struct gw_spool;

/* Each 0 for no limit. */
struct gw_quota_limits {
	int64_t records_minute, records_day;
	int64_t bytes_minute, bytes_day; /* of bodies, as they were sent */
};

#define GW_QUOTA_KEYS     64 /* keys that are counted apart; all further ones share one count */
#define GW_QUOTA_KEY_NAME 32 /* bytes of a key's name, with the zero */

/* gw_quota_open reads what was counted before; the spool is borrowed. */
om_status gw_quota_open(
    struct gw_spool *spool, const struct gw_quota_limits *l, struct gw_quota **out, om_err *e) OM_MUST;
void gw_quota_close(struct gw_quota **q);

/* gw_quota_begin counts the bytes of a body of the key of that name, before it is read. */
om_status gw_quota_begin(
    struct gw_quota *q, const char *key, size_t n_bytes, om_time now, int64_t *wait_s_out, om_err *e) OM_MUST;

/* gw_quota_append gives the batch to the spool (gw_spool_append) and counts its records;
 * it takes the batch, whatever comes of it, and nulls *b. */
om_status gw_quota_append(
    struct gw_quota *q, const char *key, struct gw_batch **b, om_time now, int64_t *wait_s_out, om_err *e) OM_MUST;

#endif
