/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * requests.h - rows as CSV, for programs: always the same columns, in no language,
 * exact.  README.md lists them.
 *
 * Does      Writes requests, also in the columns of FOCUS, and totals into a task's
 *           file, as they come.
 * Owns      Nothing.
 * Promises  Columns keep their places; new ones come at the end.  No cell is a formula.
 * Never     Holds all rows in memory; rounds.
 * Threads   One file, one thread; several at once.
 */
#ifndef RD_REQUESTS_H
#define RD_REQUESTS_H

#include "job/task.h"
#include "source/rows.h"
#include "record.pb-c.h"
#include "usage.pb-c.h"

/* What the FOCUS columns need besides the row. */
struct rd_focus {
	om_time from, to; /* the billing period */
};

om_status rd_write_requests_csv(struct rd_rows *rows, struct rd_task *t, om_err *e) OM_MUST;
om_status rd_write_focus_csv(struct rd_rows *rows, const struct rd_focus *f, struct rd_task *t, om_err *e) OM_MUST;
om_status rd_write_usage_csv(const Om__UsageReply *u, struct rd_task *t, om_err *e) OM_MUST;

const char *rd_state_name(Om__State s);
const char *rd_cost_state_name(Om__CostState s);
/* rd_unsettled_name: "true" while its cost is not final; empty when the row does not say. */
const char *rd_unsettled_name(const Om__Generation *g);

#endif
