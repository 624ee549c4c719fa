/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * reading.h - snapshots that stay open, so that all rows of a statement can be
 * read page by page as the ledger was when the statement was made, and other
 * statements of the same moment.
 *
 * Promise   Tables and rows of one reading add up exactly: when its last page
 *           does not bring the rows to the statement's total, that is an error.
 * Bounds    At most CD_READINGS at once, each with a connection of the pool's.
 *           One that is not asked for a minute, and any after half an hour, is
 *           ended: the database keeps old rows for as long as one is open.  One
 *           that is held for several statements stays for up to four hours, and
 *           is not over when the rows of one statement are.
 * Failure   A statement that fails because of what was asked leaves the reading
 *           as it was; one that fails in the database ends it.
 * Threads   All calls from any thread.  Two calls for one reading wait for each
 *           other.
 */
#ifndef CD_READING_H
#define CD_READING_H

#include "database/pool.h"
#include "value/period.h"
#include "statement.pb-c.h"
#include "wire/codec.h"

#define CD_READINGS   4u
#define CD_READING_ID 16

struct cd_readings;

/* What the rows are of, and what they must amount to. */
struct cd_reading_of {
	struct cd_period month;
	const char *user, *group; /* NULL: everyone's */
	om_money cost;
	uint64_t rows;
};

om_status cd_readings_new(struct cd_pool *p, struct cd_readings **out, om_err *e) OM_MUST;
/* cd_readings_free ends all of them; before the pool is freed. */
void cd_readings_free(struct cd_readings **r);

/* cd_readings_open runs fn in a snapshot and keeps it open; hold: several
 * statements follow.  `of` is read after fn and copied. */
om_status cd_readings_open(struct cd_readings *r, bool hold, int64_t deadline_ms, cd_work_fn *fn, void *arg,
    const struct cd_reading_of *of, unsigned char id_out[CD_READING_ID], om_err *e) OM_MUST;

/* cd_readings_again runs fn in the snapshot of an open reading; its rows are
 * those of `of` from now on, from page 0.  OM_NOT_FOUND: it is over, or fn says so. */
om_status cd_readings_again(struct cd_readings *r, const ProtobufCBinaryData *id, int64_t deadline_ms, cd_work_fn *fn,
    void *arg, const struct cd_reading_of *of, om_err *e) OM_MUST;

om_status cd_readings_rows(struct cd_readings *r, const Om__RowsQuery *q, int64_t deadline_ms, struct om_arena *a,
    Om__RowsReply *out, om_err *e) OM_MUST;

/* cd_readings_sweep ends those that are over at the instant now_ms (om_mono_ms). */
void cd_readings_sweep(struct cd_readings *r, int64_t now_ms);

#endif
