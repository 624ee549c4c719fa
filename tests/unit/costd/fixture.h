/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * fixture.h - a ledger on a database of the test's own.  Links the room ledger and what
 * it uses.
 */
#ifndef CD_FIXTURE_H
#define CD_FIXTURE_H

#include "database_fixture.h"
#include "record_fixture.h"

#include "ledger/bring_up.h"
#include "ledger/ledger.h"
#include "price/history.h"
#include "record.pb-c.h"

/* How tests bring a database up: with all that takes long. */
extern const struct cd_bring_up fx_at_once;

/* fx_open is fx_open_database, and a database that is ready for a ledger. */
void fx_open(struct fx *f);

/* fx_submit sends the records as one batch; first is the first sequence number. */
om_status fx_submit(struct fx *f, Om__Record *const *r, size_t n, uint64_t first, Om__SubmitReply *out);

/* fx_store_prices puts OpenRouter's list of models into the history as fetched then. */
struct cd_price_change fx_store_prices(struct fx *f, const char *json, om_time fetched);

/* fx_no_differences: costd's own check finds nothing wrong with rows and totals. */
void fx_no_differences(struct fx *f);

#endif
