/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * zones.h - a time zone on the wire.
 *
 * Failure   OM_PROTOCOL when a message is none: no name, no or one offset too
 *           many, instants that do not ascend, offsets that no zone has.
 * Threads   Pure functions.
 */
#ifndef OM_ZONES_H
#define OM_ZONES_H

#include "codec.h"
#include "usage.pb-c.h"
#include "base/zone.h"

/* om_zone_read copies a message into the arena. */
om_status om_zone_read(const Om__Zone *z, struct om_arena *a, struct om_zone_table *out, om_err *e) OM_MUST;

/* om_zone_write copies a table into a message; NULL: out of memory. */
Om__Zone *om_zone_write(const struct om_zone_table *t, struct om_arena *a);

#endif
