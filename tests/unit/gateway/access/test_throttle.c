/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "check.h"

#include "access/throttle.h"

#include <stdio.h>

static struct gw_throttle *t;
static int64_t now_ms;

static int
set_up(void **state)
{
	om_err e = {.text = ""};

	(void)state;
	now_ms = 1000000;
	assert_status(gw_throttle_new(true, &t, &e), OM_OK, e);
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	gw_throttle_free(&t);
	return 0;
}

/* try gives 0 when the try may go on, otherwise the seconds to wait. */
static int64_t
try(const char *address)
{
	int64_t wait_s;
	om_status s = gw_throttle_begin(t, address, now_ms, &wait_s);

	assert_true((s == OM_OK) == (wait_s == 0));
	return wait_s;
}

static void
test_failures_double_the_wait_up_to_a_quarter_of_an_hour(void **state)
{
	int64_t wait = 0;

	(void)state;
	for (int i = 0; i < GW_THROTTLE_FREE; i++)
		assert_int_equal(try("10.0.0.1"), 0);
	for (int64_t expected = 1; expected <= 900; expected *= 2) {
		wait = try("10.0.0.1");
		assert_int_equal(wait, expected);
		now_ms += wait * 1000 - 1;
		assert_int_equal(try("10.0.0.1"), 1);
		now_ms += 1;
		assert_int_equal(try("10.0.0.1"), 0);
	}
	assert_int_equal(try("10.0.0.1"), 900);
	assert_int_equal(try("10.0.0.2"), 0); /* another address is free */
}

static void
test_success_forgives(void **state)
{
	(void)state;
	for (int i = 0; i < GW_THROTTLE_FREE; i++)
		assert_int_equal(try("10.0.0.1"), 0);
	assert_true(try("10.0.0.1") > 0);
	now_ms += 1000;
	assert_int_equal(try("10.0.0.1"), 0);
	gw_throttle_succeed(t, "10.0.0.1");
	for (int i = 0; i < GW_THROTTLE_FREE; i++)
		assert_int_equal(try("10.0.0.1"), 0);
}

static void
test_hundred_failures_in_an_hour_close_the_door_to_strangers(void **state)
{
	char address[32];

	(void)state;
	assert_int_equal(try("10.9.9.9"), 0);
	gw_throttle_succeed(t, "10.9.9.9"); /* the owner was here */
	for (unsigned i = 0; i < GW_THROTTLE_HOURLY; i++) {
		(void)snprintf(address, sizeof address, "10.1.%u.%u", i / 200, i % 200);
		assert_int_equal(try(address), 0);
		now_ms += 1000;
	}
	assert_int_equal(try("10.2.0.1"), 3600 - GW_THROTTLE_HOURLY);
	assert_int_equal(try("10.9.9.9"), 0);
	gw_throttle_succeed(t, "10.9.9.9");
	now_ms += (int64_t)(3600 - GW_THROTTLE_HOURLY) * 1000;
	assert_int_equal(try("10.2.0.1"), 0);
	assert_true(try("10.2.0.2") > 0);
}

static void
test_one_ipv6_network_is_one_client(void **state)
{
	char address[64];

	(void)state;
	for (int i = 0; i < GW_THROTTLE_FREE; i++) {
		(void)snprintf(address, sizeof address, "2001:db8:1:2::%d", i + 1);
		assert_int_equal(try(address), 0);
	}
	assert_true(try("2001:db8:1:2:ffff::1") > 0);
	assert_int_equal(try("2001:db8:1:3::1"), 0);
}

static void
test_more_addresses_than_memory_are_survived(void **state)
{
	char address[32];

	(void)state;
	for (unsigned i = 0; i < 6000; i++) {
		(void)snprintf(address, sizeof address, "10.%u.%u.1", i / 250, i % 250);
		if (try(address) == 0)
			gw_throttle_undo(t, address);
		now_ms++;
	}
	assert_int_equal(try("10.200.0.1"), 0);
}

static void
test_old_failures_are_forgotten(void **state)
{
	(void)state;
	for (int i = 0; i < GW_THROTTLE_FREE; i++)
		assert_int_equal(try("10.0.0.1"), 0);
	now_ms += (int64_t)2 * 3600 * 1000;
	for (int i = 0; i < GW_THROTTLE_FREE; i++)
		assert_int_equal(try("10.0.0.1"), 0);
	assert_int_equal(try("10.0.0.1"), 1);
}

int
main(void)
{
#define WITH(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
	const struct CMUnitTest tests[] = {
	    WITH(test_failures_double_the_wait_up_to_a_quarter_of_an_hour),
	    WITH(test_success_forgives),
	    WITH(test_hundred_failures_in_an_hour_close_the_door_to_strangers),
	    WITH(test_one_ipv6_network_is_one_client),
	    WITH(test_more_addresses_than_memory_are_survived),
	    WITH(test_old_failures_are_forgotten),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
