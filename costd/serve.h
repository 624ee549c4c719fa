/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * serve.h - one request of the wire, one call into costd.
 */
#ifndef CD_SERVE_H
#define CD_SERVE_H

#include "documents/delivery.h"
#include "ledger/ledger.h"
#include "read/reading.h"
#include "settle/resolve.h"
#include "vendor/market.h"
#include "base/service.h"
#include "wire/wire.h"

/* What a handler works with; all borrowed. */
struct cd_parts {
	const struct om_service *self; /* whose settings are told */
	struct cd_pool *pool;
	struct cd_ledger *ledger;
	struct cd_market *market;
	struct cd_resolver *resolver; /* NULL: nothing is looked up */
	const void *conf;             /* struct cd_settings */
	struct cd_readings *readings;
	struct cd_schedule *schedule;
	bool have_key; /* costs can be looked up */
};

/* cd_serve is the wire's handler; arg is a struct cd_parts. */
om_wire_handler cd_serve;

#endif
