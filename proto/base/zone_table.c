/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * zone_table.c - a time zone as a value.
 */
#include "zone.h"

#include <stdio.h>
#include <string.h>

#define DAY_S      86400
#define YEAR_FIRST 1
#define YEAR_LAST  9999

static const int32_t no_offset[1] = {0};

const struct om_zone_table om_zone_utc = {.name = "UTC", .n = 0, .at_s = NULL, .offset_s = no_offset};

/* floor_to rounds down, before 1970 too. */
static int64_t
floor_to(int64_t v, int64_t unit)
{
	return v / unit - (v % unit < 0 ? 1 : 0);
}

om_status
om_zone_table_make(om_time from, om_time to, struct om_arena *a, struct om_zone_table *out, om_err *e)
{
	int64_t *at_s = om_arena_array(a, OM_ZONE_SHIFTS, sizeof *at_s);
	int32_t *offset_s = om_arena_array(a, OM_ZONE_SHIFTS + 1, sizeof *offset_s);
	char *name = om_arena_strdup(a, om_zone_name());
	size_t n = 0;

	*out = (struct om_zone_table){.name = NULL};
	if (at_s == NULL || offset_s == NULL || name == NULL)
		return om_fail(e, OM_NOMEM, "out of memory");
	offset_s[0] = (int32_t)om_zone_offset_s(from);
	for (om_time at = om_zone_next_shift(from, to); at < to; at = om_zone_next_shift(at, to)) {
		if (n == OM_ZONE_SHIFTS)
			return om_fail(
			    e, OM_INTERNAL, "the clocks of %.63s change more than %u times", name, OM_ZONE_SHIFTS);
		at_s[n++] = floor_to(at, OM_SECOND);
		offset_s[n] = (int32_t)om_zone_offset_s(at);
	}
	*out = (struct om_zone_table){.name = name, .n = n, .at_s = at_s, .offset_s = offset_s};
	return OM_OK;
}

/* local_s gives the local time as if it were UTC, in seconds. */
static int64_t
local_s(const struct om_zone_table *z, om_time t)
{
	return floor_to(t, OM_SECOND) + om_zone_table_offset_s(z, t);
}

int64_t
om_zone_table_offset_s(const struct om_zone_table *z, om_time t)
{
	int64_t second = floor_to(t, OM_SECOND);
	size_t lo = 0, hi = z->n; /* how many of the instants are not later */

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (z->at_s[mid] <= second)
			lo = mid + 1;
		else
			hi = mid;
	}
	return z->offset_s[lo];
}

om_day
om_zone_table_day(const struct om_zone_table *z, om_time t)
{
	return (om_day)floor_to(local_s(z, t), DAY_S);
}

const char *
om_zone_table_text(const struct om_zone_table *z, om_time t, char buf[OM_TIME_TEXT])
{
	int64_t local = local_s(z, t), day = floor_to(local, DAY_S);
	unsigned minute = (unsigned)(local - day * DAY_S) / 60;
	char date[OM_DAY_TEXT];

	if (day < om_day_from_civil(YEAR_FIRST, 1, 1) || day > om_day_from_civil(YEAR_LAST, 12, 31))
		(void)snprintf(buf, OM_TIME_TEXT, "-");
	else
		(void)snprintf(
		    buf, OM_TIME_TEXT, "%s %02u:%02u", om_day_text((om_day)day, date), minute / 60, minute % 60);
	return buf;
}
