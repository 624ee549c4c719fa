/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * zone.h - the one reporting time zone of an installation, and any time zone as a
 * value.
 *
 * Days      A billing day is a day of the reporting zone.
 * Threads   om_zone_open once, before threads start: it sets TZ for the whole
 *           process.  Everything else from any thread.
 * Failure   An unknown zone is OM_INVALID; UTC stays in force.
 */
#ifndef OM_ZONE_H
#define OM_ZONE_H

#include "arena.h"
#include "clock.h"
#include "day.h"

/* om_zone_open makes the IANA zone (/usr/share/zoneinfo, or TZDIR) the
 * reporting zone. */
om_status om_zone_open(const char *name, om_err *e) OM_MUST;

/* om_zone_name returns the name given to om_zone_open; "UTC" before. */
const char *om_zone_name(void);

/* om_zone_day returns the local day of an instant. */
om_day om_zone_day(om_time t);

/* om_zone_day_start returns the first instant of a local day. */
om_time om_zone_day_start(om_day d);

/* om_zone_offset_s returns how far local time is ahead of UTC at an instant. */
int64_t om_zone_offset_s(om_time t);

/* om_zone_next_shift returns the first instant after `from`, before `to`, from
 * which on another offset is in force; `to` if there is none. */
om_time om_zone_next_shift(om_time from, om_time to);

/* om_zone_text writes the local time "2026-11-23 17:40" and returns buf. */
const char *om_zone_text(om_time t, char buf[OM_TIME_TEXT]);

/* ---- a time zone as a value, which needs none of the process ---- */

#define OM_ZONE_SHIFTS 2000u       /* instants of a table, at most */
#define OM_ZONE_FAR_S  (26 * 3600) /* no zone is further from UTC */
#define OM_ZONE_NAME   64          /* bytes that hold any zone's name */

/* When which offset is in force.  All of it is borrowed: whose memory it is,
 * the function that makes it says.  It is never changed afterwards, so any thread may read it. */
struct om_zone_table {
	const char *name;        /* IANA's */
	size_t n;                /* instants */
	const int64_t *at_s;     /* seconds since 1970 UTC, ascending */
	const int32_t *offset_s; /* n + 1: local time minus UTC; [0] before at_s[0], [i + 1] from at_s[i] on */
};

/* om_zone_utc shifts never. */
extern const struct om_zone_table om_zone_utc;

/* om_zone_table_make writes down the process's zone from one instant to another;
 * name and numbers live in the arena.  Takes milliseconds: keep what it gives. */
om_status om_zone_table_make(
    om_time from, om_time to, struct om_arena *a, struct om_zone_table *out, om_err *e) OM_MUST;

/* As the functions of the same names above.  Outside its years a table's first or last
 * offset counts. */
int64_t om_zone_table_offset_s(const struct om_zone_table *z, om_time t);
om_day om_zone_table_day(const struct om_zone_table *z, om_time t);
/* om_zone_table_text writes "2026-11-23 17:40" and returns buf. */
const char *om_zone_table_text(const struct om_zone_table *z, om_time t, char buf[OM_TIME_TEXT]);

#endif
