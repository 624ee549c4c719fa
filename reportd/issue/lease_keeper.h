/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * lease_keeper.h - tells somebody at intervals that work goes on, from a thread of
 * its own.
 *
 * Owner     The keeper is the caller's, still between start and stop.
 */
#ifndef RD_KEEPER_H
#define RD_KEEPER_H

#include "base/log.h"
#include "base/status.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

typedef om_status rd_tell_fn(void *arg, om_err *e);

struct rd_keeper {
	rd_tell_fn *tell;
	void *arg;
	int64_t every_ms;
	char request_id[OM_REQUEST_ID]; /* of the thread that started it */

	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t wake;
	bool stop; /* lock */
};

om_status rd_keeper_start(struct rd_keeper *k, int64_t every_ms, rd_tell_fn *tell, void *arg, om_err *e) OM_MUST;
void rd_keeper_stop(struct rd_keeper *k);

#endif
