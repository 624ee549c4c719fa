/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * day.h - calendar days.
 *
 * Shape     om_day: days since 1970-01-01 in the proleptic Gregorian calendar,
 *           years 0001 to 9999.
 * Threads   Pure functions.
 */
#ifndef OM_DAY_H
#define OM_DAY_H

#include "status.h"

#include <stdint.h>

typedef int32_t om_day;

#define OM_DAY_TEXT 16 /* bytes that hold any day as text */

/* om_day_parse reads "YYYY-MM-DD" and nothing else. */
om_status om_day_parse(const char *text, om_day *out, om_err *e) OM_MUST;
const char *om_day_text(om_day d, char buf[OM_DAY_TEXT]);

/* om_day_from_civil: month 1 to 12, day 1 to 31; not checked further. */
om_day om_day_from_civil(int year, int month, int day);
void om_day_to_civil(om_day d, int *year_out, int *month_out, int *day_out);

#endif
