/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * zone.h - the reporting zone, for the services that print local times.
 *
 * Threads   Any, once the zone is open.
 */
#ifndef CD_ZONE_H
#define CD_ZONE_H

#include "usage.pb-c.h"
#include "wire/codec.h"

/* cd_zone_reply gives the reporting zone from 1970 to two years from now, or a
 * little further, in the arena; NULL, and a->failed: out of memory. */
Om__Zone *cd_zone_reply(struct om_arena *a);

#endif
