/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * hours.h - local hours, as rows are added up by them.
 *
 * Shape     A period falls into stretches of one offset each.  An hour is the
 *           number of its stretch and of the local hour within it, so the hour
 *           that comes twice when clocks are set back is two hours, in order.
 * Threads   Pure functions.
 */
#ifndef CD_HOURS_H
#define CD_HOURS_H

#include "period.h"
#include "base/arena.h"
#include "base/buf.h"
#include "base/clock.h"

#define CD_HOUR_DAYS 31 /* a period's most days: hours are in no total, all its rows are read */
#define CD_STRETCHES 16u

struct cd_hours {
	size_t n;
	om_time end_us[CD_STRETCHES];
	int64_t offset_s[CD_STRETCHES];
};

/* cd_hours_init refuses a period that is too long. */
om_status cd_hours_init(struct cd_hours *h, const struct cd_period *p, om_err *e) OM_MUST;

/* cd_hours_sql writes the number of a row's hour; ascending in time. */
void cd_hours_sql(const struct cd_hours *h, struct om_buf *sql);

/* cd_hours_text gives "2026-10-25T02:00+01:00". */
char *cd_hours_text(const struct cd_hours *h, int64_t number, struct om_arena *a);

#endif
