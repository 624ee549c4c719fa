/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * app.h - costd put together.
 *
 * Threads   WORKER wire workers (serve.c), LOOKUP_CONCURRENCY settlement
 *           workers (resolve.c), one duty that brings the database up, and at
 *           the stop one thread that cuts off statements that hang (pool.h).
 */
#ifndef CD_APP_H
#define CD_APP_H

#include "run/service.h"

extern const struct om_service cd_service;

#endif
