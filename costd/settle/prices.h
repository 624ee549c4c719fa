/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * prices.h - the thread that keeps the price history: fetches the list on a
 * schedule that all processes share, stores what changed, and estimates the
 * rows that waited for a price.
 *
 * Owner     Borrows the pool.
 */
#ifndef CD_PRICES_H
#define CD_PRICES_H

#include "database/pool.h"
#include "vendor/http.h"
#include "base/clock.h"

struct cd_prices;

om_status cd_prices_new(struct cd_pool *p, const struct cd_provider_opts *o, om_time interval_us,
    struct cd_prices **out, om_err *e) OM_MUST;
/* cd_prices_stop ends a fetch under way; cd_prices_free waits for the thread. */
void cd_prices_stop(struct cd_prices *k);
void cd_prices_free(struct cd_prices **k);

#endif
