/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "clock.h"
#include "day.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

om_time
om_now(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_REALTIME, &ts);
	return (om_time)ts.tv_sec * OM_SECOND + ts.tv_nsec / 1000;
}

int64_t
om_mono_ms(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

int64_t
om_mono_us(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

/* two_digits reads nn within lo..hi and steps over it. */
static bool
two_digits(const char **p, int lo, int hi, int *out)
{
	const char *s = *p;

	if (!isdigit((unsigned char)s[0]) || !isdigit((unsigned char)s[1]))
		return false;
	*out = (s[0] - '0') * 10 + (s[1] - '0');
	*p += 2;
	return *out >= lo && *out <= hi;
}

static bool
literal(const char **p, char c)
{
	return *(*p)++ == c;
}

om_status
om_time_parse(const char *text, om_time *out, om_err *e)
{
	char date[11];
	const char *p = text;
	int hour, minute, second, off_h = 0, off_m = 0, sign = 1;
	int64_t micros = 0, unit = 100000;
	om_day day;

	*out = 0;
	(void)snprintf(date, sizeof date, "%.10s", text);
	if (strlen(date) < 10 || om_day_parse(date, &day, NULL) != OM_OK)
		return om_fail(e, OM_INVALID, "not an RFC 3339 time (the date)");
	p += 10;
	if (*p != 'T' && *p != 't' && *p != ' ')
		return om_fail(e, OM_INVALID, "not an RFC 3339 time (no T after the date)");
	p++;
	if (!two_digits(&p, 0, 23, &hour) || !literal(&p, ':') || !two_digits(&p, 0, 59, &minute) ||
	    !literal(&p, ':') || !two_digits(&p, 0, 60, &second))
		return om_fail(e, OM_INVALID, "not an RFC 3339 time (hour, minute or second)");
	if (second == 60)
		second = 59; /* a leap second is counted as the second before it */
	if (*p == '.') {
		p++;
		if (!isdigit((unsigned char)*p))
			return om_fail(e, OM_INVALID, "not an RFC 3339 time (the fraction)");
		for (; isdigit((unsigned char)*p); p++, unit /= 10)
			micros += (*p - '0') * unit;
	}
	if (*p == 'Z' || *p == 'z') {
		p++;
	} else if (*p == '+' || *p == '-') {
		sign = *p++ == '-' ? -1 : 1;
		if (!two_digits(&p, 0, 23, &off_h) || !literal(&p, ':') || !two_digits(&p, 0, 59, &off_m))
			return om_fail(e, OM_INVALID, "not an RFC 3339 time (the offset)");
	} else {
		return om_fail(e, OM_INVALID, "not an RFC 3339 time (no Z and no offset)");
	}
	if (*p != '\0')
		return om_fail(e, OM_INVALID, "not an RFC 3339 time (something follows its end)");
	*out = (om_time)day * OM_DAY +
	    ((hour - sign * off_h) * 3600 + (minute - sign * off_m) * 60 + second) * OM_SECOND + micros;
	return OM_OK;
}

const char *
om_time_text(om_time t, char buf[OM_TIME_TEXT])
{
	om_time days = t / OM_DAY, rest = t % OM_DAY;
	char date[OM_DAY_TEXT];
	int s;

	if (rest < 0) {
		rest += OM_DAY;
		days--;
	}
	s = (int)(rest / OM_SECOND);
	(void)snprintf(buf, OM_TIME_TEXT, "%sT%02d:%02d:%02d.%06dZ", om_day_text((om_day)days, date), s / 3600,
	    s / 60 % 60, s % 60, (int)(rest % OM_SECOND));
	return buf;
}
