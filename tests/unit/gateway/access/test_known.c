/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "check.h"

#include "access/known.h"

#include <string.h>

static struct gw_session
session(unsigned n)
{
	struct gw_session s = {.expires_at = (om_time)n + 1};

	memcpy(s.secret, &n, sizeof n);
	return s;
}

static bool
knows(struct gw_known *k, unsigned n, int64_t within_ms)
{
	struct gw_session s = session(n);
	om_time ends = 0;
	bool found = gw_known_find(k, s.secret, within_ms, &ends);

	assert_true(!found || ends == s.expires_at);
	return found;
}

static void
test_what_was_kept_is_found_until_it_is_dropped(void **state)
{
	struct gw_known *k = NULL;
	struct gw_session one = session(1), two = session(2);
	om_err e = {.text = ""};

	(void)state;
	assert_status(gw_known_new(&k, &e), OM_OK, e);
	assert_false(knows(k, 1, 1000000));
	gw_known_keep(k, &one);
	gw_known_keep(k, &two);
	assert_true(knows(k, 1, 1000000));
	assert_false(knows(k, 1, -1)); /* confirmed longer ago than is asked for */
	gw_known_drop(k, one.secret);
	assert_false(knows(k, 1, 1000000));
	assert_true(knows(k, 2, 1000000));
	gw_known_clear(k);
	assert_false(knows(k, 2, 1000000));
	gw_known_free(&k);
}

static void
test_one_makes_room_when_it_is_full(void **state)
{
	struct gw_known *k = NULL;
	om_err e = {.text = ""};
	unsigned n = 0;

	(void)state;
	assert_status(gw_known_new(&k, &e), OM_OK, e);
	for (unsigned i = 0; i <= GW_KNOWN; i++) {
		struct gw_session s = session(i);

		gw_known_keep(k, &s);
		assert_true(knows(k, i, 1000000));
	}
	for (unsigned i = 0; i <= GW_KNOWN; i++)
		n += knows(k, i, 1000000);
	assert_int_equal(n, GW_KNOWN);
	gw_known_free(&k);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_what_was_kept_is_found_until_it_is_dropped),
	    cmocka_unit_test(test_one_makes_room_when_it_is_full),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
