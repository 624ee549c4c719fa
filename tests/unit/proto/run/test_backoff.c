/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "check.h"
#include "run/backoff.h"

#define NOW ((om_time)1795000000 * OM_SECOND)

static om_time
wait_after(int64_t attempts, int64_t retry_after_s, uint32_t random)
{
	const struct om_backoff b = {.now = NOW,
	    .first_us = NOW - OM_SECOND,
	    .give_up_us = 7 * OM_DAY,
	    .base_us = 5 * OM_SECOND,
	    .max_us = INT64_C(6) * 3600 * OM_SECOND,
	    .attempts = attempts,
	    .retry_after_s = retry_after_s,
	    .random = random};

	return om_backoff_next(&b) - NOW;
}

static void
test_waits_double_up_to_the_longest_with_jitter(void **state)
{
	struct om_backoff b = {
	    .now = NOW, .first_us = NOW - OM_DAY, .give_up_us = OM_DAY, .base_us = OM_SECOND, .attempts = 1};

	(void)state;
	assert_int_equal(wait_after(1, -1, 1000), 5 * OM_SECOND);
	assert_int_equal(wait_after(2, -1, 1000), 10 * OM_SECOND);
	assert_int_equal(wait_after(3, -1, 1000), 20 * OM_SECOND);
	assert_int_equal(wait_after(3, -1, 0), 16 * OM_SECOND);
	assert_int_equal(wait_after(3, -1, 2000), 24 * OM_SECOND);
	assert_int_equal(wait_after(60, -1, 1000), INT64_C(6) * 3600 * OM_SECOND);
	assert_int_equal(wait_after(INT64_MAX, -1, 1000), INT64_C(6) * 3600 * OM_SECOND);
	assert_true(wait_after(1, 30, 0) == 30 * OM_SECOND);
	assert_true(wait_after(1, 0, 0) == 5 * OM_SECOND);
	assert_true(wait_after(1, 999999, 0) == 3600 * OM_SECOND);
	assert_int_equal(om_backoff_next(&b), 0);
	b.now -= OM_SECOND / 2; /* the last time at the end of the schedule */
	assert_int_equal(om_backoff_next(&b), b.first_us + OM_DAY);
}

static void
test_a_schedule_without_an_end_goes_on(void **state)
{
	struct om_backoff b = {.now = 9 * OM_DAY,
	    .first_us = 0,
	    .give_up_us = OM_BACKOFF_FOR_EVER,
	    .base_us = OM_SECOND,
	    .max_us = 60 * OM_SECOND,
	    .attempts = 1000,
	    .retry_after_s = -1,
	    .random = 1000};

	(void)state;
	assert_int_equal(om_backoff_next(&b), b.now + 60 * OM_SECOND);
	b.max_us = 0; /* no longest wait: the first one stays */
	assert_int_equal(om_backoff_next(&b), b.now + OM_SECOND);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_waits_double_up_to_the_longest_with_jitter),
	    cmocka_unit_test(test_a_schedule_without_an_end_goes_on),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
