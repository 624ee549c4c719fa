/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * rows.h - single requests, one after the other, however many there are.
 *
 * Three sources: rows that are here already; a reading, which is a snapshot
 * that one costd process keeps open; and a search, page by page.
 *
 * Promise   Constant memory: a page at a time.  Where a total was given, the
 *           rows of a reading are proven to add up to it, or the last call fails.
 * Threads   One source, one thread.
 */
#ifndef RD_ROWS_H
#define RD_ROWS_H

#include "figures.h"
#include "progress.h"
#include "reading.h"
#include "statement.pb-c.h"
#include "usage.pb-c.h"
#include "wire/codec.h"
#include "wire/wire.h"

struct rd_rows {
	/* rows that are here: borrowed */
	Om__Generation **given;
	size_t n_given;

	struct rd_reading reading; /* n 0: it is none; the caller that opened it ends it */

	struct om_wire_client *costd; /* of a search: whom to ask, borrowed */
	Om__GenerationsQuery *search; /* borrowed; its cursor is set here */
	uint64_t most;                /* rows of the search; 0: all */

	const struct rd_figures *total; /* NULL: nothing to prove */
	struct rd_progress progress;

	struct om_arena arena; /* of the page */
	Om__Generation **page;
	size_t n_page, at;
	uint64_t pages, count;
	char *cursor;         /* owned */
	char timezone[64];    /* of a search */
	const Om__Zone *zone; /* likewise; lives as long as the page */
	bool last;            /* there is no further page */
	bool lost;            /* the reading is gone: all may begin again, once */
	struct rd_figures sum;
	bool unsettled_unknown; /* a row does not say whether its cost is final */
};

void rd_rows_of_reply(struct rd_rows *r, const Om__StatementReply *reply);
void rd_rows_of_reading(struct rd_rows *r, const struct rd_reading *of);
void rd_rows_of_search(struct rd_rows *r, struct om_wire_client *costd, Om__GenerationsQuery *q);
/* rd_rows_end gives everything back. */
void rd_rows_end(struct rd_rows *r);

/* rd_rows_peek has the first page fetched. */
om_status rd_rows_peek(struct rd_rows *r, om_err *e) OM_MUST;

/* rd_rows_next gives the next row, which lives until the following call; NULL
 * after the last. */
om_status rd_rows_next(struct rd_rows *r, const Om__Generation **out, om_err *e) OM_MUST;

#endif
