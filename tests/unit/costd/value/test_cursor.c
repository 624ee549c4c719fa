/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Cursors of lists. */
#include "record_fixture.h"

#include "value/cursor.h"
#include "usage.pb-c.h"

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

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_cursor_comes_back_and_other_text_is_refused),
	    cmocka_unit_test(test_cursor_reading_is_total),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
