/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "day.h"

#include <ctype.h>
#include <stdio.h>

/* The civil calendar by counting 400-year eras of 146097 days from 0000-03-01,
 * so that the leap day comes last in its year. */
om_day
om_day_from_civil(int year, int month, int day)
{
	int y = month <= 2 ? year - 1 : year;
	int era = (y >= 0 ? y : y - 399) / 400;
	int yoe = y - era * 400;
	int doy = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;

	return era * 146097 + yoe * 365 + yoe / 4 - yoe / 100 + doy - 719468;
}

void
om_day_to_civil(om_day d, int *year_out, int *month_out, int *day_out)
{
	int z = d + 719468;
	int era = (z >= 0 ? z : z - 146096) / 146097;
	int doe = z - era * 146097;
	int yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
	int doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
	int mp = (5 * doy + 2) / 153;

	*day_out = doy - (153 * mp + 2) / 5 + 1;
	*month_out = mp < 10 ? mp + 3 : mp - 9;
	*year_out = yoe + era * 400 + (*month_out <= 2 ? 1 : 0);
}

om_status
om_day_parse(const char *text, om_day *out, om_err *e)
{
	static const char shape[] = "dddd-dd-dd";
	int year, month, day, y2, m2, d2;
	size_t i;

	*out = 0;
	for (i = 0; shape[i] != '\0'; i++)
		if (shape[i] == 'd' ? !isdigit((unsigned char)text[i]) : text[i] != '-')
			return om_fail(e, OM_INVALID, "not a day YYYY-MM-DD");
	if (text[i] != '\0')
		return om_fail(e, OM_INVALID, "not a day YYYY-MM-DD");
	year = (text[0] - '0') * 1000 + (text[1] - '0') * 100 + (text[2] - '0') * 10 + (text[3] - '0');
	month = (text[5] - '0') * 10 + (text[6] - '0');
	day = (text[8] - '0') * 10 + (text[9] - '0');
	if (year < 1 || month < 1 || month > 12 || day < 1 || day > 31)
		return om_fail(e, OM_INVALID, "no such day");
	*out = om_day_from_civil(year, month, day);
	om_day_to_civil(*out, &y2, &m2, &d2);
	if (y2 != year || m2 != month || d2 != day) {
		*out = 0;
		return om_fail(e, OM_INVALID, "no such day");
	}
	return OM_OK;
}

const char *
om_day_text(om_day d, char buf[OM_DAY_TEXT])
{
	int year, month, day;

	om_day_to_civil(d, &year, &month, &day);
	(void)snprintf(buf, OM_DAY_TEXT, "%04d-%02d-%02d", (int)((unsigned)year % 100000u),
	    (int)((unsigned)month % 100u), (int)((unsigned)day % 100u));
	return buf;
}
