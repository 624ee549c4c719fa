/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * period.h - the half-open stretch of time a question is about.
 */
#ifndef CD_PERIOD_H
#define CD_PERIOD_H

#include "usage.pb-c.h"
#include "base/clock.h"
#include "base/day.h"
#include "wire/codec.h"

struct cd_period {
	bool days;               /* whole local days, so that the daily totals answer it */
	om_day from_day, to_day; /* days */
	om_time from_us, to_us;  /* otherwise; with days: instants that enclose them */
};

/* cd_period_read fills in what is absent: the running local month.  OM_INVALID
 * for a mixture of days and instants, an end before the start, or years that
 * no date can hold.  p may be NULL. */
om_status cd_period_read(const Om__Period *p, om_time now, struct cd_period *out, om_err *e) OM_MUST;

/* cd_period_month is one calendar month. */
om_status cd_period_month(uint32_t year, uint32_t month, struct cd_period *out, om_err *e) OM_MUST;

/* cd_month_start is the first day of the month `by` months away from d's. */
om_day cd_month_start(om_day d, int by);

#endif
