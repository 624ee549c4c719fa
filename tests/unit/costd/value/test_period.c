/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Periods and months. */
#include "record_fixture.h"

#include "value/period.h"
#include "usage.pb-c.h"
#include "base/zone.h"

#include <stdlib.h>
#include <string.h>

static struct om_arena arena;

static int
set_up(void **state)
{
	(void)state;
	om_arena_init(&arena, (size_t)64 * 1024 * 1024);
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	om_arena_fini(&arena);
	return 0;
}

static void
test_period_defaults_to_the_running_month(void **state)
{
	const om_time now = (om_time)1796083200 * OM_SECOND; /* 2026-12-01T00:00:00Z */
	struct cd_period p;
	Om__Period ask = OM__PERIOD__INIT;

	(void)state;
	assert_int_equal(om_zone_open("America/New_York", NULL), OM_OK);
	assert_int_equal(cd_period_read(NULL, now, &p, NULL), OM_OK);
	assert_true(p.days); /* it is still November over there */
	assert_int_equal(p.from_day, om_day_from_civil(2026, 11, 1));
	assert_int_equal(p.to_day, om_day_from_civil(2026, 12, 1));
	assert_int_equal(om_zone_open("UTC", NULL), OM_OK);
	ask.has_from_us = true;
	ask.from_us = now + 5;
	assert_int_equal(cd_period_read(&ask, now, &p, NULL), OM_OK);
	assert_false(p.days);
	assert_int_equal(p.to_us, (om_time)om_day_from_civil(2027, 1, 1) * OM_DAY);
	ask.has_to_day = true;
	assert_int_equal(cd_period_read(&ask, now, &p, NULL), OM_INVALID);
	ask = (Om__Period)OM__PERIOD__INIT;
	ask.has_from_day = ask.has_to_day = true;
	ask.from_day = 10;
	ask.to_day = 9;
	assert_int_equal(cd_period_read(&ask, now, &p, NULL), OM_INVALID);
	ask.from_day = INT32_MIN;
	assert_int_equal(cd_period_read(&ask, now, &p, NULL), OM_INVALID);
	ask = (Om__Period)OM__PERIOD__INIT;
	ask.has_from_us = ask.has_to_us = true;
	ask.from_us = INT64_MIN;
	ask.to_us = INT64_MAX;
	assert_int_equal(cd_period_read(&ask, now, &p, NULL), OM_INVALID);
}

static void
test_months_follow_one_another(void **state)
{
	om_day d = om_day_from_civil(2024, 3, 31);
	struct cd_period p;

	(void)state;
	assert_int_equal(cd_month_start(d, 0), om_day_from_civil(2024, 3, 1));
	assert_int_equal(cd_month_start(d, -1), om_day_from_civil(2024, 2, 1));
	assert_int_equal(cd_month_start(d, -3), om_day_from_civil(2023, 12, 1));
	assert_int_equal(cd_month_start(d, 10), om_day_from_civil(2025, 1, 1));
	assert_int_equal(cd_period_month(2024, 2, &p, NULL), OM_OK);
	assert_int_equal(p.to_day - p.from_day, 29);
	assert_int_equal(cd_period_month(2024, 0, &p, NULL), OM_INVALID);
	assert_int_equal(cd_period_month(2024, 13, &p, NULL), OM_INVALID);
	assert_int_equal(cd_period_month(0, 1, &p, NULL), OM_INVALID);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_period_defaults_to_the_running_month),
	    cmocka_unit_test(test_months_follow_one_another),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
