/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "check.h"
#include "base/clock.h"
#include "base/sync.h"
#include "base/zone.h"

#include <stdio.h>

static om_time
instant(const char *text)
{
	om_err e = {.text = ""};
	om_time t;

	assert_status(om_time_parse(text, &t, &e), OM_OK, e);
	return t;
}

static om_day
day(const char *text)
{
	om_err e = {.text = ""};
	om_day d;

	assert_status(om_day_parse(text, &d, &e), OM_OK, e);
	return d;
}

static void
test_time_round_trip(void **state)
{
	char buf[OM_TIME_TEXT];

	(void)state;
	assert_int_equal(instant("1970-01-01T00:00:00Z"), 0);
	assert_string_equal(om_time_text(instant("2026-11-23T16:40:01.120Z"), buf), "2026-11-23T16:40:01.120000Z");
	assert_string_equal(
	    om_time_text(instant("2026-09-30T10:19:18.123456789+02:00"), buf), "2026-09-30T08:19:18.123456Z");
	assert_string_equal(om_time_text(instant("2026-12-31T23:59:60Z"), buf), "2026-12-31T23:59:59.000000Z");
	assert_string_equal(om_time_text(instant("2024-02-29t00:00:00-23:59"), buf), "2024-02-29T23:59:00.000000Z");
	assert_string_equal(om_time_text(-1, buf), "1969-12-31T23:59:59.999999Z");
	assert_string_equal(om_time_text(instant("9999-12-31T23:59:59.999999Z"), buf), "9999-12-31T23:59:59.999999Z");
}

static void
test_time_malformed_is_invalid(void **state)
{
	static const char *const bad[] = {"", "2026-11-23", "2026-11-23T16:40:01", "2026-11-23T24:00:00Z",
	    "2026-02-29T00:00:00Z", "2026-13-01T00:00:00Z", "2026-11-23T16:40:61Z", "2026-11-23T16:40:01.Z",
	    "2026-11-23T16:40:01Zx", "2026-11-23T1:40:01Z", "2026-11-23T16:40:01+2:00", "2026-11-23T16:40",
	    "x026-11-23T16:40:01Z", "0000-01-01T00:00:00Z"};
	om_time t;

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		if (om_time_parse(bad[i], &t, NULL) != OM_INVALID)
			fail_msg("\"%s\" was taken for a time", bad[i]);
}

static void
test_days_count_through_all_years(void **state)
{
	om_day expected = day("0001-01-01");
	char buf[OM_DAY_TEXT];
	int y, m, d;

	(void)state;
	for (; expected <= day("9999-12-31"); expected++) {
		om_day_to_civil(expected, &y, &m, &d);
		if (om_day_from_civil(y, m, d) != expected)
			fail_msg("day %d does not round-trip", (int)expected);
	}
	assert_int_equal(day("1970-01-01"), 0);
	assert_int_equal(day("2000-03-01") - day("2000-02-28"), 2);
	assert_int_equal(day("1900-03-01") - day("1900-02-28"), 1);
	assert_string_equal(om_day_text(day("2026-11-23"), buf), "2026-11-23");
}

static void
test_zone_unknown_is_invalid(void **state)
{
	(void)state;
	assert_int_equal(om_zone_open("Europe/Atlantis", NULL), OM_INVALID);
	assert_int_equal(om_zone_open("../../../etc/passwd", NULL), OM_INVALID);
	assert_int_equal(om_zone_open("/etc/passwd", NULL), OM_INVALID);
	assert_int_equal(om_zone_open("", NULL), OM_INVALID);
	assert_string_equal(om_zone_name(), "UTC");
}

/* every instant of day d, and none other, belongs to d */
static void
assert_day_bounds(const char *text)
{
	om_time start = om_zone_day_start(day(text)), end = om_zone_day_start(day(text) + 1);

	assert_int_equal(om_zone_day(start), day(text));
	assert_int_equal(om_zone_day(start - 1), day(text) - 1);
	assert_int_equal(om_zone_day(end - 1), day(text));
	assert_int_equal(om_zone_day(end), day(text) + 1);
}

static void
test_zone_days_follow_daylight_saving(void **state)
{
	om_err e = {.text = ""};
	char buf[OM_TIME_TEXT];

	(void)state;
	assert_status(om_zone_open("Europe/Berlin", &e), OM_OK, e);
	assert_string_equal(om_time_text(om_zone_day_start(day("2026-11-01")), buf), "2026-10-31T23:00:00.000000Z");
	assert_string_equal(om_time_text(om_zone_day_start(day("2026-10-25")), buf), "2026-10-24T22:00:00.000000Z");
	assert_int_equal(
	    (om_zone_day_start(day("2026-10-26")) - om_zone_day_start(day("2026-10-25"))) / OM_SECOND, 25 * 3600);
	assert_int_equal(
	    (om_zone_day_start(day("2026-03-30")) - om_zone_day_start(day("2026-03-29"))) / OM_SECOND, 23 * 3600);
	assert_int_equal(om_zone_day(instant("2026-10-31T23:00:00Z")), day("2026-11-01"));
	assert_int_equal(om_zone_day(instant("2026-10-31T22:59:59.999999Z")), day("2026-10-31"));
	assert_string_equal(om_zone_text(instant("2026-07-01T12:00:00Z"), buf), "2026-07-01 14:00");
	assert_day_bounds("2026-10-25");
	assert_day_bounds("2026-03-29");
	assert_day_bounds("1969-12-31");

	/* a zone whose clocks change at midnight: this day begins at 01:00 */
	/* one shift sought from exactly so many days before it, and from another one */
	assert_int_equal(om_zone_next_shift(instant("2026-10-20T01:00:00Z"), instant("2026-12-01T00:00:00Z")),
	    instant("2026-10-25T01:00:00Z"));
	assert_int_equal(om_zone_next_shift(instant("2026-03-29T01:00:00Z"), instant("2026-12-01T00:00:00Z")),
	    instant("2026-10-25T01:00:00Z"));
	assert_int_equal(om_zone_next_shift(instant("2026-10-25T00:59:59Z"), instant("2026-12-01T00:00:00Z")),
	    instant("2026-10-25T01:00:00Z"));
	assert_status(om_zone_open("America/Santiago", &e), OM_OK, e);
	assert_day_bounds("2026-09-06");
	assert_status(om_zone_open("Pacific/Kiritimati", &e), OM_OK, e);
	assert_string_equal(om_time_text(om_zone_day_start(day("2026-01-01")), buf), "2025-12-31T10:00:00.000000Z");
	assert_status(om_zone_open("UTC", &e), OM_OK, e);
	assert_day_bounds("2026-01-01");
	assert_int_equal(om_zone_day(-1), -1);
}

static void
test_monotonic_clock_does_not_go_back(void **state)
{
	int64_t a = om_mono_ms(), b = om_mono_ms();

	(void)state;
	assert_true(b >= a);
	assert_true(om_now() > instant("2024-01-01T00:00:00Z"));
}

static void
test_wait_ends_at_its_deadline(void **state)
{
	pthread_mutex_t m = PTHREAD_MUTEX_INITIALIZER;
	pthread_cond_t c;
	int64_t deadline = om_mono_ms() + 30;

	(void)state;
	om_cond_init(&c);
	assert_int_equal(pthread_mutex_lock(&m), 0);
	while (om_cond_wait(&c, &m, deadline)) /* may wake without a reason */
		assert_true(om_mono_ms() <= deadline + 60000);
	assert_true(om_mono_ms() >= deadline);
	assert_false(om_cond_wait(&c, &m, deadline - 1000)); /* long past */
	assert_int_equal(pthread_mutex_unlock(&m), 0);
	assert_int_equal(pthread_cond_destroy(&c), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_time_round_trip),
	    cmocka_unit_test(test_time_malformed_is_invalid),
	    cmocka_unit_test(test_days_count_through_all_years),
	    cmocka_unit_test(test_zone_unknown_is_invalid),
	    cmocka_unit_test(test_zone_days_follow_daylight_saving),
	    cmocka_unit_test(test_monotonic_clock_does_not_go_back),
	    cmocka_unit_test(test_wait_ends_at_its_deadline),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
