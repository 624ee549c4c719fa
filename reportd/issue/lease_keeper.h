/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * lease_keeper.h - keeps a lease of costd's while the work for it goes on, by a duty
 * that runs from start to stop.
 *
 * Owner     The keeper is the caller's, who leaves it alone between start and stop.
 * Failure   A lease that cannot be kept is logged; costd gives it out again, and refuses
 *           the work at its end.
 */
#ifndef RD_LEASE_KEEPER_H
#define RD_LEASE_KEEPER_H

#include "base/log.h"
#include "base/status.h"
#include "run/duty.h"

#include <stdint.h>

typedef om_status rd_lease_keep_fn(void *arg, om_err *e);

struct rd_lease_keeper {
	struct om_duties *duties;    /* borrowed */
	struct om_duty_entry *entry; /* owned */
	rd_lease_keep_fn *keep;
	void *arg;
	char request_id[OM_REQUEST_ID]; /* of the thread that started it */
};

/* rd_lease_keeper_start has keep called every so often, the first time after as long. */
om_status rd_lease_keeper_start(struct rd_lease_keeper *k, struct om_duties *duties, int64_t every_ms,
    rd_lease_keep_fn *keep, void *arg, om_err *e) OM_MUST;
/* rd_lease_keeper_stop waits for a call under way. */
void rd_lease_keeper_stop(struct rd_lease_keeper *k);

#endif
