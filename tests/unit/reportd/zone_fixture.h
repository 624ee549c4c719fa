/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * zone_fixture.h - time zones for tests, each read once.
 */
#ifndef RD_ZONE_FIXTURE_H
#define RD_ZONE_FIXTURE_H

#include "base/zone.h"

/* fx_zone gives a zone as a table that stays; NULL: Europe/Berlin.  The first time
 * it changes the process's zone: before threads start. */
const struct om_zone_table *fx_zone(const char *name);

#endif
