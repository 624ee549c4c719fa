/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * sweep.h - estimates for the rows that had none, as after a price became known.
 *
 * Promise   Rows and totals move together, a page in a transaction; rows that another
 *           transaction gave a cost meanwhile are left alone.
 * Failure   As pool.h; the pages before a failure stand.
 * Threads   Any.
 */
#ifndef CD_SWEEP_H
#define CD_SWEEP_H

#include "database/pool.h"
#include "base/clock.h"

/* cd_sweep_estimates estimates the rows without any cost that began at `from` or
 * later; *n_out counts those that got one. */
om_status cd_sweep_estimates(struct cd_pool *p, om_time from, int64_t deadline_ms, int64_t *n_out, om_err *e) OM_MUST;

#endif
