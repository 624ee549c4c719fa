/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * health.h - the state of spool, costd and database, as two calls write it.
 */
#ifndef GW_HEALTH_H
#define GW_HEALTH_H

#include "system.h"
#include "spool/spool.h"
#include "base/json.h"

/* gw_health_write writes the states and what they amount to into the open object, and
 * gives that of the spool, without which no record is accepted. */
gw_spool_state gw_health_write(const struct gw_parts *parts, struct om_jw *w);

#endif
