/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "hours.h"

#include "base/invariant.h"
#include "base/zone.h"

#define HOUR_US   ((int64_t)3600 * OM_SECOND)
#define STRETCH   ((int64_t)1000000000) /* more than there are hours */
#define DAY_HOURS 24

om_status
cd_hours_init(struct cd_hours *h, const struct cd_period *p, om_err *e)
{
	/* the longest of these days has an hour more */
	bool too_long =
	    p->days ? p->to_day - p->from_day > CD_HOUR_DAYS : p->to_us - p->from_us > CD_HOUR_DAYS * OM_DAY + HOUR_US;
	om_time at = p->from_us;

	h->n = 0;
	if (too_long)
		return om_fail(e, OM_INVALID, "group_by: with hour the period may have at most %d days", CD_HOUR_DAYS);
	do {
		om_time end = om_zone_next_shift(at, p->to_us);

		if (h->n == CD_STRETCHES)
			return om_fail(e, OM_INVALID, "group_by: clocks change too often in this period for hours");
		om_check(end > at || end == p->to_us); /* each stretch goes on */
		h->offset_s[h->n] = om_zone_offset_s(at);
		h->end_us[h->n++] = end;
		at = end;
	} while (at < p->to_us);
	return OM_OK;
}

void
cd_hours_sql(const struct cd_hours *h, struct om_buf *sql)
{
	if (h->n > 1)
		om_buf_str(sql, "CASE");
	for (size_t i = 0; i < h->n; i++) {
		int64_t first = (int64_t)i * STRETCH, shift_us = h->offset_s[i] * OM_SECOND;

		if (i + 1 < h->n)
			om_buf_printf(sql, " WHEN started_us<%lld THEN ", (long long)h->end_us[i]);
		else if (h->n > 1)
			om_buf_str(sql, " ELSE ");
		om_buf_printf(
		    sql, "%lld+(started_us+%lld) DIV %lld", (long long)first, (long long)shift_us, (long long)HOUR_US);
	}
	if (h->n > 1)
		om_buf_str(sql, " END");
}

char *
cd_hours_text(const struct cd_hours *h, int64_t number, struct om_arena *a)
{
	int64_t stretch = number / STRETCH, hour = number % STRETCH, minutes;
	char day[OM_DAY_TEXT];

	if (stretch < 0 || (size_t)stretch >= h->n)
		return NULL;
	minutes = h->offset_s[stretch] / 60;
	return om_arena_printf(a, "%sT%02d:00%c%02d:%02d", om_day_text((om_day)(hour / DAY_HOURS), day),
	    (int)(hour % DAY_HOURS), minutes < 0 ? '-' : '+', (int)((minutes < 0 ? -minutes : minutes) / 60),
	    (int)((minutes < 0 ? -minutes : minutes) % 60));
}
