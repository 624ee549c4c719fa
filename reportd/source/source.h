/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * source.h - where a document's figures come from: the ledger as it is, an open
 * snapshot of it, or what an issued document kept; and where its single requests
 * are read.
 *
 * Does      Asks costd for figures and rows, and proves that they add up.
 * Owns      A reading that was opened here.
 * Promises  All parts of a document are of one moment.  Memory does not grow with the
 *           rows.  Rows of a reading equal its total, or there is an error.
 * Never     Lays anything out; uses a file or a job (progress.h is all it calls).
 * Failure   OM_CONFLICT: a workbook of kept figures is asked for, and the ledger has
 *           other rows now.  OM_UNAVAILABLE: costd does not answer or has no room.
 * Owner     The reply lives in the caller's arena.  rd_source_close after any
 *           outcome; it ends a reading that was opened here.
 * Threads   One source, one thread.
 */
#ifndef RD_SOURCE_H
#define RD_SOURCE_H

#include "asked.h"
#include "month.h"
#include "progress.h"
#include "reading.h"
#include "jobs.pb-c.h"
#include "statement.pb-c.h"
#include "usage.pb-c.h"
#include "wire/fleet.h"

struct rd_source {
	struct om_fleet *costd; /* borrowed */
	struct rd_progress progress;
	Om__StatementReply *reply;
	const Om__Zone *zone;
	struct rd_reading reading; /* n 0: none is open */
	bool borrowed;             /* the caller that gave the reading ends it */
	bool kept;                 /* the reply is what an issued document kept */
};

/* rd_source_open asks for what the format shows.  Rows that fit neither into a
 * reading nor into one message are left out of a workbook. */
om_status rd_source_open(struct rd_source *src, const struct rd_asked *asked, const struct rd_month *m,
    struct om_arena *a, om_err *e) OM_MUST;
void rd_source_close(struct rd_source *src);

/* rd_source_rows finds where the single requests come from. */
om_status rd_source_rows(struct rd_source *src, Om__Format format, struct rd_rows *out, om_err *e) OM_MUST;

/* rd_source_other gives another statement of the same snapshot, without rows. */
om_status rd_source_other(
    struct rd_source *src, const struct rd_month *m, struct om_arena *a, Om__StatementReply **out, om_err *e) OM_MUST;

/* rd_shows_rows tells whether a file of that format holds single requests. */
bool rd_shows_rows(Om__Format format);

/* rd_source_stats registers the time that costd takes. */
void rd_source_stats(void);

#endif
