/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "zone.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static char zone_name[OM_ZONE_NAME] = "UTC";

/* A zone file begins with "TZif" (RFC 8536); glibc would take an unknown name
 * for UTC without a word. */
static bool
zone_exists(const char *name)
{
	const char *dir = getenv("TZDIR");
	char path[512], magic[4];
	FILE *f;
	bool ok;

	for (const char *p = name; *p != '\0'; p++)
		if (!isalnum((unsigned char)*p) && strchr("/_+-", *p) == NULL)
			return false;
	if (name[0] == '\0' || name[0] == '/' || strlen(name) >= OM_ZONE_NAME)
		return false;
	(void)snprintf(path, sizeof path, "%s/%s", dir != NULL ? dir : "/usr/share/zoneinfo", name);
	f = fopen(path, "re");
	if (f == NULL)
		return false;
	ok = fread(magic, 1, sizeof magic, f) == sizeof magic && memcmp(magic, "TZif", 4) == 0;
	(void)fclose(f);
	return ok;
}

om_status
om_zone_open(const char *name, om_err *e)
{
	char tz[OM_ZONE_NAME + 1];

	/* UTC needs no file, so that a container without tzdata still works. */
	if (strcmp(name, "UTC") != 0 && !zone_exists(name))
		return om_fail(e, OM_INVALID, "no such time zone (names are IANA's, like Europe/Berlin)");
	(void)snprintf(zone_name, sizeof zone_name, "%s", name);
	(void)snprintf(tz, sizeof tz, "%s%s", strcmp(name, "UTC") == 0 ? "" : ":", name);
	if (setenv("TZ", strcmp(name, "UTC") == 0 ? "UTC0" : tz, 1) != 0)
		return om_fail(e, OM_NOMEM, "cannot set TZ");
	tzset();
	return OM_OK;
}

const char *
om_zone_name(void)
{
	return zone_name;
}

static om_time
floor_second(om_time t)
{
	return t >= 0 ? t / OM_SECOND : -((-t + OM_SECOND - 1) / OM_SECOND);
}

static om_day
day_of_second(int64_t second)
{
	time_t s = (time_t)second;
	struct tm tm;

	if (strcmp(zone_name, "UTC") == 0 || localtime_r(&s, &tm) == NULL)
		return (om_day)(second >= 0 ? second / 86400 : -((-second + 86399) / 86400));
	return om_day_from_civil(tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday);
}

om_day
om_zone_day(om_time t)
{
	return day_of_second(floor_second(t));
}

om_time
om_zone_day_start(om_day d)
{
	int64_t lo = ((int64_t)d - 2) * 86400, hi = ((int64_t)d + 2) * 86400;

	/* the first second whose local day is d or later; no zone is two days off */
	while (lo < hi) {
		int64_t mid = lo + (hi - lo) / 2;

		if (day_of_second(mid) >= d)
			hi = mid;
		else
			lo = mid + 1;
	}
	return lo * OM_SECOND;
}

int64_t
om_zone_offset_s(om_time t)
{
	time_t s = (time_t)floor_second(t);
	struct tm tm;

	if (strcmp(zone_name, "UTC") == 0 || localtime_r(&s, &tm) == NULL)
		return 0;
	return (int64_t)tm.tm_gmtoff;
}

om_time
om_zone_next_shift(om_time from, om_time to)
{
	const int64_t offset = om_zone_offset_s(from);
	/* no zone shifts twice within a day */
	for (om_time at = from; at < to; at += OM_DAY) {
		om_time end = at + OM_DAY < to ? at + OM_DAY : to;
		/* the last second known to have the offset: at itself may be the shift */
		int64_t lo = floor_second(at) - (at > from ? 1 : 0), hi = floor_second(end - 1);

		if (om_zone_offset_s(hi * OM_SECOND) == offset)
			continue;
		while (lo + 1 < hi) {
			int64_t mid = lo + (hi - lo) / 2;

			if (om_zone_offset_s(mid * OM_SECOND) == offset)
				lo = mid;
			else
				hi = mid;
		}
		return hi * OM_SECOND;
	}
	return to;
}

const char *
om_zone_text(om_time t, char buf[OM_TIME_TEXT])
{
	time_t s = (time_t)floor_second(t);
	struct tm tm;

	if (localtime_r(&s, &tm) == NULL || strftime(buf, OM_TIME_TEXT, "%Y-%m-%d %H:%M", &tm) == 0)
		(void)snprintf(buf, OM_TIME_TEXT, "-");
	return buf;
}

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
