/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * prices.h - keeps the price history: fetches the list on a schedule that all
 * processes share, stores what changed, and estimates the rows that waited for a
 * price.
 *
 * Promise   One process fetches at a time (the task "prices" of database/lease.h).
 * Owner     Borrows the pool and the flag.
 * Threads   cd_prices_turn is a duty's, with one worker.
 */
#ifndef CD_PRICES_H
#define CD_PRICES_H

#include "database/pool.h"
#include "vendor/http.h"
#include "base/clock.h"
#include "run/duty.h"

struct cd_prices;

/* cd_prices_new: a fetch under way ends soon after *stop becomes true. */
om_status cd_prices_new(struct cd_pool *p, const struct cd_provider_opts *o, om_time interval_us,
    const atomic_bool *stop, struct cd_prices **out, om_err *e) OM_MUST;
void cd_prices_free(struct cd_prices **k);

/* cd_prices_turn fetches the list if that is due, and says when it is. */
om_status cd_prices_turn(void *arg, struct om_duty_turn *t, om_err *e) OM_MUST;

#endif
