/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * app.h - reportd as a service: what main runs.
 *
 * Threads   WORKER threads that each make one file at a time; those of the wire, most
 *           of which wait for files; one that issues, one for the delivery, one that
 *           tells costd the terms.  Fonts are read once at the start and shared.
 */
#ifndef RD_APP_H
#define RD_APP_H

#include "run/service.h"

extern const struct om_service rd_app;

#endif
