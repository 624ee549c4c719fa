/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* The reporting zone in replies. */
#include "fixture.h"

#include "read/zone.h"
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
	    cmocka_unit_test(test_the_reporting_zone_is_told_as_it_is),
	    cmocka_unit_test(test_no_memory_for_the_zone_is_said),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
