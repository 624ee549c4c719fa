/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * spool.h - accepted records, durable until costd has them.
 *
 * Does      Takes batches of packed records, keeps them, and gives the oldest to the
 *           forwarder (forward.h) until costd has acknowledged them.
 * Owns      The folder of the spool and the file in it, which other rooms may have tables
 *           in (gw_spool_run).
 * Never     Looks into a record.
 * Promises  A call that returns OM_OK is on disk.  All calls waiting at one moment
 *           share one transaction (group commit).
 * Threads   One thread owns the store; calls from any thread queue up for it.
 * Failure   OM_FULL: over the limit or the disk is full; it goes on by itself when
 *           there is room.  OM_UNAVAILABLE: not decided in time, or stopping.
 *           OM_IO: the disk failed; nothing is accepted any more and the
 *           service gives up, to start again from what is really there.
 *           After any failure but OM_FULL the records may be stored all the same.
 */
#ifndef GW_SPOOL_H
#define GW_SPOOL_H

#include "batch.h"
#include "sqlite.h"
#include "store.h"

#include <stdbool.h>

struct gw_spool;

typedef enum gw_spool_state { GW_SPOOL_OK, GW_SPOOL_FULL, GW_SPOOL_FAILED } gw_spool_state;

struct gw_spool_opts {
	const char *dir;
	int64_t limit_bytes;                 /* of pending records */
	void (*on_failure)(const char *why); /* the disk failed; NULL: om_service_give_up */
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

/* Work of others on tables of their own in the spool's file, done by its thread. */
#define GW_SPOOL_ARG 128
typedef om_status gw_spool_work(struct gw_sqlite *db, void *arg, om_err *e);

/* gw_spool_append_with does the work in the transaction that stores the batch: both are
 * on disk, or neither.  The work gets a copy of the n bytes at arg, GW_SPOOL_ARG at most. */
om_status gw_spool_append_with(struct gw_spool *s, struct gw_batch **b, om_time received_us, gw_spool_work *work,
    const void *arg, size_t n, om_err *e) OM_MUST;

/* gw_spool_forget deletes what costd has, see store.h. */
om_status gw_spool_forget(struct gw_spool *s, uint64_t first, uint64_t last, uint32_t new_records, uint32_t duplicates,
    uint32_t refused, om_err *e) OM_MUST;

/* gw_spool_run has the work done within a transaction of the spool; when it returns
 * OM_OK that is committed.  The work gets a copy of the n bytes at arg, GW_SPOOL_ARG at
 * most: a caller that waited too long has returned by then.  Work that cannot be done
 * together with the others of its transaction is done again, alone. */
om_status gw_spool_run(struct gw_spool *s, gw_spool_work *work, const void *arg, size_t n, om_err *e) OM_MUST;

/* gw_spool_look has the work done after what was committed, to read; the work gets arg
 * itself, and the caller waits to the end. */
om_status gw_spool_look(struct gw_spool *s, gw_spool_work *work, void *arg, om_err *e) OM_MUST;

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
