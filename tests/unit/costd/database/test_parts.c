/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Small parts: cursors, periods, the splitting of migrations, error numbers. */
#include "fixture.h"

#include "settings.h"
#include "database/schema.h"
#include "read/zone.h"
#include "value/cursor.h"
#include "value/period.h"
#include "usage.pb-c.h"
#include "wire/zones.h"

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
test_cursor_comes_back_and_other_text_is_refused(void **state)
{
	const struct cd_cursor c = {.us = -5, .key = "owui:\xc3\xa4"};
	char *text = cd_cursor_text(CD_CURSOR_GENERATIONS, &c, &arena);
	struct cd_cursor back = {0};

	(void)state;
	assert_int_equal(cd_cursor_read(CD_CURSOR_GENERATIONS, text, &back, &arena, NULL), OM_OK);
	assert_int_equal(back.us, -5);
	assert_string_equal(back.key, c.key);
	assert_int_equal(cd_cursor_read(CD_CURSOR_USERS, text, &back, &arena, NULL), OM_INVALID);
	assert_int_equal(cd_cursor_read(CD_CURSOR_GENERATIONS, "", &back, &arena, NULL), OM_INVALID);
	assert_int_equal(cd_cursor_read(CD_CURSOR_GENERATIONS, "AQAAAAAAAAAA", &back, &arena, NULL), OM_INVALID);
	assert_int_equal(cd_cursor_read(CD_CURSOR_GENERATIONS, "AQAAAAAAAAAAAA", &back, &arena, NULL), OM_INVALID);
}

static void
test_cursor_reading_is_total(void **state)
{
	uint64_t seed = fx_seed();
	char text[1400];

	(void)state;
	for (unsigned i = 0; i < 20000; i++) {
		size_t n = fx_random(&seed) % (i % 50 == 0 ? sizeof text : 40);
		struct cd_cursor c;

		for (size_t k = 0; k < n; k++) {
			uint64_t x = fx_random(&seed);

			if (i % 3 == 0)
				text[k] = (char)(x % 255 + 1);
			else
				text[k] = "AQabc-_019zZ"[x % 12];
		}
		text[n] = '\0';
		(void)!cd_cursor_read(CD_CURSOR_GENERATIONS, text, &c, &arena, NULL);
	}
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

static void
expect_statements(const char *sql, const char *const *want, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		char *got = cd_schema_next(&sql);

		assert_non_null(got);
		assert_string_equal(got, want[i]);
		free(got);
	}
	assert_null(cd_schema_next(&sql));
}

static void
test_migrations_are_split_at_the_right_semicolons(void **state)
{
	const char *const want[] = {
	    "CREATE TABLE a (x INT , y TEXT DEFAULT ';--''\\';')", "INSERT INTO `a;b` VALUES (\";\")", "SELECT 1 "};

	(void)state;
	expect_statements(
	    "-- head; not one\n\nCREATE TABLE a (x INT -- the x; really\n,\n  y TEXT DEFAULT ';--''\\';');;\n"
	    "/* ; */INSERT INTO `a;b` VALUES (\";\");SELECT 1 -- end",
	    want, 3);
	expect_statements("", NULL, 0);
	expect_statements(" ;; -- only a comment", NULL, 0);
	expect_statements("/* open", NULL, 0);
}

static void
test_embedded_migrations_ascend_and_split(void **state)
{
	(void)state;
	assert_true(cd_n_migrations > 0);
	for (size_t i = 0; i < cd_n_migrations; i++) {
		const char *at = cd_migrations[i].sql;
		char *statement;
		size_t n = 0;

		assert_int_equal(cd_migrations[i].version, i + 1);
		for (; (statement = cd_schema_next(&at)) != NULL; n++)
			free(statement);
		assert_true(n > 0);
	}
}

static void
test_database_errors_are_told_apart(void **state)
{
	static const unsigned again[] = {1213, 1205, 1180, 1062, 1142, 1021};
	static const unsigned gone[] = {2006, 2013, 2002, 1927, 1053, 1290, 1047};
	static const unsigned data[] = {1264, 1406, 1366, 1048, 1690, 4025};
	bool broken;

	(void)state;
	for (size_t i = 0; i < sizeof again / sizeof again[0]; i++) {
		assert_int_equal(cd_db_error_status(again[i], &broken), OM_STORE);
		assert_false(broken);
	}
	for (size_t i = 0; i < sizeof gone / sizeof gone[0]; i++) {
		assert_int_equal(cd_db_error_status(gone[i], &broken), OM_UNAVAILABLE);
		assert_true(broken);
	}
	for (size_t i = 0; i < sizeof data / sizeof data[0]; i++)
		assert_int_equal(cd_db_error_status(data[i], &broken), OM_STORE_DATA);
}

static void
test_settings_table_is_whole(void **state)
{
	(void)state;
	for (size_t i = 0; i < CD_N_SETTINGS; i++) {
		assert_non_null(cd_settings_table[i].name);
		assert_non_null(cd_settings_table[i].help);
	}
}

static void
test_the_reporting_zone_is_told_as_it_is(void **state)
{
	static const char *const names[] = {"Europe/Berlin", "UTC", "America/St_Johns"};
	const om_time now = om_now();

	(void)state;
	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
		struct om_zone_table z;
		om_err e = {.text = ""};

		assert_int_equal(om_zone_open(names[i], NULL), OM_OK);
		for (int again = 0; again < 2; again++) {
			if (om_zone_read(cd_zone_reply(&arena), &arena, &z, &e) != OM_OK)
				fail_msg("%s", e.text);
			assert_string_equal(z.name, names[i]);
			assert_int_equal(z.n == 0, i == 1);
			for (om_time t = 0; t < now + 731 * OM_DAY; t += 11 * OM_DAY)
				assert_int_equal(om_zone_table_offset_s(&z, t), om_zone_offset_s(t));
		}
	}
	assert_int_equal(om_zone_open("UTC", NULL), OM_OK);
}

static void
test_no_memory_for_the_zone_is_said(void **state)
{
	struct om_arena little;

	(void)state;
	om_arena_init(&little, 64);
	assert_null(cd_zone_reply(&little));
	assert_true(little.failed);
	om_arena_fini(&little);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_cursor_comes_back_and_other_text_is_refused),
	    cmocka_unit_test(test_cursor_reading_is_total),
	    cmocka_unit_test(test_period_defaults_to_the_running_month),
	    cmocka_unit_test(test_months_follow_one_another),
	    cmocka_unit_test(test_migrations_are_split_at_the_right_semicolons),
	    cmocka_unit_test(test_embedded_migrations_ascend_and_split),
	    cmocka_unit_test(test_database_errors_are_told_apart),
	    cmocka_unit_test(test_settings_table_is_whole),
	    cmocka_unit_test(test_the_reporting_zone_is_told_as_it_is),
	    cmocka_unit_test(test_no_memory_for_the_zone_is_said),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
