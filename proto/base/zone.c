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
 * for UTC without an error. */
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
		/* the last second known to have the offset: from the next second on it
		 * may be another one */
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
