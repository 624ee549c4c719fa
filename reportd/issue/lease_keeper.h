/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * lease_keeper.h - keeps a lease of costd's while the work for it goes on, from a
 * thread of its own.
 *
 * Owner     The keeper is the caller's, who leaves it alone between start and stop.
 * Failure   A lease that cannot be kept is logged; costd gives it out again, and refuses
 *           the work at its end.
 */
#ifndef RD_LEASE_KEEPER_H
#define RD_LEASE_KEEPER_H

#include "base/log.h"
#include "base/status.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

typedef om_status rd_lease_keep_fn(void *arg, om_err *e);

struct rd_lease_keeper {
	rd_lease_keep_fn *keep;
	void *arg;
	int64_t every_ms;
	char request_id[OM_REQUEST_ID]; /* of the thread that started it */

	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t wake;
	bool stop; /* lock */
};

om_status rd_lease_keeper_start(
    struct rd_lease_keeper *k, int64_t every_ms, rd_lease_keep_fn *keep, void *arg, om_err *e) OM_MUST;
void rd_lease_keeper_stop(struct rd_lease_keeper *k);

#endif
