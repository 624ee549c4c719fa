/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * search_table.h - the answer to a search as a table: requests, or totals.
 *
 * Owner     The table lives in the arena and borrows from language, rows and reply.
 * Failure   OM_PROTOCOL when the reply is not one; OM_NOMEM.
 * Threads   Pure.
 */
#ifndef RD_SEARCH_TABLE_H
#define RD_SEARCH_TABLE_H

#include "doc.h"
#include "source/rows.h"
#include "usage.pb-c.h"

/* rd_search_table_of_requests makes a table of requests that come one after the other, as
 * many as there are. */
om_status rd_search_table_of_requests(
    const struct rd_locale *l, struct rd_rows *rows, struct om_arena *a, struct rd_table *out, om_err *e) OM_MUST;

/* rd_search_table_of_usage makes a table of totals that were asked for. */
om_status rd_search_table_of_usage(
    const struct rd_locale *l, const Om__UsageReply *u, struct om_arena *a, struct rd_table *out, om_err *e) OM_MUST;

#endif
