/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * spool.h - accepted records, durable until costd has them.
 *
 * Promise   A call that returns OM_OK is on disk.  All calls waiting at one moment
 *           share one transaction (group commit).
 * Owner     One thread owns the store; calls from any thread queue up for it.
 * Failure   OM_FULL: over the limit or the disk is full; it goes on by itself when
 *           there is room.  OM_UNAVAILABLE: not decided in time, or stopping.
 *           OM_IO: the disk failed; nothing is accepted any more and the
 *           service gives up, to start again from what is really there.
 *           After any failure but OM_FULL the records may be stored all the same.
 */
#ifndef GW_SPOOL_H
#define GW_SPOOL_H

#include "batch.h"
#include "store.h"

#include <stdbool.h>

struct gw_spool;

typedef enum gw_spool_state { GW_SPOOL_OK, GW_SPOOL_FULL, GW_SPOOL_FAILED } gw_spool_state;

struct gw_spool_opts {
	const char *dir;
	int64_t limit_bytes;                 /* of pending records */
	void (*on_failure)(const char *why); /* the disk failed; NULL: om_service_give_up */
	/* called at open for each session that gw_spool_end_session kept; NULL */
	void (*each_ended)(void *arg, const char *id, om_time expires_at);
	void *arg;
};

om_status gw_spool_open(const struct gw_spool_opts *o, struct gw_spool **out, om_err *e) OM_MUST;

/* gw_spool_close finishes what is queued.  No call may begin afterwards. */
void gw_spool_close(struct gw_spool **s);

/* gw_spool_watch names what is called, quickly, after new records are durable;
 * NULL for nothing. */
void gw_spool_watch(struct gw_spool *s, void (*on_records)(void *arg), void *arg);

/* gw_spool_show names what is called, quickly, with each batch that became durable,
 * before its sender is answered; NULL for nothing. */
void gw_spool_show(
    struct gw_spool *s, void (*on_batch)(void *arg, const struct gw_batch *b, om_time received_us), void *arg);

const unsigned char *gw_spool_id(const struct gw_spool *s);

/* gw_spool_append takes the batch, whatever comes of it, and nulls *b. */
om_status gw_spool_append(struct gw_spool *s, struct gw_batch **b, om_time received_us, om_err *e) OM_MUST;

/* gw_spool_forget deletes what costd has, see store.h. */
om_status gw_spool_forget(struct gw_spool *s, uint64_t first, uint64_t last, uint32_t new_records, uint32_t duplicates,
    uint32_t refused, om_err *e) OM_MUST;

om_status gw_spool_end_session(struct gw_spool *s, const char *id, om_time expires_at, om_err *e) OM_MUST;

/* gw_spool_refuse keeps a line of what could not be taken; when it returns OM_OK the
 * line is on disk, as records are. */
om_status gw_spool_refuse(struct gw_spool *s, const struct gw_refusal *r, om_err *e) OM_MUST;

/* gw_spool_refusals gives these lines, newest first, in the arena. */
om_status gw_spool_refusals(
    struct gw_spool *s, struct om_arena *a, struct gw_refusal **out, size_t *n_out, om_err *e) OM_MUST;

/* gw_spool_read gives the oldest records; the rows live in the arena. */
om_status gw_spool_read(struct gw_spool *s, size_t max_rows, size_t max_bytes, struct om_arena *a,
    struct gw_row **rows_out, size_t *n_out, om_err *e) OM_MUST;

gw_spool_state gw_spool_status(struct gw_spool *s, struct gw_store_totals *out);

/* gw_spool_commits counts transactions, for tests and metrics. */
int64_t gw_spool_commits(struct gw_spool *s);

#endif
