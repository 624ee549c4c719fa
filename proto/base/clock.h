/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * clock.h - instants and durations.
 *
 * Shape     om_time: microseconds since 1970-01-01T00:00:00Z, no leap seconds.
 *           Text is RFC 3339.  Durations and deadlines use the monotonic
 *           clock, in milliseconds.
 */
#ifndef OM_CLOCK_H
#define OM_CLOCK_H

#include "status.h"

#include <stdint.h>

typedef int64_t om_time;

#define OM_SECOND ((om_time)1000000)
#define OM_DAY    (86400 * OM_SECOND)

#define OM_TIME_TEXT 32 /* bytes that hold any instant as text */

om_time om_now(void);
int64_t om_mono_ms(void);
int64_t om_mono_us(void);

/* om_time_parse reads RFC 3339 with "Z" or an offset, any number of fraction
 * digits (those beyond the microsecond are cut), years 0001 to 9999. */
om_status om_time_parse(const char *text, om_time *out, om_err *e) OM_MUST;

/* om_time_text writes "2026-11-23T16:40:01.120000Z" and returns buf. */
const char *om_time_text(om_time t, char buf[OM_TIME_TEXT]);

#endif
