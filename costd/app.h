/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * app.h - costd put together.
 *
 * Threads   WORKER wire workers (serve.c), LOOKUP_CONCURRENCY settlement
 *           workers (resolve.c), one keeper that brings the database up and,
 *           at the end, cuts what hangs.
 */
#ifndef CD_APP_H
#define CD_APP_H

#include "run/service.h"

extern const struct om_service cd_service;

#endif
