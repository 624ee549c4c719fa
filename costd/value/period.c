/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "period.h"

#include "base/invariant.h"
#include "base/zone.h"

om_day
cd_month_start(om_day d, int by)
{
	int year, month, day;

	om_day_to_civil(d, &year, &month, &day);
	month += by - 1;
	year += month / 12;
	month %= 12;
	if (month < 0) {
		month += 12;
		year--;
	}
	return om_day_from_civil(year, month + 1, 1);
}

/* enclose sets instants that no row of the days lies outside of.  A day of
 * margin on both sides: where clocks are set back over midnight a local day is
 * not one stretch of time. */
static void
enclose(struct cd_period *p)
{
	om_check(p->days && p->from_day <= p->to_day);
	p->from_us = om_zone_day_start(p->from_day) - OM_DAY;
	p->to_us = om_zone_day_start(p->to_day) + OM_DAY;
}

om_status
cd_period_read(const Om__Period *p, om_time now, struct cd_period *out, om_err *e)
{
	const om_day least = om_day_from_civil(1000, 1, 1), most = om_day_from_civil(9999, 1, 1);
	bool days = p != NULL && (p->has_from_day || p->has_to_day);
	bool instants = p != NULL && (p->has_from_us || p->has_to_us);
	om_day month = cd_month_start(om_zone_day(now), 0), next = cd_month_start(month, 1);

	if (days && instants)
		return om_fail(e, OM_INVALID, "from and to must both be days or both be instants");
	out->days = !instants;
	out->from_day = days && p->has_from_day ? p->from_day : month;
	out->to_day = days && p->has_to_day ? p->to_day : next;
	if (out->days) {
		if (out->from_day < least || out->to_day > most)
			return om_fail(e, OM_INVALID, "from and to must lie in the years 1000 to 9998");
		if (out->from_day > out->to_day)
			return om_fail(e, OM_INVALID, "from is after to");
		enclose(out);
		return OM_OK;
	}
	out->from_us = p->has_from_us ? p->from_us : om_zone_day_start(month);
	out->to_us = p->has_to_us ? p->to_us : om_zone_day_start(next);
	if (out->from_us < (om_time)least * OM_DAY || out->to_us > (om_time)most * OM_DAY)
		return om_fail(e, OM_INVALID, "from and to must lie in the years 1000 to 9998");
	if (out->from_us > out->to_us)
		return om_fail(e, OM_INVALID, "from is after to");
	return OM_OK;
}

om_status
cd_period_month(uint32_t year, uint32_t month, struct cd_period *out, om_err *e)
{
	if (year < 1000 || year > 9998)
		return om_fail(e, OM_INVALID, "year: must be from 1000 to 9998");
	if (month < 1 || month > 12)
		return om_fail(e, OM_INVALID, "month: must be from 1 to 12");
	out->days = true;
	out->from_day = om_day_from_civil((int)year, (int)month, 1);
	out->to_day = cd_month_start(out->from_day, 1);
	enclose(out);
	return OM_OK;
}
